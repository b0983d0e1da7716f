/* SPDX-License-Identifier: MIT */
/*
 * Counts instructions of this kernel alone, on any VMM: they are executed one at a time.
 *
 * The trap flag (Intel SDM vol. 3B, 17.3.1.4) makes each instruction end in a debug exception; the
 * handler counts it, and looks whether the next is one that calls the VMM. What the VMM does is not
 * counted, nor is a trap handler: the flag is off in it. Each round of a `rep` counts as one.
 */
#ifndef GUEST_BENCH_STEPS_H
#define GUEST_BENCH_STEPS_H

#include "pvops/types.h"

struct bench_steps {
    int64_t steps;
    int64_t calls; /* syscall, vmcall, vmmcall among them */
};

/* One run of a loop; what surrounds it is the same in each. Interrupts off. */
struct bench_steps bench_step(void (*loop)(uint32_t turns), uint32_t turns);

#endif
