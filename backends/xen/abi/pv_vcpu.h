/* SPDX-License-Identifier: MIT */
/*
 * How a virtual CPU of a PV guest begins: xen/include/public/arch-x86/xen.h, struct
 * vcpu_guest_context; arch-x86/xen-x86_64.h, struct cpu_user_regs; vcpu.h.
 */
#ifndef PVOPS_XEN_ABI_PV_VCPU_H
#define PVOPS_XEN_ABI_PV_VCPU_H

#include "backends/xen/abi/pv.h"
#include "backends/xen/abi/vcpu.h"

/* Besides those of vcpu.h: a command without argument. */
#define PV_VCPUOP_SEND_NMI 11

/* A segment register and what pads it to a word. */
struct pv_xen_selector {
    uint16_t selector;
    uint16_t padding[3];
};

struct pv_xen_user_regs {
    uint64_t general[15]; /* r15 to r8, rax, rcx, rdx, rsi, rdi, as in struct pv_regs */
    uint32_t entry_vector;
    uint32_t error_code;
    uint64_t rip;
    uint16_t cs;
    uint16_t padding0;
    uint8_t saved_upcall_mask;
    uint8_t padding1[3];
    uint64_t rflags;
    uint64_t rsp;
    struct pv_xen_selector ss, es, ds, fs, gs;
};

struct pv_xen_vcpu_context {
    uint8_t fpu[512];
    uint64_t flags; /* PV_VGCF_* */
    struct pv_xen_user_regs regs;
    struct pv_xen_trap traps[256];
    uint64_t ldt_base, ldt_entries;
    uint64_t gdt_frames[16], gdt_entries;
    uint64_t kernel_ss, kernel_sp;
    uint64_t control[8]; /* 3: machine address of the top-level table */
    uint64_t debug[8];
    uint64_t event_entry;
    uint64_t failsafe_entry;
    uint64_t syscall_entry;
    uint64_t vm_assist;
    uint64_t fs_base;
    uint64_t gs_base_kernel;
    uint64_t gs_base_user;
};

/* The CPU begins in the kernel. */
#define PV_VGCF_IN_KERNEL 4

#endif
