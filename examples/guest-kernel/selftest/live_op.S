/* SPDX-License-Identifier: MIT */
/*
 * void counting_relax(void): pv_cpu_relax() that counts its calls. Convention SAVE: nothing is
 * changed but rax and the flags.
 */
    .text
    .globl counting_relax
counting_relax:
    endbr64
    incq counted_relaxes(%rip)
    pause
    ret

    .section .bss
    .balign 8
    .globl counted_relaxes
counted_relaxes:
    .skip 8

    .section .note.GNU-stack, "", @progbits
