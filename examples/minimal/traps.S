/* SPDX-License-Identifier: MIT */
/* A stub of 16 bytes per vector builds a struct pv_regs and calls trap(). */
    .globl stubs
    .balign 16
stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if vector > 31 || ((0x60227d00 >> (vector & 31)) & 1) == 0
    push $0 /* the processor pushed no error code */
    .endif
    push $vector
    jmp save
    .set vector, vector + 1
    .endr
save:
    .irp register, rdi, rsi, rdx, rcx, rax, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
    push %\register
    .endr
    mov %rsp, %rdi
    cld
    call trap
    .irp register, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
    pop %\register
    .endr
    add $16, %rsp
    iretq
    .section .note.GNU-stack, "", @progbits
