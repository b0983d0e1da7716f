/* SPDX-License-Identifier: MIT */
/*
 * The numbers of backends/kvm/abi against the headers of linux-libc-dev. That this compiles is the
 * test. The clock records are not in a header for users; lib/clock.h checks their layout against
 * the document.
 */
#include <asm/kvm_para.h>
#include <linux/kvm_para.h>
#include <stdio.h>

#include "backends/kvm/abi/kvm_para.h"

#define SAME(ours, theirs) _Static_assert((ours) == (theirs), #ours " is " #theirs)

SAME(sizeof(PV_KVM_SIGNATURE) + 2, sizeof(KVM_SIGNATURE) - 1); /* they spell out three NULs */
SAME(PV_KVM_LEAF_FEATURES, KVM_CPUID_FEATURES - KVM_CPUID_SIGNATURE);
SAME(PV_KVM_FEATURE_CLOCKSOURCE, 1u << KVM_FEATURE_CLOCKSOURCE);
SAME(PV_KVM_FEATURE_CLOCKSOURCE2, 1u << KVM_FEATURE_CLOCKSOURCE2);
SAME(PV_KVM_FEATURE_CLOCK_STABLE, 1u << KVM_FEATURE_CLOCKSOURCE_STABLE_BIT);
SAME(PV_KVM_MSR_WALL_CLOCK_OLD, MSR_KVM_WALL_CLOCK);
SAME(PV_KVM_MSR_SYSTEM_TIME_OLD, MSR_KVM_SYSTEM_TIME);
SAME(PV_KVM_MSR_WALL_CLOCK, MSR_KVM_WALL_CLOCK_NEW);
SAME(PV_KVM_MSR_SYSTEM_TIME, MSR_KVM_SYSTEM_TIME_NEW);
SAME(PV_KVM_MSR_ENABLED, KVM_MSR_ENABLED);
SAME(PV_KVM_HC_KICK_CPU, KVM_HC_KICK_CPU);
SAME(PV_KVM_HC_SEND_IPI, KVM_HC_SEND_IPI);
SAME(PV_KVM_HC_SCHED_YIELD, KVM_HC_SCHED_YIELD);
SAME(PV_KVM_ENOSYS, KVM_ENOSYS);

int main(void)
{
    puts("the numbers are the same");
    return 0;
}
