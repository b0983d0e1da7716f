/* SPDX-License-Identifier: MIT */
/*
 * The two-level event scheme (backends/xen/event_2l.c) on the host: what is particular about its
 * bits, and a shared page that lies. What both schemes promise is in test_event.c.
 */
#include "fake_event.h"

#include <string.h>

#define WORD(port) ((port) / PV_XEN_EVENT_WORD_BITS)
#define BIT(port)  (1ull << (port) % PV_XEN_EVENT_WORD_BITS)
#define LAST       (PV_XEN_EVENT_PORTS - 1)

static int start(void **state)
{
    (void)state;
    fake_events_reset(false);
    return 0;
}

static void events_in_all_words_of_the_table_run(void **state)
{
    (void)state;
    for (uint32_t port = 1; port <= LAST; port++)
        assert_int_equal(bind(port, count), port);
    for (uint32_t port = 1; port <= LAST; port++)
        fake_raise(port);
    pv_xen_events_run(NULL);
    for (uint32_t port = 1; port <= LAST; port++)
        assert_int_equal(runs[port], 1);
}

static void raise_behind(struct pv_regs *regs, void *context)
{
    count(regs, context);
    fake_raise(3);   /* in a word that was read already */
    fake_raise(500); /* in one that was not selected */
}

static void an_event_raised_behind_the_scan_is_not_lost(void **state)
{
    (void)state;
    assert_int_equal(bind(3, count), 3);
    assert_int_equal(bind(7, raise_behind), 7);
    assert_int_equal(bind(500, count), 500);
    fake_raise(7);
    pv_xen_events_run(NULL);
    pv_xen_events_run(NULL);
    assert_int_equal(runs[3], 1);
    assert_int_equal(runs[500], 1);
}

static void an_event_of_another_cpu_is_left_to_it(void **state)
{
    (void)state;
    fake_on(1);
    assert_int_equal(bind(9, count), 9);
    fake_on(0);
    fake_raise(9);
    fake_shared.vcpu[0].pending_selector = 1;
    fake_upcall(0);
    assert_int_equal(runs[9], 0);
    assert_true(fake_shared.pending[0] & BIT(9));
    fake_upcall(1);
    assert_int_equal(runs[9], 1);
}

/* A page of ones: every port of the ABI pending, unmasked, selected. */
static void fill_with_ones(void)
{
    memset(fake_shared.pending, 0xff, sizeof(fake_shared.pending));
    memset(fake_shared.mask, 0, sizeof(fake_shared.mask));
    fake_shared.vcpu[0].pending_selector = UINT64_MAX;
    fake_shared.vcpu[0].upcall_pending = 0xff;
}

static void a_page_of_ones_runs_each_handler_once(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    assert_int_equal(bind(LAST, count), LAST);
    fill_with_ones();
    pv_xen_events_run(NULL);
    assert_int_equal(runs[7], 1);
    assert_int_equal(runs[LAST], 1);
    assert_int_equal(fake_lines, 1);
}

static void ports_that_nobody_asked_for_are_masked(void **state)
{
    (void)state;
    fill_with_ones();
    pv_xen_events_run(NULL);
    for (uint32_t word = 0; word < PV_XEN_EVENT_WORDS; word++)
        assert_true(fake_shared.mask[word] == UINT64_MAX);
    assert_int_equal(pv_xen_events_stray(), PV_XEN_EVENT_PORTS);
}

static void fill_again(struct pv_regs *regs, void *context)
{
    count(regs, context);
    fill_with_ones();
}

static void a_storm_ends_with_the_upcall(void **state)
{
    (void)state;
    assert_int_equal(bind(7, fill_again), 7);
    fill_with_ones();
    for (unsigned i = 0; i < 100; i++)
        pv_xen_events_run(NULL);
    assert_int_equal(runs[7], 100);
}

static void a_cpu_without_a_record_runs_nothing(void **state)
{
    struct pv_error error;

    (void)state;
    fake_on(PV_XEN_SHARED_VCPUS);
    assert_int_equal(pv_xen_events_cpu_start(&error), PV_E_RANGE);
    fill_with_ones();
    pv_xen_events_run(NULL);
    assert_int_equal(pv_xen_events_stray(), 0);
}

static void a_port_beyond_the_words_is_refused(void **state)
{
    (void)state;
    assert_int_equal(bind(PV_XEN_EVENT_PORTS, count), PV_E_HOST);
    assert_int_equal(bind(UINT32_MAX, count), PV_E_HOST);
}

static void there_are_no_priorities(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    assert_int_equal(pv_xen_event_set_priority(7, 0), PV_E_UNSUPPORTED);
}

static void two_levels_are_used_where_the_command_line_says_so(void **state)
{
    (void)state;
    fake_has_fifo = true;
    pv_xen_events_start();
    assert_string_equal(pv_xen_events_name(), "events-fifo");
    pv_xen_events_end();
    fake_word_given = "events=2l";
    pv_xen_events_start();
    assert_string_equal(pv_xen_events_name(), "events-2-level");
    assert_int_equal(fake_calls(PV_XEN_HC_EVENT_CHANNEL_OP, PV_EVTCHNOP_RESET), 1);
}

static void take_the_page_away(struct pv_regs *regs, void *context)
{
    count(regs, context);
    pv_xen_shared = NULL;
}

/* Other CPUs stand still in the handler of an interrupt while the backend changes. */
static void the_page_may_go_away_in_a_handler(void **state)
{
    (void)state;
    assert_int_equal(bind(7, take_the_page_away), 7);
    assert_int_equal(bind(8, count), 8);
    assert_int_equal(bind(500, count), 500);
    fake_raise(7);
    fake_raise(8);
    fake_raise(500);
    pv_xen_events_run(NULL);
    pv_xen_shared = &fake_shared;
    assert_int_equal(runs[7], 1);
    assert_int_equal(runs[8] + runs[500], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(events_in_all_words_of_the_table_run, start),
        cmocka_unit_test_setup(an_event_raised_behind_the_scan_is_not_lost, start),
        cmocka_unit_test_setup(an_event_of_another_cpu_is_left_to_it, start),
        cmocka_unit_test_setup(a_page_of_ones_runs_each_handler_once, start),
        cmocka_unit_test_setup(ports_that_nobody_asked_for_are_masked, start),
        cmocka_unit_test_setup(a_storm_ends_with_the_upcall, start),
        cmocka_unit_test_setup(a_cpu_without_a_record_runs_nothing, start),
        cmocka_unit_test_setup(a_port_beyond_the_words_is_refused, start),
        cmocka_unit_test_setup(there_are_no_priorities, start),
        cmocka_unit_test_setup(the_page_may_go_away_in_a_handler, start),
        cmocka_unit_test_setup(two_levels_are_used_where_the_command_line_says_so, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
