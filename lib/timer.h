/* SPDX-License-Identifier: MIT */
/*
 * What a CPU's timer is to do: when the next tick is due, and whether others follow. Apart from
 * what ticks, which is the backends': a counter that reaches less far than a deadline, a VMM's
 * timer that fires early. So a tick of theirs is only an occasion to look at the clock.
 */
#ifndef PVOPS_LIB_TIMER_H
#define PVOPS_LIB_TIMER_H

#include <stdbool.h>
#include <stdint.h>

/* As a deadline: there is none. */
#define PV_TIMER_NEVER UINT64_MAX

/* A period below this would leave no time for anything but ticks. */
#define PV_TIMER_SHORTEST_PERIOD_NS 10000u

struct pv_timer_plan {
    uint64_t deadline_ns; /* PV_TIMER_NEVER: nothing is planned */
    uint64_t period_ns;   /* 0: once */
};

static inline bool pv_timer_is_planned(const struct pv_timer_plan *plan)
{
    return plan->deadline_ns != PV_TIMER_NEVER;
}

/* One tick. PV_TIMER_NEVER: none. */
void pv_timer_plan_once(struct pv_timer_plan *plan, uint64_t deadline_ns);

/* A tick each period from now on; one that is too short is raised. 0: none. */
void pv_timer_plan_period(struct pv_timer_plan *plan, uint64_t period_ns, uint64_t now_ns);

/*
 * Whether the tick that is waited for is due. If so the next one is planned: ticks that were missed
 * are not made up for.
 */
bool pv_timer_is_due(struct pv_timer_plan *plan, uint64_t now_ns);

#endif
