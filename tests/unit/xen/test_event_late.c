/* SPDX-License-Identifier: MIT */
/*
 * Late ends of events and the back-off against storms (backends/xen/event_late.c) on the host, with
 * a clock that the test moves.
 */
#include "fake_event.h"

#define MS 1000000ull
#define S  (1000 * MS)

static int start(void **state)
{
    (void)state;
    fake_events_reset(true);
    assert_int_equal(bind(7, count), 7);
    assert_int_equal(pv_xen_event_set_late(7), PV_OK);
    return 0;
}

/* As the timer does. */
static void pass(uint64_t ns)
{
    fake_now += ns;
    if (fake_also <= fake_now)
        fake_also = pv_xen_events_late_run(fake_now);
}

static void come(uint32_t port)
{
    fake_raise(port);
    fake_settle();
}

static void no_other_event_comes_until_the_first_is_done(void **state)
{
    (void)state;
    come(7);
    come(7);
    assert_int_equal(runs[7], 1);
    assert_int_equal(pv_xen_event_done(7, true), PV_OK);
    fake_settle();
    assert_int_equal(runs[7], 2);
}

static void work_is_never_kept_waiting(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 1000; i++) {
        come(7);
        assert_int_equal(runs[7], i);
        assert_int_equal(pv_xen_event_done(7, true), PV_OK);
    }
    assert_int_equal(fake_also, UINT64_MAX);
}

static void one_event_for_nothing_costs_nothing(void **state)
{
    (void)state;
    come(7);
    assert_int_equal(pv_xen_event_done(7, false), PV_OK);
    come(7);
    assert_int_equal(runs[7], 2);
}

/* Comes and is found to be for nothing, `times` times in a row; then it waits. */
static void come_for_nothing(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        pass(2 * S);
        come(7);
        assert_int_equal(pv_xen_event_done(7, false), PV_OK);
    }
}

static void each_event_for_nothing_waits_twice_as_long_up_to_a_second(void **state)
{
    (void)state;
    come_for_nothing(1);
    for (uint64_t wait = MS; wait < 100 * S; wait *= 2) {
        uint64_t expected = wait < 1024 * MS ? wait : 1024 * MS;
        come_for_nothing(1);
        unsigned before = runs[7];
        fake_raise(7);
        pass(expected - 1);
        fake_settle();
        assert_int_equal(runs[7], before);
        pass(1);
        fake_settle();
        assert_int_equal(runs[7], before + 1);
        pv_xen_event_done(7, false);
        wait *= 2; /* that one counted too */
    }
}

static void work_forgives_everything(void **state)
{
    (void)state;
    come_for_nothing(8);
    pass(2 * S);
    come(7);
    assert_int_equal(pv_xen_event_done(7, true), PV_OK);
    come(7);
    assert_int_equal(pv_xen_event_done(7, false), PV_OK);
    unsigned before = runs[7];
    come(7);
    assert_int_equal(runs[7], before + 1);
}

static void each_port_waits_for_itself(void **state)
{
    (void)state;
    assert_int_equal(bind(8, count), 8);
    assert_int_equal(pv_xen_event_set_late(8), PV_OK);
    come_for_nothing(10);
    for (unsigned i = 0; i < 2; i++) {
        come(8);
        pv_xen_event_done(8, false);
    }
    come(8);
    assert_int_equal(runs[8], 2);
    pass(MS);
    fake_settle();
    assert_int_equal(runs[8], 3);
    assert_true(fake_also > fake_now && fake_also < UINT64_MAX);
}

static void without_a_timer_nobody_waits(void **state)
{
    (void)state;
    fake_timer_in_use = false;
    come_for_nothing(20);
    unsigned before = runs[7];
    come(7);
    assert_int_equal(runs[7], before + 1);
}

static void a_port_that_is_not_late_or_not_running_cannot_be_done(void **state)
{
    (void)state;
    assert_int_equal(pv_xen_event_done(7, true), PV_E_ARGUMENT);
    assert_int_equal(bind(8, count), 8);
    come(8);
    assert_int_equal(pv_xen_event_done(8, true), PV_E_ARGUMENT);
}

static void a_port_that_is_closed_while_it_waits_holds_up_no_other(void **state)
{
    (void)state;
    assert_int_equal(bind(8, count), 8);
    assert_int_equal(pv_xen_event_set_late(8), PV_OK);
    for (unsigned i = 0; i < 2; i++) {
        come(8);
        pv_xen_event_done(8, false);
    }
    come_for_nothing(1);
    for (unsigned i = 0; i < 2; i++) {
        come(7);
        pv_xen_event_done(7, false);
    }
    pv_xen_event_close(7);
    assert_int_equal(bind(7, count), 7);
    come(7);
    come(7);
    assert_true(runs[7] > 2);
    come(8);
    pass(2 * S);
    fake_settle();
    assert_int_equal(runs[8], 3);
}

static void a_storm_costs_one_run_a_second(void **state)
{
    (void)state;
    for (uint64_t ns = 0; ns < 30 * S; ns += MS) {
        come(7);
        pv_xen_event_done(7, false);
        pass(MS);
    }
    assert_in_range(runs[7], 30, 45);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_other_event_comes_until_the_first_is_done, start),
        cmocka_unit_test_setup(work_is_never_kept_waiting, start),
        cmocka_unit_test_setup(one_event_for_nothing_costs_nothing, start),
        cmocka_unit_test_setup(each_event_for_nothing_waits_twice_as_long_up_to_a_second, start),
        cmocka_unit_test_setup(work_forgives_everything, start),
        cmocka_unit_test_setup(each_port_waits_for_itself, start),
        cmocka_unit_test_setup(without_a_timer_nobody_waits, start),
        cmocka_unit_test_setup(a_port_that_is_not_late_or_not_running_cannot_be_done, start),
        cmocka_unit_test_setup(a_port_that_is_closed_while_it_waits_holds_up_no_other, start),
        cmocka_unit_test_setup(a_storm_costs_one_run_a_second, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
