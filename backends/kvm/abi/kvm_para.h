/* SPDX-License-Identifier: MIT */
/*
 * Numbers of the KVM guest ABI that this backend uses. Their documents are Linux's
 * Documentation/virt/kvm/x86/{cpuid,msr,hypercalls}.rst; tests/abi compares them with the headers
 * asm/kvm_para.h and linux/kvm_para.h. The clock records are in lib/clock.h: Xen has them too.
 */
#ifndef PVOPS_KVM_ABI_KVM_PARA_H
#define PVOPS_KVM_ABI_KVM_PARA_H

/* cpuid.rst: EAX of the leaf behind the signature's. */
#define PV_KVM_SIGNATURE            "KVMKVMKVM"
#define PV_KVM_LEAF_FEATURES        1u
#define PV_KVM_FEATURE_CLOCKSOURCE  (1u << 0)
#define PV_KVM_FEATURE_CLOCKSOURCE2 (1u << 3)
#define PV_KVM_FEATURE_CLOCK_STABLE (1u << 24)

/* msr.rst */
#define PV_KVM_MSR_WALL_CLOCK_OLD  0x11u
#define PV_KVM_MSR_SYSTEM_TIME_OLD 0x12u
#define PV_KVM_MSR_WALL_CLOCK      0x4b564d00u
#define PV_KVM_MSR_SYSTEM_TIME     0x4b564d01u
#define PV_KVM_MSR_ENABLED         1u

/* hypercalls.rst; a number that KVM does not know returns -PV_KVM_ENOSYS. */
#define PV_KVM_HC_KICK_CPU    5
#define PV_KVM_HC_SEND_IPI    10
#define PV_KVM_HC_SCHED_YIELD 11
#define PV_KVM_ENOSYS         1000

#endif
