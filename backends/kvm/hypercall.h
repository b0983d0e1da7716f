/* SPDX-License-Identifier: MIT */
/*
 * KVM hypercalls: the number in rax, up to four arguments in rbx, rcx, rdx, rsi, the result in
 * rax, all other registers kept (Linux, Documentation/virt/kvm/x86/hypercalls.rst). The
 * instruction is that of the processor's own virtualization, since the host need not replace the
 * other one.
 */
#ifndef PVOPS_KVM_HYPERCALL_H
#define PVOPS_KVM_HYPERCALL_H

#include "backends/kvm/abi/kvm_para.h"

/* VMMCALL or VMCALL; set when the backend is entered (lib/x86/vendor.h). */
extern bool pv_kvm_vmmcall PV_HIDDEN;

/* hypercall.S. A test replaces this function and is KVM. */
int64_t pv_kvm_hypercall(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d) PV_HIDDEN;

/*
 * KVM_HC_MAP_GPA_RANGE has no wrapper: it is for guests whose memory is encrypted. The others that
 * asm/kvm_para.h and linux/kvm_para.h name are for other processors, or are gone.
 */

/* Leaves the guest and comes back, so that KVM looks whether an interrupt is due; does nothing
 * else. */
static inline int64_t pv_kvm_hc_vapic_poll_irq(void)
{
    return pv_kvm_hypercall(PV_KVM_HC_VAPIC_POLL_IRQ, 0, 0, 0, 0);
}

/* Wakes a CPU out of a halt, even one with interrupts off; not lost if that halts a moment later.
 */
static inline void pv_kvm_hc_kick_cpu(uint32_t apic_id)
{
    (void)pv_kvm_hypercall(PV_KVM_HC_KICK_CPU, 0, apic_id, 0, 0);
}

/* Sends to the CPUs whose APIC IDs are first + n for each bit n of 128; how many, or an error. */
static inline int64_t pv_kvm_hc_send_ipi(const uint64_t bits[2], uint32_t first, uint32_t icr)
{
    return pv_kvm_hypercall(PV_KVM_HC_SEND_IPI, bits[0], bits[1], first, icr);
}

/* Gives the processor to a CPU if that was preempted. */
static inline void pv_kvm_hc_sched_yield(uint32_t apic_id)
{
    (void)pv_kvm_hypercall(PV_KVM_HC_SCHED_YIELD, apic_id, 0, 0, 0);
}

/* Fills the record at a physical address with the host's time and the guest's TSC at once. */
static inline int64_t pv_kvm_hc_clock_pairing(uint64_t record)
{
    return pv_kvm_hypercall(PV_KVM_HC_CLOCK_PAIRING, record, PV_KVM_CLOCK_PAIRING_WALLCLOCK, 0, 0);
}

#endif
