/* SPDX-License-Identifier: MIT */
/*
 * Numbers of the KVM guest ABI that this backend uses. Their documents are Linux's
 * Documentation/virt/kvm/x86/{cpuid,msr,hypercalls}.rst; tests/abi compares them with the headers
 * asm/kvm_para.h and linux/kvm_para.h. The clock records are in lib/clock.h: Xen has them too.
 */
#ifndef PVOPS_KVM_ABI_KVM_PARA_H
#define PVOPS_KVM_ABI_KVM_PARA_H

/* cpuid.rst: EAX of the leaf behind the signature's, and a hint in its EDX. */
#define PV_KVM_SIGNATURE                 "KVMKVMKVM"
#define PV_KVM_LEAF_FEATURES             1u
#define PV_KVM_FEATURE_CLOCKSOURCE       (1u << 0)
#define PV_KVM_FEATURE_CLOCKSOURCE2      (1u << 3)
#define PV_KVM_FEATURE_ASYNC_PF          (1u << 4)
#define PV_KVM_FEATURE_STEAL_TIME        (1u << 5)
#define PV_KVM_FEATURE_PV_EOI            (1u << 6)
#define PV_KVM_FEATURE_PV_UNHALT         (1u << 7)
#define PV_KVM_FEATURE_PV_TLB_FLUSH      (1u << 9)
#define PV_KVM_FEATURE_PV_SEND_IPI       (1u << 11)
#define PV_KVM_FEATURE_POLL_CONTROL      (1u << 12)
#define PV_KVM_FEATURE_PV_SCHED_YIELD    (1u << 13)
#define PV_KVM_FEATURE_ASYNC_PF_INT      (1u << 14)
#define PV_KVM_FEATURE_MSI_EXT_DEST_ID   (1u << 15)
#define PV_KVM_FEATURE_MIGRATION_CONTROL (1u << 17)
#define PV_KVM_FEATURE_CLOCK_STABLE      (1u << 24)
#define PV_KVM_HINT_REALTIME             (1u << 0)

/* msr.rst */
#define PV_KVM_MSR_WALL_CLOCK_OLD    0x11u
#define PV_KVM_MSR_SYSTEM_TIME_OLD   0x12u
#define PV_KVM_MSR_WALL_CLOCK        0x4b564d00u
#define PV_KVM_MSR_SYSTEM_TIME       0x4b564d01u
#define PV_KVM_MSR_ASYNC_PF_EN       0x4b564d02u
#define PV_KVM_MSR_STEAL_TIME        0x4b564d03u
#define PV_KVM_MSR_PV_EOI_EN         0x4b564d04u
#define PV_KVM_MSR_POLL_CONTROL      0x4b564d05u
#define PV_KVM_MSR_ASYNC_PF_INT      0x4b564d06u
#define PV_KVM_MSR_ASYNC_PF_ACK      0x4b564d07u
#define PV_KVM_MSR_MIGRATION_CONTROL 0x4b564d08u
#define PV_KVM_MSR_ENABLED           1u
#define PV_KVM_MIGRATION_READY       1u

/* MSR_KVM_STEAL_TIME; the area is 64 bytes, aligned to as many. */
#define PV_KVM_STEAL_PREEMPTED 16 /* offset of `preempted`, for assembly */
#define PV_KVM_VCPU_PREEMPTED  1
#define PV_KVM_VCPU_FLUSH_TLB  2

/* MSR_KVM_ASYNC_PF_EN: bits of its value; the area is 64 bytes, aligned to as many. */
#define PV_KVM_ASYNC_PF_AS_INT  (1u << 3)
#define PV_KVM_PAGE_NOT_PRESENT 1u
#define PV_KVM_ASYNC_PF_ALL     0xffffffffu /* a token: everything that was waited for is there */

/* hypercalls.rst; a number that KVM does not know returns -PV_KVM_ENOSYS. */
#define PV_KVM_HC_VAPIC_POLL_IRQ       1
#define PV_KVM_HC_KICK_CPU             5
#define PV_KVM_HC_CLOCK_PAIRING        9
#define PV_KVM_HC_SEND_IPI             10
#define PV_KVM_HC_SCHED_YIELD          11
#define PV_KVM_ENOSYS                  1000
#define PV_KVM_CLOCK_PAIRING_WALLCLOCK 0

#ifndef __ASSEMBLER__

#include "pvops/types.h"

struct pv_kvm_steal_time {
    uint64_t steal_ns;
    uint32_t version; /* odd while it is being written */
    uint32_t flags;
    uint8_t preempted; /* PV_KVM_VCPU_* */
    uint8_t zero[47];
};

struct pv_kvm_async_pf {
    uint32_t flags; /* PV_KVM_PAGE_NOT_PRESENT */
    uint32_t token; /* of a page that has come; 0: none */
    uint8_t zero[56];
};

struct pv_kvm_clock_pairing {
    int64_t sec;
    int64_t nsec;
    uint64_t tsc;
    uint32_t flags;
    uint32_t zero[9];
};

PV_STATIC_ASSERT(sizeof(struct pv_kvm_steal_time) == 64, "msr.rst");
PV_STATIC_ASSERT(offsetof(struct pv_kvm_steal_time, preempted) == PV_KVM_STEAL_PREEMPTED,
                 "msr.rst");
PV_STATIC_ASSERT(sizeof(struct pv_kvm_async_pf) == 64, "msr.rst");
PV_STATIC_ASSERT(sizeof(struct pv_kvm_clock_pairing) == 64, "hypercalls.rst");

#endif

#endif
