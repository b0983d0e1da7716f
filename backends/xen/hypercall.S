/* SPDX-License-Identifier: MIT */
/*
 * The one place where the shared parts of the guest call Xen. 64-bit ABI: the number in rax, arguments
 * in rdi, rsi, rdx, r10, r8, the result in rax; argument registers are lost (xen/docs/guest-guide/x86/
 * hypercall-abi.rst). The instruction is executed here and not in a page that Xen fills: such a page
 * has bare returns and no endbr64 (the same document; XSA-466).
 *
 * Called with all registers as Xen wants them (hypercall.h), so that a call costs a PV guest no more
 * than five instructions besides the `syscall`.
 */
    .text
    .p2align 4, 0x90
    .globl pv_xen_hypercall_gate
    .hidden pv_xen_hypercall_gate
    .type pv_xen_hypercall_gate, @function
pv_xen_hypercall_gate:
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
1:  ud2 /* nobody chose an instruction yet */
    .size pv_xen_hypercall_gate, . - pv_xen_hypercall_gate

    .section .note.GNU-stack, "", @progbits
