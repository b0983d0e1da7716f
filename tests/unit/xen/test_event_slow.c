/* SPDX-License-Identifier: MIT */
/*
 * Xen sends an event in three steps, and between them a CPU may go, or a port be moved: each order
 * of these steps and those of the library, with two levels and with FIFO.
 */
#include "fake_event.h"

#define MOST_POINTS 9u

static int64_t (*fake_xen)(uint64_t number, uint64_t command, void *argument);

static unsigned point;       /* what the CPU that goes has done so far */
static unsigned steps_at[3]; /* when Xen makes the steps of sending port 7 */

static void pass_point(void)
{
    for (unsigned i = 0; i < 3; i++) {
        if (steps_at[i] != point)
            continue;
        if (i == 0)
            fake_raise_looks(7);
        else if (i == 1)
            fake_raise_links(7);
        else
            fake_raise_tells();
    }
    point++;
}

static int64_t pass_points(uint64_t number, uint64_t command, void *argument)
{
    pass_point();
    int64_t result = fake_xen(number, command, argument);
    pass_point();
    return result;
}

/* Time goes on, so that the CPU does not wait for ever. */
static void pass_points_waiting(void)
{
    if (point < MOST_POINTS)
        pass_point();
    else
        fake_now += 1000000;
}

static void begin_slow_sender(bool fifo)
{
    fake_events_reset(fifo);
    assert_int_equal(bind(7, count), 7);
    assert_int_equal(bind(70, count), 70);
    assert_int_equal(pv_xen_event_set_vcpu(7, 1), PV_OK);
    point = 0;
    fake_xen = fake_answer;
    fake_answer = pass_points;
    fake_relax = pass_points_waiting;
}

static void finish_slow_sender(void)
{
    fake_answer = fake_xen;
    fake_relax = NULL;
    while (point <= MOST_POINTS)
        pass_point();
}

/* Any upcall of CPU 0's will do; by two levels for a port of another word. */
static void expect_once_at_cpu_0(void)
{
    for (unsigned i = 0; i < 2; i++) {
        fake_raise(70);
        fake_upcall(0);
    }
    fake_upcall(0);
    assert_int_equal(runs[7], 1);
    fake_raise(7);
    fake_upcall(0);
    assert_int_equal(runs[7], 2);
}

static void go_in_each_order(bool fifo, void (*goes)(void), void (*behind)(void))
{
    for (steps_at[0] = 0; steps_at[0] <= MOST_POINTS; steps_at[0]++)
        for (steps_at[1] = steps_at[0]; steps_at[1] <= MOST_POINTS; steps_at[1]++)
            for (steps_at[2] = steps_at[1]; steps_at[2] <= MOST_POINTS; steps_at[2]++) {
                begin_slow_sender(fifo);
                goes();
                finish_slow_sender();
                behind();
            }
}

static bool is_fifo(void)
{
    return pv_xen_events == &pv_xen_events_fifo;
}

static void what_is_sent_while_a_cpu_goes_comes_once_in_whatever_order(void **state)
{
    (void)state;
    go_in_each_order(is_fifo(), fake_stop_cpu_1, expect_once_at_cpu_0);
}

/* The kernel has cleared its block, which has its record of events on Xen PV. */
static void cpu_1_comes_back(void)
{
    fake_shared.vcpu[1] = (struct pv_xen_vcpu_info){0};
    fake_on(1);
    assert_int_equal(pv_xen_events_cpu_start(NULL), PV_OK);
    fake_on(0);
    fake_settle();
    assert_int_equal(runs[7], 1);
    assert_int_equal(pv_xen_event_set_vcpu(7, 1), PV_OK);
    fake_raise(7);
    fake_upcall(1);
    assert_int_equal(runs[7], 2);
}

static void what_is_sent_while_a_cpu_goes_and_comes_comes_once(void **state)
{
    (void)state;
    go_in_each_order(is_fifo(), fake_stop_cpu_1, cpu_1_comes_back);
}

static void move_to_cpu_0(void)
{
    assert_int_equal(pv_xen_event_set_vcpu(7, 0), PV_OK);
}

static void expect_once_anywhere(void)
{
    fake_settle();
    assert_int_equal(runs[7], 1);
    fake_raise(7);
    fake_settle();
    assert_int_equal(runs[7], 2);
}

static void what_is_sent_while_its_port_is_moved_comes_once_in_whatever_order(void **state)
{
    (void)state;
    go_in_each_order(is_fifo(), move_to_cpu_0, expect_once_anywhere);
}

static void
a_port_that_is_closed_in_the_queue_of_a_cpu_that_has_gone_can_be_taken_again(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    assert_int_equal(bind(9, count), 9);
    assert_int_equal(pv_xen_event_set_vcpu(7, 1), PV_OK);
    fake_raise_looks(7);
    fake_stop_cpu_1();
    fake_raise_links(7);
    fake_raise_tells();
    assert_int_equal(pv_xen_event_close(7), PV_OK);
    fake_raise(9);
    fake_upcall(0);
    assert_int_equal(bind(7, count), 7);
    pv_xen_event_clear(7);
    runs[7] = 0;
    fake_raise(7);
    fake_upcall(0);
    assert_int_equal(runs[7], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_BOTH(what_is_sent_while_a_cpu_goes_comes_once_in_whatever_order),
        FAKE_BOTH(what_is_sent_while_a_cpu_goes_and_comes_comes_once),
        FAKE_BOTH(what_is_sent_while_its_port_is_moved_comes_once_in_whatever_order),
        FAKE_BOTH(a_port_that_is_closed_in_the_queue_of_a_cpu_that_has_gone_can_be_taken_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
