/* SPDX-License-Identifier: MIT */
/*
 * The numbers of backends/kvm/abi against the headers of linux-libc-dev. That this compiles is the
 * test. The clock records are not in a header for users; lib/clock.h checks their layout against
 * the document.
 */
#include <asm/kvm_para.h>
#include <linux/kvm_para.h>
#include <stddef.h>
#include <stdio.h>

#include "backends/kvm/abi/kvm_para.h"

#define SAME(ours, theirs) _Static_assert((ours) == (theirs), #ours " is " #theirs)

SAME(sizeof(PV_KVM_SIGNATURE) + 2, sizeof(KVM_SIGNATURE) - 1); /* they spell out three NULs */
SAME(PV_KVM_LEAF_FEATURES, KVM_CPUID_FEATURES - KVM_CPUID_SIGNATURE);
SAME(PV_KVM_FEATURE_CLOCKSOURCE, 1u << KVM_FEATURE_CLOCKSOURCE);
SAME(PV_KVM_FEATURE_CLOCKSOURCE2, 1u << KVM_FEATURE_CLOCKSOURCE2);
SAME(PV_KVM_FEATURE_ASYNC_PF, 1u << KVM_FEATURE_ASYNC_PF);
SAME(PV_KVM_FEATURE_STEAL_TIME, 1u << KVM_FEATURE_STEAL_TIME);
SAME(PV_KVM_FEATURE_PV_EOI, 1u << KVM_FEATURE_PV_EOI);
SAME(PV_KVM_FEATURE_PV_UNHALT, 1u << KVM_FEATURE_PV_UNHALT);
SAME(PV_KVM_FEATURE_PV_TLB_FLUSH, 1u << KVM_FEATURE_PV_TLB_FLUSH);
SAME(PV_KVM_FEATURE_PV_SEND_IPI, 1u << KVM_FEATURE_PV_SEND_IPI);
SAME(PV_KVM_FEATURE_POLL_CONTROL, 1u << KVM_FEATURE_POLL_CONTROL);
SAME(PV_KVM_FEATURE_PV_SCHED_YIELD, 1u << KVM_FEATURE_PV_SCHED_YIELD);
SAME(PV_KVM_FEATURE_ASYNC_PF_INT, 1u << KVM_FEATURE_ASYNC_PF_INT);
SAME(PV_KVM_FEATURE_MIGRATION_CONTROL, 1u << KVM_FEATURE_MIGRATION_CONTROL);
SAME(PV_KVM_FEATURE_CLOCK_STABLE, 1u << KVM_FEATURE_CLOCKSOURCE_STABLE_BIT);
SAME(PV_KVM_HINT_REALTIME, 1u << KVM_HINTS_REALTIME);
SAME(PV_KVM_MSR_WALL_CLOCK_OLD, MSR_KVM_WALL_CLOCK);
SAME(PV_KVM_MSR_SYSTEM_TIME_OLD, MSR_KVM_SYSTEM_TIME);
SAME(PV_KVM_MSR_WALL_CLOCK, MSR_KVM_WALL_CLOCK_NEW);
SAME(PV_KVM_MSR_SYSTEM_TIME, MSR_KVM_SYSTEM_TIME_NEW);
SAME(PV_KVM_MSR_ASYNC_PF_EN, MSR_KVM_ASYNC_PF_EN);
SAME(PV_KVM_MSR_STEAL_TIME, MSR_KVM_STEAL_TIME);
SAME(PV_KVM_MSR_PV_EOI_EN, MSR_KVM_PV_EOI_EN);
SAME(PV_KVM_MSR_POLL_CONTROL, MSR_KVM_POLL_CONTROL);
SAME(PV_KVM_MSR_ASYNC_PF_INT, MSR_KVM_ASYNC_PF_INT);
SAME(PV_KVM_MSR_ASYNC_PF_ACK, MSR_KVM_ASYNC_PF_ACK);
SAME(PV_KVM_MSR_MIGRATION_CONTROL, MSR_KVM_MIGRATION_CONTROL);
SAME(PV_KVM_MSR_ENABLED, KVM_MSR_ENABLED);
SAME(PV_KVM_MSR_ENABLED, KVM_PV_EOI_ENABLED);
SAME(PV_KVM_MSR_ENABLED, KVM_ASYNC_PF_ENABLED);
SAME(PV_KVM_ASYNC_PF_AS_INT, KVM_ASYNC_PF_DELIVERY_AS_INT);
SAME(PV_KVM_PAGE_NOT_PRESENT, KVM_PV_REASON_PAGE_NOT_PRESENT);
SAME(PV_KVM_MIGRATION_READY, KVM_MIGRATION_READY);
SAME(PV_KVM_VCPU_PREEMPTED, KVM_VCPU_PREEMPTED);
SAME(PV_KVM_VCPU_FLUSH_TLB, KVM_VCPU_FLUSH_TLB);
SAME(sizeof(struct pv_kvm_steal_time), sizeof(struct kvm_steal_time));
SAME(offsetof(struct pv_kvm_steal_time, version), offsetof(struct kvm_steal_time, version));
SAME(offsetof(struct pv_kvm_steal_time, preempted), offsetof(struct kvm_steal_time, preempted));
SAME(offsetof(struct pv_kvm_async_pf, token), offsetof(struct kvm_vcpu_pv_apf_data, token));
SAME(sizeof(struct pv_kvm_async_pf), offsetof(struct kvm_vcpu_pv_apf_data, enabled));
SAME(sizeof(struct pv_kvm_clock_pairing), sizeof(struct kvm_clock_pairing));
SAME(offsetof(struct pv_kvm_clock_pairing, tsc), offsetof(struct kvm_clock_pairing, tsc));
SAME(PV_KVM_CLOCK_PAIRING_WALLCLOCK, KVM_CLOCK_PAIRING_WALLCLOCK);
SAME(PV_KVM_HC_KICK_CPU, KVM_HC_KICK_CPU);
SAME(PV_KVM_HC_CLOCK_PAIRING, KVM_HC_CLOCK_PAIRING);
SAME(PV_KVM_HC_SEND_IPI, KVM_HC_SEND_IPI);
SAME(PV_KVM_HC_SCHED_YIELD, KVM_HC_SCHED_YIELD);
SAME(PV_KVM_ENOSYS, KVM_ENOSYS);

int main(void)
{
    puts("the numbers are the same");
    return 0;
}
