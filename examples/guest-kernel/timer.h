/* SPDX-License-Identifier: MIT */
/*
 * Several deadlines on the one timer of a CPU.
 */
#ifndef GUEST_TIMER_H
#define GUEST_TIMER_H

#include "pvops/pvops.h"

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

/* Who may wait for a deadline. */
enum timer_user {
    TIMER_SLICE,    /* the scheduler's time slice */
    TIMER_ALARM,    /* sleeping, and the tests */
    TIMER_WATCHDOG, /* the end of a self-test that hangs */
    TIMER_USERS
};

/* Arms a deadline on the scale of pv_clock_ns(); replaces the same user's earlier one. The function
 * runs in the interrupt, interrupts off. */
void timer_start(enum timer_user user, uint64_t deadline_ns, void (*expired)(void));
void timer_stop(enum timer_user user);

bool timer_armed(enum timer_user user);

/* Timer interrupts so far. */
uint64_t timer_interrupts(void);

/* What the timer interrupted last, or is interrupting now. */
uint64_t timer_interrupted_ip(void);

/* Given every timer interrupt instead of the deadlines, until it is NULL again. */
extern void (*volatile timer_hook)(void);

/* Whether it ever fires on this machine. Tried once; interrupts on. */
bool timer_works(void);

/* Waits with the CPU halted; without a timer, in a loop. */
void sleep_ns(uint64_t ns);

/* The end of a wait, which comes even on a machine whose clock stands still. */
struct limit {
    uint64_t ns;
    uint64_t ticks;
};

struct limit limit_in(uint64_t ns);
bool limit_passed(const struct limit *limit);

/* pv_platform::timer. */
void timer_interrupt(struct pv_regs *regs);

#endif
