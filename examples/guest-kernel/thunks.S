/* SPDX-License-Identifier: MIT */
/*
 * The thunk that clang's -mretpoline calls instead of branching through r11; gcc puts its own
 * inline. The loop catches speculation, and never runs (AMD, "Software techniques for managing
 * speculation", mitigation V2-1). Nothing uses it in other builds.
 */
    .text
    .globl __llvm_retpoline_r11
__llvm_retpoline_r11:
    call 2f
1:  pause
    lfence
    jmp 1b
2:  mov %r11, (%rsp)
    ret

    .section .note.GNU-stack, "", @progbits
