/* SPDX-License-Identifier: MIT */
/*
 * What only a PV guest does: page tables, traps, descriptors, callbacks. xen/include/public/xen.h,
 * arch-x86/xen.h, arch-x86/xen-x86_64.h, callback.h, physdev.h, vcpu.h, memory.h.
 */
#ifndef PVOPS_XEN_ABI_PV_H
#define PVOPS_XEN_ABI_PV_H

/* Numbers of hypercalls, for assembly too. */
#define PV_XEN_HC_SET_TRAP_TABLE    0 /* struct pv_xen_trap[], ended by address 0 */
#define PV_XEN_HC_MMU_UPDATE        1
#define PV_XEN_HC_SET_GDT           2 /* machine frames, how many descriptors */
#define PV_XEN_HC_STACK_SWITCH      3 /* selector, address */
#define PV_XEN_HC_FPU_TASKSWITCH    5 /* 1: the next use traps */
#define PV_XEN_HC_UPDATE_DESCRIPTOR 10
#define PV_XEN_HC_MULTICALL         13
#define PV_XEN_HC_UPDATE_VA_MAPPING 14
#define PV_XEN_HC_IRET              23
#define PV_XEN_HC_SET_SEGMENT_BASE  25
#define PV_XEN_HC_MMUEXT_OP         26
#define PV_XEN_HC_CALLBACK_OP       30

/* Selectors in Xen's part of the GDT: FLAT_RING3_CS64, FLAT_RING3_SS64. */
#define PV_XEN_FLAT_CS 0xe033
#define PV_XEN_FLAT_SS 0xe02b

/* Addresses that are Xen's. */
#define PV_XEN_VIRT_START 0xffff800000000000
#define PV_XEN_VIRT_END   0xffff880000000000

/* Segment bases. */
#define PV_XEN_SEGBASE_FS        0
#define PV_XEN_SEGBASE_GS_KERNEL 2

#ifndef __ASSEMBLER__

#include <stdint.h>

/* One write of a page-table entry; the two lowest bits of `where` say how. */
#define PV_MMU_NORMAL      0
#define PV_MMU_PRESERVE_AD 2 /* adds the accessed and dirty bits that are there */

struct pv_xen_mmu_update {
    uint64_t where; /* machine address of the entry */
    uint64_t value; /* with a machine frame */
};

#define PV_MMUEXT_PIN_L4_TABLE     3
#define PV_MMUEXT_UNPIN_TABLE      4
#define PV_MMUEXT_NEW_BASEPTR      5
#define PV_MMUEXT_TLB_FLUSH_LOCAL  6
#define PV_MMUEXT_INVLPG_LOCAL     7
#define PV_MMUEXT_TLB_FLUSH_MULTI  8 /* second argument: a bit for each virtual CPU */
#define PV_MMUEXT_INVLPG_MULTI     9
#define PV_MMUEXT_TLB_FLUSH_ALL    10
#define PV_MMUEXT_INVLPG_ALL       11
#define PV_MMUEXT_SET_LDT          13 /* address, and how many descriptors */
#define PV_MMUEXT_NEW_USER_BASEPTR 15

struct pv_xen_mmuext {
    uint32_t command;
    uint64_t argument; /* machine frame, or address */
    uint64_t argument2;
};

/* One of several hypercalls that are made together. */
struct pv_xen_multicall {
    uint64_t number;
    uint64_t result; /* filled by Xen */
    uint64_t arguments[6];
};

/* Flags of update_va_mapping: drop this one translation on all CPUs. */
#define PV_UVMF_INVLPG_ALL (2u | 4u)

struct pv_xen_trap {
    uint8_t vector;
    uint8_t flags; /* who may raise it by `int`: 0 nobody, 3 everybody; 4: events off at entry */
    uint16_t cs;
    uint64_t address;
};

#define PV_XEN_TRAP_ANYBODY    3
#define PV_XEN_TRAP_EVENTS_OFF 4

/* Commands and types of callback_op. */
#define PV_CALLBACKOP_REGISTER   0
#define PV_CALLBACKTYPE_EVENT    0
#define PV_CALLBACKTYPE_FAILSAFE 1
#define PV_CALLBACKTYPE_SYSCALL  2
#define PV_CALLBACKTYPE_NMI      4
#define PV_CALLBACKF_MASK_EVENTS 1

struct pv_xen_callback {
    uint16_t type;
    uint16_t flags;
    uint64_t address;
};

#define PV_PHYSDEVOP_SET_IOPL 6
struct pv_xen_iopl {
    uint32_t iopl;
};

/* memory_op: where the table from machine to pseudo-physical frames lies. */
#define PV_XENMEM_MACHPHYS_MAPPING 12
struct pv_xen_machphys {
    uint64_t start;
    uint64_t end;
    uint64_t max_frame;
};

#endif
#endif
