/* SPDX-License-Identifier: MIT */
/*
 * Steal time: a record for each CPU in which KVM tells for how long it has kept the CPU from
 * running, and whether it does so at the moment. Linux, Documentation/virt/kvm/x86/msr.rst,
 * MSR_KVM_STEAL_TIME.
 */
#include "backends/kvm/kvm.h"
#include "backends/kvm/abi/kvm_para.h"
#include "lib/clock.h"

/* A record that is written all this time is left alone until the next call. */
#define ATTEMPTS 100

_Static_assert(sizeof(struct pv_kvm_steal_time) == sizeof(((struct pv_cpu *)NULL)->vmm_state),
               "the record is the CPU's line for the VMM");

/* By CPU number; NULL: it has none. Read by ops.S. */
volatile struct pv_kvm_steal_time *pv_kvm_steal_records[PV_CONFIG_MAX_CPUS];

PV_COLD void pv_kvm_steal_begin(struct pv_cpu *cpu)
{
    cpu->backend[PV_KVM_BEGAN_NS] = cpu->backend[PV_KVM_TOLD_NS];
    if (cpu->number < PV_CONFIG_MAX_CPUS)
        pv_kvm_steal_records[cpu->number] = (struct pv_kvm_steal_time *)cpu->vmm_state;
}

PV_COLD void pv_kvm_steal_end(struct pv_cpu *cpu)
{
    if (cpu->number < PV_CONFIG_MAX_CPUS)
        pv_kvm_steal_records[cpu->number] = NULL;
}

PV_COLD static bool read_record(const volatile struct pv_kvm_steal_time *record, uint64_t *ns)
{
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        uint32_t version = __atomic_load_n(&record->version, __ATOMIC_ACQUIRE);
        *ns = record->steal_ns;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (!(version & 1) && __atomic_load_n(&record->version, __ATOMIC_RELAXED) == version)
            return true;
    }
    return false;
}

/* Never less than before, whatever the record says. */
PV_COLD uint64_t pv_kvm_steal_ns(void)
{
    static bool told;
    struct pv_cpu *cpu = pv_this_cpu();
    uint64_t *latest = &cpu->backend[PV_KVM_TOLD_NS];
    uint64_t ns;

    if (cpu->number >= PV_CONFIG_MAX_CPUS || pv_kvm_steal_records[cpu->number] == NULL)
        return *latest;
    if (read_record(pv_kvm_steal_records[cpu->number], &ns) &&
        (ns += cpu->backend[PV_KVM_BEGAN_NS]) >= *latest)
        return pv_clock_monotonic(latest, ns);
    pv_log_once(&told, "KVM's record of stolen time shrinks, or is being written for ever");
    return *latest;
}
