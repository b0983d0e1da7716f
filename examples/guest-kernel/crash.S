/* SPDX-License-Identifier: MIT */
/*
 * Instructions that fault, with a number of its own in each register: what the dump shows is known.
 * rdi is the address that they touch.
 */
    .text

    .macro NUMBER_REGISTERS
    mov $0x1000, %eax
    mov $0x1001, %ebx
    mov $0x1002, %ecx
    mov $0x1003, %edx
    mov $0x1004, %esi
    mov $0x1005, %ebp
    mov $0x1008, %r8d
    mov $0x1009, %r9d
    mov $0x100a, %r10d
    mov $0x100b, %r11d
    mov $0x100c, %r12d
    mov $0x100d, %r13d
    mov $0x100e, %r14d
    mov $0x100f, %r15d
    .endm

    .globl crash_read, crash_read_at
crash_read:
    NUMBER_REGISTERS
crash_read_at:
    movb (%rdi), %al
    ud2

    .globl crash_ud2, crash_ud2_at
crash_ud2:
    NUMBER_REGISTERS
crash_ud2_at:
    ud2

/* The fault of the push finds no stack for its frame either. */
    .globl crash_stack, crash_stack_at
crash_stack:
    NUMBER_REGISTERS
    mov %rdi, %rsp
crash_stack_at:
    push %rax
    ud2

    .section .note.GNU-stack, "", @progbits
