/* SPDX-License-Identifier: MIT */
/*
 * How a lock is given back where its waiters may sleep (lib/asleep.h), for an op of convention SAVE:
 * the backends with such waiters share these two, and each has the first as a sequence too.
 */
    .macro begin name
    .globl \name
    .hidden \name
    .type \name, @function
\name:
    endbr64
    .endm

    .macro end name
    .size \name, . - \name
    .endm

    .text

/*
 * The byte of a lock that is held is 1, and 3 if somebody sleeps on it: taking one away leaves 0, which
 * is free, or what the routine below has to deal with. One step, or a mark that comes in between
 * would be lost.
 */
begin pv_lock_release_asleep
    lock decb (%rdi)
    jne pv_lock_release_marked
    ret
end pv_lock_release_asleep

/* The byte still says that the lock is held, so nobody takes it in between. */
begin pv_lock_release_marked
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %r8
    push %r9
    push %r10
    push %r11
    call pv_lock_released_asleep
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    ret
end pv_lock_release_marked

    .section .note.GNU-stack, "", @progbits
