/* SPDX-License-Identifier: MIT */
/*
 * Event channels (backends/xen/event*.c) on the host: what is promised whichever scheme is in
 * force. Each test runs with two levels and with FIFO.
 */
#include "fake_event.h"

#define MANY 4000u

static unsigned calls(uint64_t command)
{
    return fake_calls(PV_XEN_HC_EVENT_CHANNEL_OP, command);
}

static void an_event_runs_its_handler_once(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    fake_raise(7);
    fake_upcall(0);
    fake_upcall(0);
    assert_int_equal(runs[7], 1);
    assert_false(fake_upcall_wanted(0));
}

static void an_upcall_without_events_does_nothing(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    fake_upcall(0);
    assert_int_equal(runs[7], 0);
    assert_int_equal(pv_xen_events_stray(), 0);
}

static void four_thousand_ports_run_once_each(void **state)
{
    (void)state;
    for (uint32_t port = 1; port <= MANY; port++)
        assert_int_equal(bind(port, count), port);
    for (uint32_t port = 1; port <= MANY; port++)
        fake_raise(port);
    assert_int_equal(fake_settle(), 1);
    for (uint32_t port = 1; port <= MANY; port++)
        assert_int_equal(runs[port], 1);
}

static void a_masked_event_comes_once_when_it_is_unmasked(void **state)
{
    (void)state;
    assert_int_equal(bind(70, count), 70);
    assert_int_equal(pv_xen_event_mask(70), PV_OK);
    fake_raise(70);
    fake_raise(70);
    fake_upcall(0);
    assert_int_equal(runs[70], 0);
    assert_int_equal(pv_xen_event_unmask(70), PV_OK);
    fake_settle();
    assert_int_equal(runs[70], 1);
}

static void masking_what_is_pending_already_holds_it_back(void **state)
{
    (void)state;
    assert_int_equal(bind(70, count), 70);
    fake_raise(70);
    assert_int_equal(pv_xen_event_mask(70), PV_OK);
    fake_upcall(0);
    assert_int_equal(runs[70], 0);
    assert_int_equal(pv_xen_event_unmask(70), PV_OK);
    fake_settle();
    assert_int_equal(runs[70], 1);
}

static void unmasking_without_an_event_costs_no_hypercall(void **state)
{
    (void)state;
    assert_int_equal(bind(70, count), 70);
    pv_xen_event_mask(70);
    unsigned before = calls(PV_EVTCHNOP_UNMASK);
    pv_xen_event_unmask(70);
    assert_int_equal(calls(PV_EVTCHNOP_UNMASK), before);
    fake_raise(70);
    fake_settle();
    assert_int_equal(runs[70], 1);
}

static void raise_again(struct pv_regs *regs, void *context)
{
    count(regs, context);
    fake_raise(7);
}

static void an_event_raised_by_its_own_handler_comes_with_another_upcall(void **state)
{
    (void)state;
    assert_int_equal(bind(7, raise_again), 7);
    fake_raise(7);
    fake_upcall(0);
    assert_int_equal(runs[7], 1);
    assert_true(fake_upcall_wanted(0));
    fake_upcall(0);
    assert_int_equal(runs[7], 2);
}

static void raise_both(struct pv_regs *regs, void *context)
{
    count(regs, context);
    fake_raise(7);
    fake_raise(8);
}

static void two_ports_that_raise_each_other_run_once_an_upcall(void **state)
{
    (void)state;
    assert_int_equal(bind(7, raise_both), 7);
    assert_int_equal(bind(8, raise_both), 8);
    fake_raise(7);
    for (unsigned upcall = 1; upcall <= 100; upcall++) {
        assert_true(fake_upcall_wanted(0));
        fake_upcall(0);
        assert_in_range(runs[7], upcall - 1, upcall);
        assert_in_range(runs[8], upcall - 1, upcall);
    }
}

/* Another CPU is entered while this one is inside the handler. */
static void meanwhile_elsewhere(struct pv_regs *regs, void *context)
{
    count(regs, context);
    if (runs[7] > 1)
        return;
    assert_int_equal(pv_xen_event_set_vcpu(7, 1), PV_OK);
    fake_raise(7);
    fake_upcall(1);
    assert_int_equal(runs[7], 1);
}

static void a_handler_does_not_run_on_two_cpus_at_once(void **state)
{
    (void)state;
    assert_int_equal(bind(7, meanwhile_elsewhere), 7);
    fake_raise(7);
    fake_upcall(0);
    fake_settle();
    assert_int_equal(runs[7], 2);
}

static void a_pending_port_that_is_moved_runs_once_where_it_is_moved_to(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    pv_xen_event_mask(7);
    fake_raise(7);
    assert_int_equal(pv_xen_event_set_vcpu(7, 1), PV_OK);
    pv_xen_event_unmask(7);
    assert_false(fake_upcall_wanted(0));
    fake_upcall(1);
    assert_int_equal(runs[7], 1);
    assert_int_equal(fake_settle(), 0);
}

static void a_port_that_is_moved_on_its_way_is_not_lost(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    fake_raise(7);
    assert_int_equal(pv_xen_event_set_vcpu(7, 1), PV_OK);
    fake_settle();
    assert_int_equal(runs[7], 1);
    fake_raise(7);
    fake_upcall(1);
    assert_int_equal(runs[7], 2);
}

static int64_t (*fake_xen)(uint64_t number, uint64_t command, void *argument);

static int64_t refuse_to_move(uint64_t number, uint64_t command, void *argument)
{
    return command == PV_EVTCHNOP_BIND_VCPU ? -22 : fake_xen(number, command, argument);
}

static void a_move_that_xen_refuses_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    fake_xen = fake_answer;
    fake_answer = refuse_to_move;
    assert_int_equal(pv_xen_event_set_vcpu(7, 1), PV_E_HOST);
    fake_answer = fake_xen;
    fake_raise(7);
    fake_upcall(0);
    assert_int_equal(runs[7], 1);
}

static void a_port_does_not_go_where_nobody_takes_events(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    assert_int_equal(pv_xen_event_set_vcpu(7, FAKE_CPUS), PV_E_RANGE);
    assert_int_equal(pv_xen_event_set_vcpu(7, UINT32_MAX), PV_E_RANGE);
    fake_stop_cpu_1();
    assert_int_equal(pv_xen_event_set_vcpu(7, 1), PV_E_RANGE);
    assert_int_equal(calls(PV_EVTCHNOP_BIND_VCPU), 0);
    fake_raise(7);
    fake_upcall(0);
    assert_int_equal(runs[7], 1);
}

/* All its ports are moved away, and then comes one more. */
static int64_t stop_while_moving(uint64_t number, uint64_t command, void *argument)
{
    const struct pv_evtchn_bind_vcpu *move = argument;

    if (command == PV_EVTCHNOP_BIND_VCPU && move->vcpu == 1)
        fake_stop_cpu_1();
    return fake_xen(number, command, argument);
}

static void a_port_that_is_moved_to_a_cpu_on_its_way_out_moves_on(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    fake_xen = fake_answer;
    fake_answer = stop_while_moving;
    assert_int_equal(pv_xen_event_set_vcpu(7, 1), PV_E_RANGE);
    fake_raise(7);
    fake_upcall(0);
    assert_int_equal(runs[7], 1);
}

static void a_port_of_the_toolstack_s_is_taken_and_stays_when_it_is_closed(void **state)
{
    (void)state;
    fake_connected = 5;
    assert_int_equal(pv_xen_event_adopt(0, count, NULL), PV_E_ARGUMENT);
    assert_int_equal(pv_xen_event_adopt(4, count, NULL), PV_E_ARGUMENT);
    assert_int_equal(pv_xen_event_adopt(UINT32_MAX, count, NULL), PV_E_ARGUMENT);
    assert_int_equal(pv_xen_event_adopt(5, count, &runs[5]), 5);
    assert_int_equal(pv_xen_event_adopt(5, count, &runs[5]), PV_E_FULL);
    fake_raise(5);
    fake_settle();
    assert_int_equal(runs[5], 1);
    assert_int_equal(pv_xen_event_close(5), PV_OK);
    fake_raise(5);
    assert_false(fake_upcall_wanted(0));
    assert_int_equal(calls(PV_EVTCHNOP_CLOSE), 0);
    /* One of the library's own by the same number is given back. */
    assert_int_equal(bind(5, count), 5);
    assert_int_equal(pv_xen_event_close(5), PV_OK);
    assert_int_equal(calls(PV_EVTCHNOP_CLOSE), 1);
}

static unsigned relaxed;

static void other_handler_ends_soon(void)
{
    if (++relaxed == 3)
        pv_xen_port_ends(7, pv_xen_port_at(7));
}

static void who_closes_a_port_waits_for_the_cpu_that_runs_it_wherever_it_was_moved(void **state)
{
    (void)state;
    relaxed = 0;
    assert_int_equal(bind(7, count), 7);
    assert_true(pv_xen_port_begin(7, pv_xen_port_at(7), &pv_xen_event_cpus[0]));
    assert_int_equal(pv_xen_event_set_vcpu(7, 1), PV_OK);
    fake_on(1);
    fake_relax = other_handler_ends_soon;
    assert_int_equal(pv_xen_event_close(7), PV_OK);
    assert_int_equal(relaxed, 3);
}

static void move_away_and_close(struct pv_regs *regs, void *context)
{
    count(regs, context);
    assert_int_equal(pv_xen_event_set_vcpu(7, 1), PV_OK);
    assert_int_equal(pv_xen_event_close(7), PV_OK);
}

static void note_wait(void)
{
    relaxed++;
}

static void a_handler_that_moves_its_port_and_closes_it_does_not_wait_for_itself(void **state)
{
    (void)state;
    relaxed = 0;
    fake_relax = note_wait;
    assert_int_equal(bind(7, move_away_and_close), 7);
    fake_raise(7);
    fake_upcall(0);
    assert_int_equal(runs[7], 1);
    assert_int_equal(relaxed, 0);
}

static void a_handler_that_does_not_end_is_told_to_who_closes_its_port(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    assert_true(pv_xen_port_begin(7, pv_xen_port_at(7), &pv_xen_event_cpus[1]));
    assert_int_equal(pv_xen_event_close(7), PV_E_TIMEOUT);
    assert_int_equal(fake_lines, 1);
    assert_int_equal(pv_xen_event_close(7), PV_E_ARGUMENT);
}

/* An upcall that is on its way when the backend leaves, and what a kernel does with its ports
 * behind that. */
static void behind_the_end_there_are_no_ports_and_no_upcalls(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    fake_stop_cpu_1();
    fake_raise(7);
    pv_xen_events_stop();
    pv_xen_shared = NULL;
    pv_xen_events_run(NULL);
    assert_int_equal(runs[7], 0);
    assert_int_equal(pv_xen_event_mask(7), PV_E_ARGUMENT);
    assert_int_equal(pv_xen_event_unmask(7), PV_E_ARGUMENT);
    assert_int_equal(pv_xen_event_done(7, true), PV_E_ARGUMENT);
    assert_int_equal(pv_xen_event_close(7), PV_E_ARGUMENT);
    assert_int_equal(calls(PV_EVTCHNOP_CLOSE), 1);
    pv_xen_shared = &fake_shared;
}

static void a_cpu_that_goes_leaves_its_ports_to_the_first_and_loses_nothing(void **state)
{
    (void)state;
    for (uint32_t port = 7; port < 10; port++) {
        assert_int_equal(bind(port, count), port);
        assert_int_equal(pv_xen_event_set_vcpu((int)port, 1), PV_OK);
    }
    fake_raise(7);
    fake_on(1);
    pv_xen_events_cpu_stop();
    fake_raise(8);
    fake_upcall(0);
    assert_int_equal(runs[7] + runs[8], 2);
    fake_on(1);
    pv_xen_events_run(NULL);
    assert_int_equal(pv_xen_events_cpu_start(NULL), PV_OK);
    fake_on(0);
    assert_int_equal(pv_xen_event_set_vcpu(9, 1), PV_OK);
    fake_raise(9);
    fake_upcall(1);
    assert_int_equal(runs[9], 1);
}

static void all_kinds_of_ports_run(void **state)
{
    (void)state;
    fake_next_port = 20;
    assert_int_equal(pv_xen_event_bind_ipi(count, &runs[20]), 20);
    assert_int_equal(pv_xen_event_bind_pirq(9, PV_BIND_PIRQ_SHARE, count, &runs[21]), 21);
    assert_int_equal(pv_xen_event_offer(0, count, &runs[22]), 22);
    assert_int_equal(pv_xen_event_connect(0, 5, count, &runs[23]), 23);
    for (uint32_t port = 20; port < 24; port++)
        fake_raise(port);
    fake_settle();
    for (uint32_t port = 20; port < 24; port++)
        assert_int_equal(runs[port], 1);
    assert_int_equal(pv_xen_event_send(23), PV_OK);
    assert_int_equal(calls(PV_EVTCHNOP_SEND), 1);
}

static void a_port_from_xen_that_cannot_be_is_refused(void **state)
{
    (void)state;
    assert_int_equal(bind(0, count), PV_E_HOST);
    assert_int_equal(bind(1u << PV_EVENT_LINK_BITS, count), PV_E_HOST);
    assert_int_equal(bind(UINT32_MAX, count), PV_E_HOST);
    assert_int_equal(calls(PV_EVTCHNOP_UNMASK), 0);
}

static void without_memory_for_it_a_port_is_given_back(void **state)
{
    (void)state;
    uint32_t port = 64 + 63; /* behind the library's own page; taken by no other test */
    while (pv_xen_port_at(port) != &pv_xen_no_ports[63])
        port += 64;
    fake_has_pages = false;
    assert_int_equal(bind(port, count), port < pv_xen_events->ports ? PV_E_FULL : PV_E_HOST);
    assert_int_equal(calls(PV_EVTCHNOP_CLOSE), port < pv_xen_events->ports);
    assert_int_equal(bind(63, count), 63);
}

static void a_port_that_is_in_use_is_not_taken_twice(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    assert_int_equal(bind(7, raise_again), PV_E_FULL);
    fake_raise(7);
    fake_upcall(0);
    assert_int_equal(runs[7], 1);
    assert_false(fake_upcall_wanted(0));
}

static void a_closed_port_is_silent(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    fake_raise(7);
    pv_xen_event_close(7);
    fake_raise(7);
    fake_upcall(0);
    assert_int_equal(runs[7], 0);
    assert_int_equal(calls(PV_EVTCHNOP_CLOSE), 1);
    assert_int_equal(pv_xen_event_send(7), PV_E_ARGUMENT);
    assert_int_equal(pv_xen_event_unmask(7), PV_E_ARGUMENT);
}

static void what_was_never_given_is_refused(void **state)
{
    (void)state;
    const int never[] = {PV_E_HOST, 0, 5, PV_XEN_PORTS - 1, PV_XEN_PORTS, INT32_MAX, INT32_MIN};

    for (unsigned i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        pv_xen_event_close(never[i]);
        assert_int_equal(pv_xen_event_mask(never[i]), PV_E_ARGUMENT);
        assert_int_equal(pv_xen_event_unmask(never[i]), PV_E_ARGUMENT);
        assert_int_equal(pv_xen_event_send(never[i]), PV_E_ARGUMENT);
        assert_int_equal(pv_xen_event_set_vcpu(never[i], 0), PV_E_ARGUMENT);
        assert_int_equal(pv_xen_event_set_priority(never[i], 0), PV_E_ARGUMENT);
        assert_int_equal(pv_xen_event_set_late(never[i]), PV_E_ARGUMENT);
        assert_int_equal(pv_xen_event_done(never[i], true), PV_E_ARGUMENT);
    }
    assert_int_equal(calls(PV_EVTCHNOP_CLOSE), 0);
}

/* ---- upcalls in bad contexts ------------------------------------------------------------------
 */

static unsigned depth, deepest;

/* Emulators have been seen to inject an interrupt twice, with interrupts off. */
static void interrupted_by_an_upcall(struct pv_regs *regs, void *context)
{
    deepest = ++depth > deepest ? depth : deepest;
    count(regs, context);
    if (runs[7] == 1) {
        fake_raise(7);
        fake_raise(8);
        fake_upcall(0);
    }
    depth--;
}

static void an_upcall_inside_a_handler_loses_nothing_and_enters_no_handler_twice(void **state)
{
    (void)state;
    depth = deepest = 0;
    assert_int_equal(bind(7, interrupted_by_an_upcall), 7);
    assert_int_equal(bind(8, count), 8);
    fake_raise(7);
    fake_settle();
    assert_int_equal(runs[7], 2);
    assert_int_equal(runs[8], 1);
    assert_int_equal(deepest, 1);
}

static void close_others(struct pv_regs *regs, void *context)
{
    count(regs, context);
    pv_xen_event_close(8);
    pv_xen_event_close(9);
}

static void what_an_earlier_handler_closed_is_nobody_s_event(void **state)
{
    (void)state;
    assert_int_equal(bind(7, close_others), 7);
    assert_int_equal(bind(8, count), 8);
    assert_int_equal(bind(9, count), 9);
    fake_raise(7);
    fake_raise(8);
    fake_raise(9);
    fake_settle();
    assert_int_equal(runs[7], 1);
    assert_int_equal(runs[8] + runs[9], 0);
    assert_int_equal(pv_xen_events_stray(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_BOTH(an_event_runs_its_handler_once),
        FAKE_BOTH(an_upcall_inside_a_handler_loses_nothing_and_enters_no_handler_twice),
        FAKE_BOTH(what_an_earlier_handler_closed_is_nobody_s_event),
        FAKE_BOTH(an_upcall_without_events_does_nothing),
        FAKE_BOTH(four_thousand_ports_run_once_each),
        FAKE_BOTH(a_masked_event_comes_once_when_it_is_unmasked),
        FAKE_BOTH(masking_what_is_pending_already_holds_it_back),
        FAKE_BOTH(unmasking_without_an_event_costs_no_hypercall),
        FAKE_BOTH(an_event_raised_by_its_own_handler_comes_with_another_upcall),
        FAKE_BOTH(two_ports_that_raise_each_other_run_once_an_upcall),
        FAKE_BOTH(a_handler_does_not_run_on_two_cpus_at_once),
        FAKE_BOTH(a_pending_port_that_is_moved_runs_once_where_it_is_moved_to),
        FAKE_BOTH(a_port_that_is_moved_on_its_way_is_not_lost),
        FAKE_BOTH(a_move_that_xen_refuses_changes_nothing),
        FAKE_BOTH(a_port_does_not_go_where_nobody_takes_events),
        FAKE_BOTH(a_port_that_is_moved_to_a_cpu_on_its_way_out_moves_on),
        FAKE_BOTH(who_closes_a_port_waits_for_the_cpu_that_runs_it_wherever_it_was_moved),
        FAKE_BOTH(a_handler_that_moves_its_port_and_closes_it_does_not_wait_for_itself),
        FAKE_BOTH(a_handler_that_does_not_end_is_told_to_who_closes_its_port),
        FAKE_BOTH(a_port_of_the_toolstack_s_is_taken_and_stays_when_it_is_closed),
        FAKE_BOTH(behind_the_end_there_are_no_ports_and_no_upcalls),
        FAKE_BOTH(a_cpu_that_goes_leaves_its_ports_to_the_first_and_loses_nothing),
        FAKE_BOTH(all_kinds_of_ports_run),
        FAKE_BOTH(a_port_from_xen_that_cannot_be_is_refused),
        FAKE_BOTH(without_memory_for_it_a_port_is_given_back),
        FAKE_BOTH(a_port_that_is_in_use_is_not_taken_twice),
        FAKE_BOTH(a_closed_port_is_silent),
        FAKE_BOTH(what_was_never_given_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
