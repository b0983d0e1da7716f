/* SPDX-License-Identifier: MIT */
/*
 * What a CPU's timer is to do (lib/timer.c): deadlines and periods, with any clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/timer.h"

#define PERIOD 100000u

static struct pv_timer_plan plan;

static void nothing_planned_is_never_due(void **state)
{
    (void)state;
    pv_timer_plan_once(&plan, PV_TIMER_NEVER);
    assert_false(pv_timer_is_planned(&plan));
    assert_false(pv_timer_is_due(&plan, 0));
    assert_false(pv_timer_is_due(&plan, PV_TIMER_NEVER));
}

static void a_deadline_is_due_when_the_clock_has_reached_it_and_once(void **state)
{
    (void)state;
    pv_timer_plan_once(&plan, 1000);
    assert_false(pv_timer_is_due(&plan, 999));
    assert_true(pv_timer_is_planned(&plan));
    assert_true(pv_timer_is_due(&plan, 1000));
    assert_false(pv_timer_is_planned(&plan));
    assert_false(pv_timer_is_due(&plan, 1001));
}

static void a_deadline_in_the_past_is_due_at_once(void **state)
{
    (void)state;
    pv_timer_plan_once(&plan, 0);
    assert_true(pv_timer_is_due(&plan, 5000));
    assert_false(pv_timer_is_planned(&plan));
}

static void a_period_is_kept_however_late_the_ticks_come(void **state)
{
    (void)state;
    pv_timer_plan_period(&plan, PERIOD, 5);
    assert_int_equal(plan.deadline_ns, PERIOD + 5);
    assert_false(pv_timer_is_due(&plan, PERIOD + 4));
    assert_true(pv_timer_is_due(&plan, PERIOD + 5));
    assert_int_equal(plan.deadline_ns, 2 * PERIOD + 5);
    assert_true(pv_timer_is_due(&plan, 3 * PERIOD + 4));
    assert_int_equal(plan.deadline_ns, 3 * PERIOD + 5);
}

static void periods_that_were_missed_are_not_made_up_for(void **state)
{
    (void)state;
    pv_timer_plan_period(&plan, PERIOD, 0);
    assert_true(pv_timer_is_due(&plan, 2 * PERIOD));
    assert_int_equal(plan.deadline_ns, 3 * PERIOD);
    assert_true(pv_timer_is_due(&plan, 50 * PERIOD + 7));
    assert_int_equal(plan.deadline_ns, 51 * PERIOD + 7);
    assert_false(pv_timer_is_due(&plan, 50 * PERIOD + 8));
}

static void a_period_that_is_too_short_is_raised(void **state)
{
    (void)state;
    pv_timer_plan_period(&plan, 1, 0);
    assert_int_equal(plan.period_ns, PV_TIMER_SHORTEST_PERIOD_NS);
    assert_int_equal(plan.deadline_ns, PV_TIMER_SHORTEST_PERIOD_NS);
    pv_timer_plan_period(&plan, PV_TIMER_SHORTEST_PERIOD_NS + 1, 0);
    assert_int_equal(plan.period_ns, PV_TIMER_SHORTEST_PERIOD_NS + 1);
}

static void a_period_of_0_plans_nothing(void **state)
{
    (void)state;
    pv_timer_plan_period(&plan, PERIOD, 0);
    pv_timer_plan_period(&plan, 0, 7);
    assert_false(pv_timer_is_planned(&plan));
}

static void a_deadline_ends_a_period(void **state)
{
    (void)state;
    pv_timer_plan_period(&plan, PERIOD, 0);
    pv_timer_plan_once(&plan, 1000);
    assert_true(pv_timer_is_due(&plan, 1000));
    assert_false(pv_timer_is_planned(&plan));
}

/* Not in the past, by a sum that goes round; and not never, since it was asked for. */
static void a_period_beyond_all_time_is_planned_for_its_end(void **state)
{
    static const uint64_t periods[] = {UINT64_MAX, UINT64_MAX - 1000, UINT64_MAX - 1001,
                                       UINT64_MAX - 1002};
    (void)state;
    for (unsigned i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
        pv_timer_plan_period(&plan, periods[i], 1000);
        assert_true(pv_timer_is_planned(&plan));
        assert_true(plan.deadline_ns >= PV_TIMER_NEVER - 2);
    }
    pv_timer_plan_period(&plan, PERIOD, UINT64_MAX - 2 * PERIOD);
    assert_true(pv_timer_is_due(&plan, UINT64_MAX - PERIOD));
    assert_int_equal(plan.deadline_ns, PV_TIMER_NEVER - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_planned_is_never_due),
        cmocka_unit_test(a_deadline_is_due_when_the_clock_has_reached_it_and_once),
        cmocka_unit_test(a_deadline_in_the_past_is_due_at_once),
        cmocka_unit_test(a_period_is_kept_however_late_the_ticks_come),
        cmocka_unit_test(periods_that_were_missed_are_not_made_up_for),
        cmocka_unit_test(a_period_that_is_too_short_is_raised),
        cmocka_unit_test(a_period_of_0_plans_nothing),
        cmocka_unit_test(a_deadline_ends_a_period),
        cmocka_unit_test(a_period_beyond_all_time_is_planned_for_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
