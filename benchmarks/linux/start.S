/* SPDX-License-Identifier: MIT */
/*
 * The first instruction in user mode reads the time-stamp counter: that is where a boot ends.
 */

    .text
    .globl _start
_start:
    rdtsc
    shl $32, %rdx
    lea (%rax, %rdx), %rdi
    mov %rsp, %rsi          /* argc, argv, NULL, envp, NULL */
    xor %ebp, %ebp
    and $-16, %rsp
    call run_peer
    ud2

    .section .note.GNU-stack, "", @progbits
