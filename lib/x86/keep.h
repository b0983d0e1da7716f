/* SPDX-License-Identifier: MIT */
/*
 * For assembly: a function of C, which loses nine registers, behind an op of convention SAVE, which
 * may lose rax and the flags (pvops/table.h). The first argument is in rdi, as for both.
 */
#ifndef PVOPS_LIB_X86_KEEP_H
#define PVOPS_LIB_X86_KEEP_H

/* clang-format off */
    .macro call_and_return function
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %r8
    push %r9
    push %r10
    push %r11
    call \function
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    ret
    .endm
/* clang-format on */

#endif
