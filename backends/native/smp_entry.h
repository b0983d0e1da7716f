/* SPDX-License-Identifier: MIT */
/*
 * What smp.c and smp_entry.S agree about; smp.c checks the offsets.
 */
#ifndef PVOPS_NATIVE_SMP_ENTRY_H
#define PVOPS_NATIVE_SMP_ENTRY_H

/* The trampoline's own descriptors. */
#define TRAMPOLINE_CS_32     8
#define TRAMPOLINE_DS        16
#define TRAMPOLINE_CS_64     24
#define TRAMPOLINE_GDT_BYTES 32

/* struct words: cr0, cr3, cr4 and EFER come first. */
#define WORDS_CR0       0
#define WORDS_CR3       4
#define WORDS_CR4       8
#define WORDS_EFER_LOW  12
#define WORDS_EFER_HIGH 16
#define WORDS_TO_32     20
#define WORDS_TO_64     28
#define WORDS_GDT       36
#define WORDS_LANDING   44
#define WORDS_BLOCK     52
#define WORDS_BYTES     60

/* What the CPU reads in 64-bit mode. */
#define BLOCK_CR4      0
#define BLOCK_CR3      8
#define BLOCK_PAT      16
#define BLOCK_GS_BASE  24
#define BLOCK_STACK    32
#define BLOCK_ENTRY    40
#define BLOCK_ARGUMENT 48
#define BLOCK_CS       56
#define BLOCK_SS       64
#define BLOCK_GDT      72
#define BLOCK_IDT      82
#define BLOCK_ARRIVED  92

#endif
