/* SPDX-License-Identifier: MIT */
/*
 * unsigned registers_stay(uint64_t turns, uint64_t *found): each register but rsp is given a value,
 * and is looked at again and again, so many turns. 0; or which of them, counted from 1 as pushed in
 * struct pv_regs, held something else, which is put into *found. The flags are looked at as well:
 * each comparison is followed by a conditional jump, and an interrupt may come between the two.
 */
#define WRONG_RDI 1

    .section .rodata
    .balign 8
values:
    .set at, 1
    .rept 15
    .quad 0x0123456789abcdef + (at << 56) + at
    .set at, at + 1
    .endr

    .macro for_each_register macro
    .set at, 0
    .irp register, rdi, rsi, rdx, rcx, rax, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
    \macro \register
    .set at, at + 1
    .endr
    .endm

    .macro give register
    mov values + 8 * at(%rip), %\register
    .endm

    .macro look_at register
    cmp values + 8 * at(%rip), %\register
    jne wrong_\register
    .endm

    .macro define_wrong register
wrong_\register:
    push %\register
    mov $at + WRONG_RDI, %eax
    jmp wrong
    .endm

    .text
    .balign 16
    .globl registers_stay
registers_stay:
    endbr64
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    push %rsi
    push %rdi
    for_each_register give
1:  for_each_register look_at
    decq (%rsp)
    jnz 1b
    xor %eax, %eax
    add $16, %rsp
2:  pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

/* On the stack: what was found, the turns that are left, where it is to be put. */
wrong:
    pop %rcx
    add $8, %rsp
    pop %rsi
    mov %rcx, (%rsi)
    jmp 2b

    for_each_register define_wrong

    .section .note.GNU-stack, "", @progbits
