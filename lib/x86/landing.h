/* SPDX-License-Identifier: MIT */
/*
 * For assembly: a CPU that has just been started, in 64-bit mode on some tables, becomes one of the
 * kernel's: control registers, stack, descriptor tables and segments, PAT, %gs. rdi names the block
 * that says what they are; includers define where in it each lies (BLOCK_*).
 */
#ifndef PVOPS_LIB_X86_LANDING_H
#define PVOPS_LIB_X86_LANDING_H

/* clang-format off */
/* Intel SDM vol. 4, table 2-2. */
#define MSR_PAT     0x277
#define MSR_GS_BASE 0xc0000101

    /* CR4 comes first: process-context identifiers go on while CR3 names none (vol. 3A, 4.10.1). */
    .macro take_block
    mov BLOCK_CR4(%rdi), %rax
    mov %rax, %cr4
    mov BLOCK_CR3(%rdi), %rax
    mov %rax, %cr3
    mov BLOCK_STACK(%rdi), %rsp
    lgdt BLOCK_GDT(%rdi)
    lidt BLOCK_IDT(%rdi)
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov BLOCK_SS(%rdi), %eax
    mov %eax, %ss
    push BLOCK_CS(%rdi)
    lea .Lin_segment\@(%rip), %rax
    push %rax
    lretq
.Lin_segment\@:
    mov $MSR_PAT, %ecx
    mov BLOCK_PAT(%rdi), %eax
    mov BLOCK_PAT + 4(%rdi), %edx
    wrmsr
    mov $MSR_GS_BASE, %ecx
    mov BLOCK_GS_BASE(%rdi), %eax
    mov BLOCK_GS_BASE + 4(%rdi), %edx
    wrmsr
    .endm
/* clang-format on */

#endif
