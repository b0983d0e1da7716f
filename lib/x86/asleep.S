/* SPDX-License-Identifier: MIT */
/*
 * How a lock is given back where its waiters may sleep (lib/asleep.h), for an op of convention SAVE:
 * the backends with such waiters share these two, and each has the first as a sequence too.
 */
#include "lib/x86/keep.h"

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
    call_and_return pv_lock_released_asleep
end pv_lock_release_marked

    .section .note.GNU-stack, "", @progbits
