/* SPDX-License-Identifier: MIT */
/*
 * Other CPUs: started, given work, asked for something, taken down, started again. The boot CPU
 * decides; each other one waits for work, which it does with interrupts on.
 */
#ifndef GUEST_SMP_H
#define GUEST_SMP_H

#include "pvops/pvops.h"

/* Starts the CPUs that firmware lists, up to so many with the one that booted. What cannot be
 * started is a line on the console. Called once. */
void smp_start(unsigned most);

/* CPUs that firmware lists, as far as this kernel has room for them. */
unsigned smp_listed(void);

bool smp_is_up(unsigned number);

/* Takes a CPU down, and starts it or starts it again; not the one that booted. */
int smp_offline(unsigned number);
/* The first half of the former, for a CPU that cannot be woken any more: it goes when its work is
 * done. */
void smp_bid_leave(unsigned number);
int smp_online(unsigned number, struct pv_error *error);

/* A CPU that was taken down by others, in the middle of what it did. */
void smp_forget(unsigned number);

/* Gives a CPU that has nothing to do some work. */
void smp_give(unsigned number, void (*work)(void *argument), void *argument);

/* Waits until a CPU has done its work; false after the time. */
bool smp_done(unsigned number, uint64_t ns);

/* Drops translations on all other CPUs. */
void smp_flush_others(uintptr_t start, uintptr_t end);

/* pv_platform::cpu_count, cpu and run_on_others. */
unsigned smp_count(void);
struct pv_cpu *smp_block(unsigned number);
void smp_run_on_others(void (*function)(void *argument, const struct pv_regs *regs),
                       void *argument);

#endif
