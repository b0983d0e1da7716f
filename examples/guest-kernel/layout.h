/* SPDX-License-Identifier: MIT */
/*
 * Where things lie in the kernel's half of an address space, for C and assembly. All of it is the
 * same in every address space: the top-level entries below are made once and copied.
 */
#ifndef GUEST_LAYOUT_H
#define GUEST_LAYOUT_H

/* Physical memory from 0 on, not executable. Xen keeps what lies below for itself, 16 slots of the
 * top-level table, in a PV guest (xen/include/public/arch-x86/xen-x86_64.h, HYPERVISOR_VIRT_END).
 */
#define DIRECT_BASE 0xffff880000000000

/* Device registers and firmware tables, as pv_platform::map_physical hands them out. */
#define DEVICE_BASE 0xffffc00000000000
#define DEVICE_END  0xffffc00010000000

/* Kernel stacks, each with an unmapped page below it. */
#define STACK_BASE 0xffffd00000000000

/* The kernel itself, and code made or loaded later: within reach of a 32-bit displacement. */
#define KERNEL_BASE 0xffffffff80000000 /* pv_kernel_base in kernel.ld */
#define MODULE_BASE 0xffffffffc0000000
#define MODULE_END  0xffffffffe0000000

/* Pages that are mapped and unmapped again: the writable alias of text, the tests' own. */
#define ALIAS_BASE   0xfffffffff0000000
#define SCRATCH_BASE 0xfffffffff0010000

/* Only memory below this is used: enough for an example, and its page tables are made quickly. */
#define PHYSICAL_LIMIT 0x40000000

/* Selectors, in the order that `syscall` and `sysret` want (AMD APM vol. 2, 6.1.1). */
#define KERNEL_CS    0x08
#define KERNEL_DS    0x10
#define USER_DS      0x1b
#define USER_CS      0x23
#define TSS_SELECTOR 0x28
#define LDT_SELECTOR 0x38

/* What entry code reads of struct cpu by %gs; checked in cpu.h. */
#define CPU_USER_RSP 8

/* "Vector" of a system call in struct pv_regs: beyond those of the processor. */
#define VECTOR_SYSCALL 256

#endif
