/* SPDX-License-Identifier: MIT */
/*
 * Many CPUs at once: interrupts by one hypercall for every 128 neighbouring APIC IDs, flushes put
 * off until a CPU that was preempted runs again, and the processor given to such a CPU. Linux,
 * Documentation/virt/kvm/x86/hypercalls.rst, KVM_HC_SEND_IPI and KVM_HC_SCHED_YIELD; msr.rst,
 * MSR_KVM_STEAL_TIME, and asm/kvm_para.h for KVM_VCPU_FLUSH_TLB.
 */
#include "backends/kvm/ipi.h"
#include "backends/kvm/hypercall.h"

struct pv_cpu *pv_kvm_cpu(uint32_t number)
{
    struct pv_cpu *self = pv_this_cpu();

    if (number == self->number)
        return self;
    return pv_platform->cpu != NULL && number < pv_kvm_cpus() ? pv_platform->cpu(number) : NULL;
}

unsigned pv_kvm_cpus(void)
{
    unsigned count = pv_platform->cpu_count != NULL ? pv_platform->cpu_count() : 1;

    return count < PV_CONFIG_MAX_CPUS ? count : PV_CONFIG_MAX_CPUS;
}

/* Two passes, so that the order of APIC IDs is free and each window begins with a member. */
bool pv_kvm_ipi_window(const struct pv_cpu_set *cpus, uint64_t from, struct pv_kvm_window *window)
{
    unsigned count = pv_kvm_cpus();

    *window = (struct pv_kvm_window){{0, 0}, UINT64_MAX};
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned number = 0; number < count; number++) {
            const struct pv_cpu *cpu = pv_cpu_set_has(cpus, number) ? pv_kvm_cpu(number) : NULL;
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
static void send_window(const struct pv_cpu_set *cpus, const struct pv_kvm_window *window,
                        uint8_t vector)
{
    unsigned count = pv_kvm_cpus();

    if (pv_kvm_hc_send_ipi(window->bits, (uint32_t)window->first, vector) >= 0)
        return;
    for (unsigned number = 0; number < count; number++) {
        const struct pv_cpu *cpu = pv_cpu_set_has(cpus, number) ? pv_kvm_cpu(number) : NULL;
        if (cpu != NULL && cpu->apic_id - window->first < PV_KVM_WINDOW_CPUS)
            pv_backend_kvm.base->ops->smp_ipi(number, vector);
    }
}

void pv_kvm_smp_ipi_many(const struct pv_cpu_set *cpus, uint8_t vector)
{
    struct pv_kvm_window window;

    for (uint64_t from = 0; pv_kvm_ipi_window(cpus, from, &window);
         from = window.first + PV_KVM_WINDOW_CPUS)
        send_window(cpus, &window, vector);
}

void pv_kvm_smp_ipi(uint32_t number, uint8_t vector)
{
    static const uint64_t first_only[2] = {1, 0};
    const struct pv_cpu *cpu = pv_kvm_cpu(number);

    if (cpu == NULL || pv_kvm_hc_send_ipi(first_only, cpu->apic_id, vector) < 0)
        pv_backend_kvm.base->ops->smp_ipi(number, vector);
}

void pv_kvm_smp_yield_to(uint32_t number)
{
    const struct pv_cpu *cpu = pv_kvm_cpu(number);

    if (cpu != NULL && pv_vcpu_is_preempted(number))
        pv_kvm_hc_sched_yield(cpu->apic_id);
}

/* KVM flushes at the CPU's next entry if the mark was set while the other one still stood. */
void pv_kvm_tlb_flush_defer(struct pv_cpu_set *cpus)
{
    unsigned count = pv_kvm_cpus();

    for (unsigned number = 0; number < count; number++) {
        volatile struct pv_kvm_steal_time *record = pv_kvm_steal_records[number];
        uint8_t preempted = PV_KVM_VCPU_PREEMPTED;
        if (record == NULL || !pv_cpu_set_has(cpus, number))
            continue;
        if (record->preempted & PV_KVM_VCPU_FLUSH_TLB)
            preempted |= PV_KVM_VCPU_FLUSH_TLB;
        if (__atomic_compare_exchange_n(&record->preempted, &preempted,
                                        PV_KVM_VCPU_PREEMPTED | PV_KVM_VCPU_FLUSH_TLB, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            pv_cpu_set_remove(cpus, number);
    }
}
