/* SPDX-License-Identifier: MIT */
/*
 * The one place where the guest calls KVM: hypercall.h says how.
 *
 *     int64_t pv_kvm_hypercall(number, a, b, c, d)
 */
    .text
    .p2align 4, 0x90
    .globl pv_kvm_hypercall
    .hidden pv_kvm_hypercall
    .type pv_kvm_hypercall, @function
pv_kvm_hypercall:
    push %rbx
    mov %rdi, %rax
    mov %rsi, %rbx
    xchg %rdx, %rcx
    mov %r8, %rsi
    cmpb $0, pv_kvm_vmmcall(%rip)
    jne 1f
    vmcall
    pop %rbx
    ret
1:  vmmcall
    pop %rbx
    ret
    .size pv_kvm_hypercall, . - pv_kvm_hypercall

    .section .note.GNU-stack, "", @progbits
