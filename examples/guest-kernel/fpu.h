/* SPDX-License-Identifier: MIT */
/*
 * The floating-point unit of user code. Registers change hands lazily: a process has the unit's
 * trap set until it uses the unit, and only then those of the last user are saved. The kernel
 * itself uses none. On the CPU that booted, for all processes run there.
 */
#ifndef GUEST_FPU_H
#define GUEST_FPU_H

#include "thread.h"

/* As FXSAVE lays it out: Intel SDM vol. 1, 10.5.1. */
struct fpu_state {
    uint8_t bytes[512];
} __attribute__((aligned(16)));

/* What a process begins with. */
void fpu_begin(struct fpu_state *state);

/* Before another thread runs, interrupts off: in the batch of the switch. */
void fpu_switch(const struct thread *to);

/* User code has met the trap: the running thread has the unit now. */
void fpu_claim(void);

/* The running thread ends. */
void fpu_release(void);

/* For tests, which use the trap for themselves: as it was. */
void fpu_trap_again(void);

#endif
