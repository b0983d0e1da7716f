/* SPDX-License-Identifier: MIT */
/*
 * Event channels (backends/xen/event.c) on the host, with a shared page that tells the truth and
 * with one that does not.
 */
#include "fake.h"

#include <string.h>

#include "backends/xen/event.h"
#include "backends/xen/abi/event_channel.h"

#define WORD(port) ((port) / PV_XEN_EVENT_WORD_BITS)
#define BIT(port)  (1ull << (port) % PV_XEN_EVENT_WORD_BITS)

static uint32_t next_port;
static unsigned runs[PV_XEN_EVENT_PORTS];

static int64_t answer(uint64_t number, uint64_t command, void *argument)
{
    struct pv_evtchn_bind_virq *bind = argument;
    struct pv_evtchn_port *unmask = argument;

    assert_int_equal(number, PV_XEN_HC_EVENT_CHANNEL_OP);
    if (command == PV_EVTCHNOP_BIND_VIRQ)
        bind->port = next_port;
    if (command == PV_EVTCHNOP_UNMASK)
        fake_shared.mask[WORD(unmask->port)] &= ~BIT(unmask->port);
    return 0;
}

static int start(void **state)
{
    (void)state;
    fake_reset();
    fake_answer = answer;
    memset(runs, 0, sizeof(runs));
    pv_xen_events_start();
    return 0;
}

static void count(struct pv_regs *regs, void *context)
{
    (void)regs;
    (*(unsigned *)context)++;
}

static int bind(uint32_t port, pv_xen_event_handler handler)
{
    next_port = port;
    return pv_xen_event_bind_virq(PV_VIRQ_TIMER, handler,
                                  port < PV_XEN_EVENT_PORTS ? &runs[port] : NULL);
}

/* As xen/common/event_2l.c does. */
static void raise_port(uint32_t port)
{
    fake_shared.pending[WORD(port)] |= BIT(port);
    if (fake_shared.mask[WORD(port)] & BIT(port))
        return;
    fake_shared.vcpu[fake_vcpu].pending_selector |= 1ull << WORD(port);
    fake_shared.vcpu[fake_vcpu].upcall_pending = 1;
}

static void an_event_runs_its_handler_once(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    raise_port(7);
    pv_xen_events_run(NULL);
    pv_xen_events_run(NULL);
    assert_int_equal(runs[7], 1);
    assert_int_equal(fake_shared.pending[0], 0);
    assert_int_equal(fake_shared.vcpu[0].upcall_pending, 0);
    assert_int_equal(fake_shared.vcpu[0].pending_selector, 0);
}

static void an_upcall_without_events_does_nothing(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    fake_shared.vcpu[0].upcall_pending = 1;
    pv_xen_events_run(NULL);
    assert_int_equal(runs[7], 0);
    assert_int_equal(pv_xen_events_stray(), 0);
}

static void events_in_all_words_of_the_table_run(void **state)
{
    (void)state;
    for (uint32_t port = 1; port < PV_XEN_PORTS; port++)
        assert_int_equal(bind(port, count), port);
    for (uint32_t port = 1; port < PV_XEN_PORTS; port++)
        raise_port(port);
    pv_xen_events_run(NULL);
    for (uint32_t port = 1; port < PV_XEN_PORTS; port++)
        assert_int_equal(runs[port], 1);
}

static void masked_events_wait(void **state)
{
    (void)state;
    assert_int_equal(bind(70, count), 70);
    fake_shared.mask[1] |= BIT(70);
    raise_port(70);
    fake_shared.vcpu[0].pending_selector = 2;
    pv_xen_events_run(NULL);
    assert_int_equal(runs[70], 0);
    assert_true(fake_shared.pending[1] & BIT(70));
}

static void raise_again(struct pv_regs *regs, void *context)
{
    count(regs, context);
    raise_port(7);
}

static void an_event_raised_by_its_own_handler_comes_with_another_upcall(void **state)
{
    (void)state;
    assert_int_equal(bind(7, raise_again), 7);
    raise_port(7);
    pv_xen_events_run(NULL);
    assert_int_equal(runs[7], 1);
    assert_int_equal(fake_shared.vcpu[0].upcall_pending, 1);
    assert_true(fake_shared.vcpu[0].pending_selector & 1);
    pv_xen_events_run(NULL);
    assert_int_equal(runs[7], 2);
}

static void raise_behind(struct pv_regs *regs, void *context)
{
    count(regs, context);
    raise_port(3);   /* in a word that was read already */
    raise_port(500); /* in one that was not selected */
}

static void an_event_raised_behind_the_scan_is_not_lost(void **state)
{
    (void)state;
    assert_int_equal(bind(3, count), 3);
    assert_int_equal(bind(7, raise_behind), 7);
    assert_int_equal(bind(500, count), 500);
    raise_port(7);
    pv_xen_events_run(NULL);
    pv_xen_events_run(NULL);
    assert_int_equal(runs[3], 1);
    assert_int_equal(runs[500], 1);
}

static void an_event_of_another_cpu_is_left_to_it(void **state)
{
    (void)state;
    fake_vcpu = 1;
    assert_int_equal(bind(9, count), 9);
    fake_vcpu = 0;
    raise_port(9);
    pv_xen_events_run(NULL);
    assert_int_equal(runs[9], 0);
    assert_true(fake_shared.pending[0] & BIT(9));
    fake_vcpu = 1;
    fake_shared.vcpu[1].pending_selector = 1;
    pv_xen_events_run(NULL);
    assert_int_equal(runs[9], 1);
}

static void a_port_that_nobody_asked_for_is_masked_and_told_of_once(void **state)
{
    (void)state;
    for (uint32_t port = 100; port < 164; port++)
        fake_shared.mask[WORD(port)] &= ~BIT(port);
    for (uint32_t port = 100; port < 164; port++)
        raise_port(port);
    pv_xen_events_run(NULL);
    for (uint32_t port = 100; port < 164; port++)
        assert_true(fake_shared.mask[WORD(port)] & BIT(port));
    assert_int_equal(pv_xen_events_stray(), 64);
    assert_int_equal(fake_lines, 1);
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
    assert_int_equal(bind(PV_XEN_PORTS - 1, count), PV_XEN_PORTS - 1);
    fill_with_ones();
    pv_xen_events_run(NULL);
    assert_int_equal(runs[7], 1);
    assert_int_equal(runs[PV_XEN_PORTS - 1], 1);
    assert_int_equal(fake_lines, 1);
}

static void ports_beyond_the_table_are_masked(void **state)
{
    (void)state;
    fill_with_ones();
    pv_xen_events_run(NULL);
    for (uint32_t word = WORD(PV_XEN_PORTS); word < PV_XEN_EVENT_WORDS; word++)
        assert_true(fake_shared.mask[word] == UINT64_MAX);
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
    (void)state;
    fake_vcpu = PV_XEN_SHARED_VCPUS;
    fill_with_ones();
    pv_xen_events_run(NULL);
    assert_int_equal(pv_xen_events_stray(), 0);
}

static void a_port_from_xen_that_cannot_be_is_refused(void **state)
{
    (void)state;
    assert_int_equal(bind(0, count), PV_E_HOST);
    assert_int_equal(bind(PV_XEN_EVENT_PORTS, count), PV_E_HOST);
    assert_int_equal(bind(UINT32_MAX, count), PV_E_HOST);
    assert_int_equal(fake_calls(PV_XEN_HC_EVENT_CHANNEL_OP, PV_EVTCHNOP_UNMASK), 0);
}

static void a_port_beyond_the_table_is_given_back(void **state)
{
    (void)state;
    assert_int_equal(bind(PV_XEN_PORTS, count), PV_E_FULL);
    assert_int_equal(fake_calls(PV_XEN_HC_EVENT_CHANNEL_OP, PV_EVTCHNOP_CLOSE), 1);
}

static void a_port_that_is_in_use_is_not_taken_twice(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    assert_int_equal(bind(7, raise_again), PV_E_FULL);
    raise_port(7);
    pv_xen_events_run(NULL);
    assert_int_equal(runs[7], 1);
    assert_int_equal(fake_shared.vcpu[0].upcall_pending, 0);
}

static void a_closed_port_is_silent(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    pv_xen_event_close(7);
    assert_true(fake_shared.mask[0] & BIT(7));
    raise_port(7);
    fake_shared.vcpu[0].pending_selector = 1;
    pv_xen_events_run(NULL);
    assert_int_equal(runs[7], 0);
    assert_int_equal(fake_calls(PV_XEN_HC_EVENT_CHANNEL_OP, PV_EVTCHNOP_CLOSE), 1);
}

static void closing_what_was_never_given_does_nothing(void **state)
{
    (void)state;
    pv_xen_event_close(PV_E_HOST);
    pv_xen_event_close(0);
    pv_xen_event_close(PV_XEN_PORTS);
    assert_int_equal(fake_calls(PV_XEN_HC_EVENT_CHANNEL_OP, PV_EVTCHNOP_CLOSE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_event_runs_its_handler_once, start),
        cmocka_unit_test_setup(an_upcall_without_events_does_nothing, start),
        cmocka_unit_test_setup(events_in_all_words_of_the_table_run, start),
        cmocka_unit_test_setup(masked_events_wait, start),
        cmocka_unit_test_setup(an_event_raised_by_its_own_handler_comes_with_another_upcall, start),
        cmocka_unit_test_setup(an_event_raised_behind_the_scan_is_not_lost, start),
        cmocka_unit_test_setup(an_event_of_another_cpu_is_left_to_it, start),
        cmocka_unit_test_setup(a_port_that_nobody_asked_for_is_masked_and_told_of_once, start),
        cmocka_unit_test_setup(a_page_of_ones_runs_each_handler_once, start),
        cmocka_unit_test_setup(ports_beyond_the_table_are_masked, start),
        cmocka_unit_test_setup(a_storm_ends_with_the_upcall, start),
        cmocka_unit_test_setup(a_cpu_without_a_record_runs_nothing, start),
        cmocka_unit_test_setup(a_port_from_xen_that_cannot_be_is_refused, start),
        cmocka_unit_test_setup(a_port_beyond_the_table_is_given_back, start),
        cmocka_unit_test_setup(a_port_that_is_in_use_is_not_taken_twice, start),
        cmocka_unit_test_setup(a_closed_port_is_silent, start),
        cmocka_unit_test_setup(closing_what_was_never_given_does_nothing, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
