/* SPDX-License-Identifier: MIT */
/*
 * See lib/timer.h.
 */
#include "lib/timer.h"
#include "lib/cold.h"

/* What is too far to be told is still planned. */
PV_COLD static uint64_t after(uint64_t time_ns, uint64_t period_ns)
{
    return period_ns < PV_TIMER_NEVER - time_ns ? time_ns + period_ns : PV_TIMER_NEVER - 1;
}

PV_COLD void pv_timer_plan_once(struct pv_timer_plan *plan, uint64_t deadline_ns)
{
    plan->deadline_ns = deadline_ns;
    plan->period_ns = 0;
}

PV_COLD void pv_timer_plan_period(struct pv_timer_plan *plan, uint64_t period_ns, uint64_t now_ns)
{
    if (period_ns == 0) {
        pv_timer_plan_once(plan, PV_TIMER_NEVER);
        return;
    }
    if (period_ns < PV_TIMER_SHORTEST_PERIOD_NS)
        period_ns = PV_TIMER_SHORTEST_PERIOD_NS;
    plan->deadline_ns = after(now_ns, period_ns);
    plan->period_ns = period_ns;
}

PV_COLD bool pv_timer_is_due(struct pv_timer_plan *plan, uint64_t now_ns)
{
    if (!pv_timer_is_planned(plan) || now_ns < plan->deadline_ns)
        return false;
    uint64_t next =
        plan->period_ns != 0 ? after(plan->deadline_ns, plan->period_ns) : PV_TIMER_NEVER;
    plan->deadline_ns = next > now_ns ? next : after(now_ns, plan->period_ns);
    return true;
}
