/* SPDX-License-Identifier: MIT */
/*
 * Late ends of events and the back-off against storms (backends/xen/event_late.c) on the host, with
 * a clock that the test moves.
 */
#include "fake_event.h"

#define MS 1000000ull
#define S  (1000 * MS)

static int start_with(bool fifo)
{
    fake_events_reset(fifo);
    assert_int_equal(bind(7, count), 7);
    assert_int_equal(pv_xen_event_set_late(7), PV_OK);
    return 0;
}

static int start_2l(void **state)
{
    (void)state;
    return start_with(false);
}

static int start_fifo(void **state)
{
    (void)state;
    return start_with(true);
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

static void raise_and_be_done(struct pv_regs *regs, void *context)
{
    count(regs, context);
    if (runs[9] == 100)
        return;
    fake_raise(9);
    pv_xen_event_done(9, true);
}

static void what_comes_before_its_handler_is_done_comes_behind_it(void **state)
{
    (void)state;
    assert_int_equal(bind(9, raise_and_be_done), 9);
    assert_int_equal(pv_xen_event_set_late(9), PV_OK);
    fake_raise(9);
    for (unsigned upcall = 1; upcall <= 100; upcall++) {
        assert_true(fake_upcall_wanted(0));
        fake_upcall(0);
        assert_int_equal(runs[9], upcall);
    }
    assert_int_equal(fake_settle(), 0);
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

static struct pv_xen_event_scheme hasty;
static const struct pv_xen_event_scheme *usual;

/* As soon as the port is unmasked an event comes, to another CPU, and is for nothing. */
static void unmask_and_come(uint32_t port)
{
    pv_xen_events = usual;
    usual->unmask(port);
    fake_on(1);
    come(port);
    fake_on(1);
    assert_int_equal(pv_xen_event_done((int)port, false), PV_OK);
    fake_on(0);
}

static void a_port_that_is_to_wait_again_while_it_leaves_the_list_is_in_one(void **state)
{
    (void)state;
    come_for_nothing(3);
    assert_int_equal(pv_xen_event_set_vcpu(7, 1), PV_OK);
    usual = pv_xen_events;
    hasty = *usual;
    hasty.unmask = unmask_and_come;
    pv_xen_events = &hasty;
    pass(2 * S);
    assert_int_equal(pv_xen_events, usual);
    unsigned before = runs[7];
    assert_int_equal(fake_also, fake_now + 4 * MS);
    fake_raise(7);
    pass(4 * MS);
    fake_settle();
    assert_int_equal(runs[7], before + 1);
}

#define BOTH(test) FAKE_BOTH_FROM(test, start_2l, start_fifo)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(no_other_event_comes_until_the_first_is_done),
        BOTH(what_comes_before_its_handler_is_done_comes_behind_it),
        BOTH(work_is_never_kept_waiting),
        BOTH(one_event_for_nothing_costs_nothing),
        BOTH(each_event_for_nothing_waits_twice_as_long_up_to_a_second),
        BOTH(work_forgives_everything),
        BOTH(each_port_waits_for_itself),
        BOTH(without_a_timer_nobody_waits),
        BOTH(a_port_that_is_not_late_or_not_running_cannot_be_done),
        BOTH(a_port_that_is_closed_while_it_waits_holds_up_no_other),
        BOTH(a_port_that_is_to_wait_again_while_it_leaves_the_list_is_in_one),
        BOTH(a_storm_costs_one_run_a_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
