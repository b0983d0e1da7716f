/* SPDX-License-Identifier: MIT */
/*
 * Many CPUs at once: interrupts by one hypercall for every 128 neighbouring APIC IDs, flushes put
 * off until a CPU that was preempted runs again, and the processor given to such a CPU. Linux,
 * Documentation/virt/kvm/x86/hypercalls.rst, KVM_HC_SEND_IPI and KVM_HC_SCHED_YIELD; msr.rst,
 * MSR_KVM_STEAL_TIME, and asm/kvm_para.h for KVM_VCPU_FLUSH_TLB.
 */
#include "backends/kvm/ipi.h"
#include "backends/kvm/hypercall.h"
#include "lib/live.h"

/* The block of a CPU that is up and in a set; NULL: it is not. */
PV_COLD static const struct pv_cpu *member(const struct pv_cpu_set *cpus, uint32_t number)
{
    return pv_cpu_set_has(cpus, number) ? pv_cpu_of(number) : NULL;
}

PV_COLD static uint32_t numbers(void)
{
    uint32_t count = pv_other_cpus() + 1;

    return count < PV_CONFIG_MAX_CPUS ? count : PV_CONFIG_MAX_CPUS;
}

/* Two passes, so that the order of APIC IDs is free and each window begins with a member. */
PV_COLD bool pv_kvm_ipi_window(const struct pv_cpu_set *cpus, uint64_t from,
                               struct pv_kvm_window *window)
{
    uint32_t count = numbers();

    *window = (struct pv_kvm_window){{0, 0}, UINT64_MAX};
    for (unsigned pass = 0; pass < 2; pass++)
        for (uint32_t number = 0; number < count; number++) {
            const struct pv_cpu *cpu = member(cpus, number);
            if (cpu == NULL || cpu->apic_id < from)
                continue;
            uint64_t behind = cpu->apic_id - window->first;
            if (pass == 0 && cpu->apic_id < window->first)
                window->first = cpu->apic_id;
            else if (pass == 1 && behind < PV_KVM_WINDOW_CPUS)
                window->bits[behind / 64] |= 1ull << behind % 64;
        }
    return window->first != UINT64_MAX;
}

/* What KVM does not send goes the native way, one by one. */
PV_COLD static void send_window(const struct pv_cpu_set *cpus, const struct pv_kvm_window *window,
                                uint8_t vector)
{
    uint32_t count = numbers();

    if (pv_kvm_hc_send_ipi(window->bits, (uint32_t)window->first, vector) >= 0)
        return;
    for (uint32_t number = 0; number < count; number++) {
        const struct pv_cpu *cpu = member(cpus, number);
        if (cpu != NULL && cpu->apic_id - window->first < PV_KVM_WINDOW_CPUS)
            pv_backend_kvm.base->ops->smp_ipi(number, vector);
    }
}

/* Who sends to many is going to wait for them: one that was preempted may have the processor. */
PV_COLD static void yield_to_one(const struct pv_cpu_set *cpus)
{
    uint32_t count = numbers();

    for (uint32_t number = 0; number < count; number++)
        if (member(cpus, number) != NULL && pv_vcpu_is_preempted(number)) {
            pv_smp_yield_to(number);
            return;
        }
}

PV_COLD void pv_kvm_smp_ipi_many(const struct pv_cpu_set *cpus, uint8_t vector)
{
    struct pv_kvm_window window;

    for (uint64_t from = 0; pv_kvm_ipi_window(cpus, from, &window);
         from = window.first + PV_KVM_WINDOW_CPUS)
        send_window(cpus, &window, vector);
    yield_to_one(cpus);
}

PV_COLD void pv_kvm_smp_ipi(uint32_t number, uint8_t vector)
{
    static const uint64_t first_only[2] = {1, 0};
    const struct pv_cpu *cpu = pv_cpu_of(number);

    if (cpu == NULL || pv_kvm_hc_send_ipi(first_only, cpu->apic_id, vector) < 0)
        pv_backend_kvm.base->ops->smp_ipi(number, vector);
}

/* Who has no record, or no longer, may have been preempted: then it is KVM that knows. */
PV_COLD void pv_kvm_waits_for(const struct pv_cpu *cpu)
{
    if (pv_kvm_has(PV_KVM_FEATURE_PV_SCHED_YIELD) &&
        (pv_kvm_steal_records[cpu->number] == NULL || pv_kvm_vcpu_is_preempted(cpu->number)))
        pv_kvm_hc_sched_yield(cpu->apic_id);
}

PV_COLD void pv_kvm_smp_yield_to(uint32_t number)
{
    const struct pv_cpu *cpu = pv_cpu_of(number);

    if (cpu != NULL)
        pv_kvm_waits_for(cpu);
}

/* KVM flushes at the CPU's next entry if the mark was set while the other one still stood. */
PV_COLD static bool flush_is_deferred(volatile struct pv_kvm_steal_time *record)
{
    uint8_t seen = record->preempted;

    return (seen & PV_KVM_VCPU_PREEMPTED) &&
           __atomic_compare_exchange_n(&record->preempted, &seen, seen | PV_KVM_VCPU_FLUSH_TLB,
                                       false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* All of the translations of such a CPU go, whatever was asked for. */
PV_COLD int pv_kvm_tlb_flush_others(const struct pv_cpu_set *cpus, uint64_t start, uint64_t end)
{
    struct pv_cpu_set running = *cpus;
    uint32_t count = numbers();

    for (uint32_t number = 0; number < count; number++)
        if (member(cpus, number) != NULL && pv_kvm_steal_records[number] != NULL &&
            flush_is_deferred(pv_kvm_steal_records[number]))
            pv_cpu_set_remove(&running, number);
    return pv_backend_kvm.base->ops->tlb_flush_others(&running, start, end);
}
