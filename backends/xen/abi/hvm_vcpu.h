/* SPDX-License-Identifier: MIT */
/*
 * How a virtual CPU of a hardware-virtualized domain begins, if it begins in 64-bit mode:
 * xen/include/public/hvm/hvm_vcpu.h, struct vcpu_hvm_context with its part x86_64. Segment
 * registers are flat; there are no descriptor tables.
 */
#ifndef PVOPS_XEN_ABI_HVM_VCPU_H
#define PVOPS_XEN_ABI_HVM_VCPU_H

#include <stdint.h>

#define PV_VCPU_HVM_MODE_64B 1

struct pv_xen_hvm_context {
    uint32_t mode; /* PV_VCPU_HVM_MODE_64B */
    uint32_t zero;
    uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi;
    uint64_t rip;
    uint64_t rflags;
    uint64_t cr0;
    uint64_t cr3; /* physical address of the top-level table */
    uint64_t cr4;
    uint64_t efer;
    uint64_t unused; /* the other part is longer */
};

#endif
