/* SPDX-License-Identifier: MIT */
/*
 * What smp.c and smp_entry.S agree about; smp.c checks the numbers.
 */
#ifndef PVOPS_XEN_HVM_SMP_ENTRY_H
#define PVOPS_XEN_HVM_SMP_ENTRY_H

/* What a CPU that begins reads. */
#define BLOCK_CR3     0
#define BLOCK_CR4     8
#define BLOCK_PAT     16
#define BLOCK_GS_BASE 24
#define BLOCK_STACK   32
#define BLOCK_CS      40
#define BLOCK_SS      48
#define BLOCK_GDT     56
#define BLOCK_IDT     66
#define BLOCK_VCPU    76

#define HC_VCPU_OP   24
#define VCPUOP_DOWN  2
#define USES_VMMCALL 2

#endif
