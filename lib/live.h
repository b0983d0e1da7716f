/* SPDX-License-Identifier: MIT */
/*
 * Changing text that other CPUs are running: asking them to stop or to serialise (lib/stop.c),
 * and changing one op under way (lib/live.c).
 */
#ifndef PVOPS_LIB_LIVE_H
#define PVOPS_LIB_LIVE_H

#include "lib/patch.h"

/* Vector 3: true if the breakpoint was one of ours, and the interrupted state has been moved on. */
bool pv_live_breakpoint(struct pv_regs *regs);

/*
 * Completes a change of one op that failed half way and left breakpoints behind, if there is one.
 * Under the claim.
 */
int pv_live_finish(struct pv_error *error);

/* One more than the highest number of a CPU that is up, less this one. */
unsigned pv_other_cpus(void);

/* The block of a CPU, whatever its number; NULL: it is not up. */
struct pv_cpu *pv_cpu_of(unsigned number);

/*
 * Between two looks at what another CPU has not done yet, of which this is number `look`: now and
 * then the processor is offered to that CPU. Contains no call site.
 */
void pv_wait_pause(const struct pv_cpu *cpu, unsigned look);

/* Waits until `has` is true of all other CPUs that are up; the number of one of which it is not
 * within a second or so, or -1. */
int pv_who_is_missing(bool (*has)(unsigned cpu));

/* Makes every CPU fetch anew what it runs next; false: one of them did not answer in time. */
bool pv_serialise_all(void);

/*
 * Stops all other CPUs, interrupts off, none of them inside a site of op (or PV_ALL_OPS), and no
 * saved context either. Interrupts must be off here. On PV_OK pv_stop_end() must follow.
 */
int pv_stop_begin(unsigned op, struct pv_error *error);
void pv_stop_end(void);

/*
 * Runs a function on each CPU that stands still, and waits for it: between pv_stop_begin() and
 * pv_stop_end(), while all sites can be run. PV_OK; PV_E_RENDEZVOUS, with the number of the CPU
 * that did not come to an end; or what the function gave on the CPU whose number is told.
 *
 * A CPU that was waited for in vain still does all that it was asked, in that order, be it behind
 * pv_stop_end(). At most eight times between begin and end, always with the same function.
 */
int pv_stop_run(int (*function)(unsigned step), unsigned step, struct pv_error *error);

#endif
