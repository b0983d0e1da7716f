/* SPDX-License-Identifier: MIT */
/*
 * What a kernel can tell KVM, and ask it, now and then: who polls when a CPU halts, whether the
 * machine may be moved, what the host's clock says. Linux, Documentation/virt/kvm/x86/msr.rst and
 * hypercalls.rst.
 */
#include "backends/kvm/kvm.h"
#include "backends/kvm/hypercall.h"
#include "lib/pvclock.h"
#include "lib/x86/tsc.h"

PV_COLD int pv_kvm_cpu_halt_poll(bool host_polls)
{
    return pv_cpu_msr_write(PV_KVM_MSR_POLL_CONTROL, host_polls);
}

PV_COLD int pv_kvm_cpu_migration_allow(bool allowed)
{
    return pv_cpu_msr_write(PV_KVM_MSR_MIGRATION_CONTROL, allowed ? PV_KVM_MIGRATION_READY : 0);
}

/* The counter must have been at what the host says since it was asked. */
static int checked(const volatile struct pv_kvm_clock_pairing *record, struct pv_clock_pair *pair,
                   uint64_t asked_tsc)
{
    int64_t sec = record->sec;
    int64_t nsec = record->nsec;

    pair->tsc = record->tsc;
    if (pair->tsc - asked_tsc > pv_tsc_read() - asked_tsc || sec < 0 ||
        sec > (int64_t)(INT64_MAX / PV_NS_PER_SECOND) || nsec < 0 ||
        nsec >= (int64_t)PV_NS_PER_SECOND)
        return PV_E_HOST;
    pair->unix_ns = (uint64_t)sec * PV_NS_PER_SECOND + (uint64_t)nsec;
    return pv_pvclock_at_tsc(pair->tsc, &pair->clock_ns) ? PV_OK : PV_E_UNSUPPORTED;
}

PV_COLD int pv_kvm_clock_pair(struct pv_clock_pair *pair)
{
    static struct pv_kvm_clock_pairing records[PV_CONFIG_MAX_CPUS] __attribute__((aligned(64)));
    struct pv_irqflags flags = pv_irq_save_seldom();
    uint32_t cpu = pv_this_cpu()->number;
    int status = PV_E_UNSUPPORTED;

    if (cpu < PV_CONFIG_MAX_CPUS) {
        volatile struct pv_kvm_clock_pairing *record = &records[cpu];
        record->tsc = 0;
        uint64_t asked_tsc = pv_tsc_read();
        if (pv_kvm_hc_clock_pairing(pv_kvm_phys_of(record)) == 0)
            status = checked(record, pair, asked_tsc);
    }
    pv_irq_restore(flags);
    return status;
}
