/* SPDX-License-Identifier: MIT */
/*
 * The way into the queue of a spin lock (lib/lock.h), for an op of convention KEEP: a call site
 * counts on every register but rax and rcx, and only who has to wait pays for that.
 */
    .text
    .globl pv_lock_acquire_slow
    .hidden pv_lock_acquire_slow
    .type pv_lock_acquire_slow, @function
pv_lock_acquire_slow:
    endbr64
    push %rdi
    push %rsi
    push %rdx
    push %r8
    push %r9
    push %r10
    push %r11
    call pv_lock_queue
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdx
    pop %rsi
    pop %rdi
    ret
    .size pv_lock_acquire_slow, . - pv_lock_acquire_slow

    .section .note.GNU-stack, "", @progbits
