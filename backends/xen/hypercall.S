/* SPDX-License-Identifier: MIT */
/*
 * The one place where the guest calls Xen. 64-bit ABI: the number in rax, arguments in rdi, rsi,
 * rdx, r10, r8, the result in rax; argument registers are lost (xen/docs/guest-guide/x86/
 * hypercall-abi.rst). The instruction is executed here and not in a page that Xen fills: such a
 * page has bare returns and no endbr64 (the same document; XSA-466).
 *
 *     int64_t pv_xen_hypercall(number, a, b, c, d, e)
 */
    .text
    .p2align 4, 0x90
    .globl pv_xen_hypercall
    .hidden pv_xen_hypercall
    .type pv_xen_hypercall, @function
pv_xen_hypercall:
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %rcx, %rdx
    mov %r8, %r10
    mov %r9, %r8
    cmpb $2, pv_xen_instruction(%rip)
    ja 3f
    je 2f
    cmpb $1, pv_xen_instruction(%rip)
    jb 1f
    vmcall
    ret
2:  vmmcall
    ret
3:  syscall
    ret
1:  ud2 /* pv_xen_hypercall_init() was not called */
    .size pv_xen_hypercall, . - pv_xen_hypercall

    .section .note.GNU-stack, "", @progbits
