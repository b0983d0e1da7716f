/* SPDX-License-Identifier: MIT */
/*
 * The FIFO event scheme (backends/xen/event_fifo.c) on the host: priorities, growth, and words and
 * control blocks that lie. What both schemes promise is in test_event.c.
 */
#include "fake_event.h"

#include <string.h>

#define PER_PAGE 1024u

static uint32_t order[64];
static unsigned ordered;

static int start(void **state)
{
    (void)state;
    fake_events_reset(true);
    ordered = 0;
    return 0;
}

static void note(struct pv_regs *regs, void *context)
{
    count(regs, context);
    order[ordered++ % 64] = (uint32_t)((unsigned *)context - runs);
}

static unsigned calls(uint64_t command)
{
    return fake_calls(PV_XEN_HC_EVENT_CHANNEL_OP, command);
}

static void events_run_in_the_order_of_their_coming(void **state)
{
    (void)state;
    for (uint32_t port = 1; port < 10; port++)
        assert_int_equal(bind(port, note), port);
    for (uint32_t i = 1; i < 10; i++)
        fake_raise(i * 7 % 10);
    fake_upcall(0);
    assert_int_equal(ordered, 9);
    for (uint32_t i = 1; i < 10; i++)
        assert_int_equal(order[i - 1], i * 7 % 10);
}

static void the_more_urgent_run_first(void **state)
{
    (void)state;
    for (uint32_t port = 1; port <= PV_EVENT_QUEUES; port++) {
        assert_int_equal(bind(port, note), port);
        assert_int_equal(pv_xen_event_set_priority((int)port, PV_EVENT_QUEUES - port), PV_OK);
    }
    for (uint32_t port = 1; port <= PV_EVENT_QUEUES; port++)
        fake_raise(port);
    fake_upcall(0);
    assert_int_equal(ordered, PV_EVENT_QUEUES);
    for (uint32_t i = 0; i < PV_EVENT_QUEUES; i++)
        assert_int_equal(order[i], PV_EVENT_QUEUES - i);
}

static void raise_urgent(struct pv_regs *regs, void *context)
{
    note(regs, context);
    fake_raise(9);
}

static void what_is_urgent_overtakes_what_waits(void **state)
{
    (void)state;
    assert_int_equal(bind(7, raise_urgent), 7);
    assert_int_equal(bind(8, note), 8);
    assert_int_equal(bind(9, note), 9);
    assert_int_equal(pv_xen_event_set_priority(9, 0), PV_OK);
    fake_raise(7);
    fake_raise(8);
    fake_upcall(0);
    const uint32_t expected[] = {7, 9, 8};
    assert_int_equal(ordered, 3);
    assert_memory_equal(order, expected, sizeof(expected));
}

static void a_priority_that_cannot_be_is_refused(void **state)
{
    (void)state;
    assert_int_equal(bind(7, note), 7);
    assert_int_equal(pv_xen_event_set_priority(7, PV_EVENT_QUEUES), PV_E_ARGUMENT);
    assert_int_equal(calls(PV_EVTCHNOP_SET_PRIORITY), 0);
}

static void the_array_grows_by_as_many_pages_as_a_port_needs(void **state)
{
    (void)state;
    assert_int_equal(calls(PV_EVTCHNOP_EXPAND_ARRAY), 1);
    assert_int_equal(bind(1023, count), 1023);
    assert_int_equal(calls(PV_EVTCHNOP_EXPAND_ARRAY), 1);
    assert_int_equal(bind(3 * PER_PAGE, count), 3 * PER_PAGE);
    assert_int_equal(calls(PV_EVTCHNOP_EXPAND_ARRAY), 4);
    fake_raise(3 * PER_PAGE);
    fake_raise(1023);
    fake_settle();
    assert_int_equal(runs[1023] + runs[3 * PER_PAGE], 2);
}

static void words_of_a_new_page_are_masked(void **state)
{
    (void)state;
    assert_int_equal(bind(PER_PAGE, count), PER_PAGE);
    assert_int_equal(*fake_word(PER_PAGE), 0);
    for (uint32_t port = PER_PAGE + 1; port < 2 * PER_PAGE; port++)
        assert_int_equal(*fake_word(port), PV_EVENT_MASKED);
}

static void a_port_beyond_the_library_s_own_limit_is_given_back(void **state)
{
    (void)state;
    assert_int_equal(bind(PV_XEN_PORTS - 1, count), PV_XEN_PORTS - 1);
    assert_int_equal(bind(PV_XEN_PORTS, count), PV_E_FULL);
    assert_int_equal(calls(PV_EVTCHNOP_CLOSE), 1);
}

static void a_page_that_xen_does_not_take_costs_the_port(void **state)
{
    (void)state;
    assert_int_equal(bind(500, count), 500); /* its entry's page is there now */
    fake_has_pages = false;
    uint32_t port = PER_PAGE;
    assert_int_equal(bind(port, count), PV_E_FULL);
    assert_int_equal(calls(PV_EVTCHNOP_CLOSE), 1);
    fake_raise(500);
    fake_settle();
    assert_int_equal(runs[500], 1);
}

static void an_old_xen_gets_two_levels(void **state)
{
    (void)state;
    pv_xen_events_end();
    fake_has_fifo = false;
    pv_xen_events_start();
    assert_string_equal(pv_xen_events_name(), "events-2-level");
}

static void a_second_start_goes_on_with_the_same_queues(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    pv_xen_event_close(7);
    pv_xen_events_start();
    assert_string_equal(pv_xen_events_name(), "events-fifo");
    assert_int_equal(calls(PV_EVTCHNOP_INIT_CONTROL), FAKE_CPUS);
    assert_int_equal(bind(7, count), 7);
    fake_raise(7);
    fake_settle();
    assert_int_equal(runs[7], 1);
}

static void the_end_takes_everything_back_from_xen(void **state)
{
    (void)state;
    pv_xen_events_end();
    assert_int_equal(calls(PV_EVTCHNOP_RESET), 1);
    pv_xen_events_end();
    assert_int_equal(calls(PV_EVTCHNOP_RESET), 1);
}

static void a_port_that_xen_is_about_to_link_is_unmasked_by_xen(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    pv_xen_event_mask(7);
    *fake_word(7) |= PV_EVENT_BUSY | PV_EVENT_LINKED;
    pv_xen_event_unmask(7);
    assert_int_equal(calls(PV_EVTCHNOP_UNMASK), 1);
    assert_int_equal(*fake_word(7), PV_EVENT_BUSY | PV_EVENT_LINKED);
}

static void a_port_that_is_linked_but_not_pending_is_left_out(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    fake_raise(7);
    *fake_word(7) &= ~PV_EVENT_PENDING;
    fake_upcall(0);
    assert_int_equal(runs[7], 0);
    fake_raise(7);
    fake_upcall(0);
    assert_int_equal(runs[7], 1);
}

static void ports_that_nobody_asked_for_are_masked_and_told_of_once(void **state)
{
    (void)state;
    for (uint32_t port = 100; port < 164; port++)
        *fake_word(port) = 0;
    for (uint32_t port = 100; port < 164; port++)
        fake_raise(port);
    fake_settle();
    for (uint32_t port = 100; port < 164; port++)
        assert_true(*fake_word(port) & PV_EVENT_MASKED);
    assert_int_equal(pv_xen_events_stray(), 64);
    assert_int_equal(fake_lines, 1);
}

static void a_page_that_xen_does_not_take_is_kept_for_the_next_time(void **state)
{
    (void)state;
    assert_int_equal(bind(1500, count), 1500);
    assert_int_equal(bind(1501, count), 1501);
    unsigned before = fake_pages_lent;
    fake_takes_no_pages = true;
    /* The first try takes one for the ports' entries, too. */
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(bind(3000, count), PV_E_FULL);
    assert_int_equal(fake_pages_lent, before + 2);
    fake_takes_no_pages = false;
    assert_int_equal(bind(3000, count), 3000);
    assert_int_equal(fake_pages_lent, before + 2);
    fake_raise(3000);
    fake_settle();
    assert_int_equal(runs[3000], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(events_run_in_the_order_of_their_coming, start),
        cmocka_unit_test_setup(the_more_urgent_run_first, start),
        cmocka_unit_test_setup(what_is_urgent_overtakes_what_waits, start),
        cmocka_unit_test_setup(a_priority_that_cannot_be_is_refused, start),
        cmocka_unit_test_setup(the_array_grows_by_as_many_pages_as_a_port_needs, start),
        cmocka_unit_test_setup(words_of_a_new_page_are_masked, start),
        cmocka_unit_test_setup(a_port_beyond_the_library_s_own_limit_is_given_back, start),
        cmocka_unit_test_setup(a_page_that_xen_does_not_take_costs_the_port, start),
        cmocka_unit_test_setup(a_page_that_xen_does_not_take_is_kept_for_the_next_time, start),
        cmocka_unit_test_setup(an_old_xen_gets_two_levels, start),
        cmocka_unit_test_setup(a_second_start_goes_on_with_the_same_queues, start),
        cmocka_unit_test_setup(the_end_takes_everything_back_from_xen, start),
        cmocka_unit_test_setup(a_port_that_xen_is_about_to_link_is_unmasked_by_xen, start),
        cmocka_unit_test_setup(a_port_that_is_linked_but_not_pending_is_left_out, start),
        cmocka_unit_test_setup(ports_that_nobody_asked_for_are_masked_and_told_of_once, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
