/* SPDX-License-Identifier: MIT */
/*
 * Interrupts between CPUs by event channels (backends/xen/ipi.c) on the host: none is lost while
 * CPUs and backends come and go, and what has no event goes by the ops below.
 */
#include "fake_event.h"

#include "lib/irq.h"

#define VECTOR 0x47

static unsigned taken, sent_below;
static uint32_t below_cpu;
static uint8_t below_vector;

const struct pv_ops *pv_xen_below;

bool pv_irq_run(unsigned vector, struct pv_regs *regs)
{
    (void)regs;
    taken += vector == VECTOR;
    return true;
}

static void ipi_below(uint32_t cpu, uint8_t vector)
{
    below_cpu = cpu;
    below_vector = vector;
    sent_below++;
}

static const struct pv_ops with_ipi = {.smp_ipi = ipi_below};
static const struct pv_ops without_ipi = {.smp_ipi = NULL};

static int64_t (*answer)(uint64_t number, uint64_t command, void *argument);
static bool refuses;

/* An event that is sent is pending at once. */
static int64_t send_too(uint64_t number, uint64_t command, void *argument)
{
    if (command == PV_EVTCHNOP_SEND && refuses)
        return -22;
    if (command == PV_EVTCHNOP_SEND)
        fake_raise(((struct pv_evtchn_port *)argument)->port);
    return answer(number, command, argument);
}

static int start(void **state)
{
    (void)state;
    fake_events_reset(true);
    answer = fake_answer;
    fake_answer = send_too;
    refuses = false;
    pv_xen_below = &with_ipi;
    taken = sent_below = 0;
    fake_next_port = 5;
    fake_on(1);
    assert_int_equal(pv_xen_ipi_start(NULL), PV_OK);
    fake_on(0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fake_on(1);
    pv_xen_ipi_stop();
    return 0;
}

static void an_interrupt_arrives_once(void **state)
{
    (void)state;
    pv_xen_smp_ipi(1, VECTOR);
    fake_settle();
    assert_int_equal(taken, 1);
    assert_int_equal(sent_below, 0);
}

static void interrupts_of_one_vector_that_come_together_are_one(void **state)
{
    (void)state;
    pv_xen_smp_ipi(1, VECTOR);
    pv_xen_smp_ipi(1, VECTOR);
    fake_settle();
    assert_int_equal(taken, 1);
}

static void what_xen_refuses_to_send_goes_below(void **state)
{
    (void)state;
    refuses = true;
    pv_xen_smp_ipi(1, VECTOR);
    assert_int_equal(sent_below, 1);
    assert_int_equal(below_cpu, 1);
    assert_int_equal(below_vector, VECTOR);
    refuses = false;
    fake_raise(5);
    fake_settle();
    assert_int_equal(taken, 0); /* not both ways */
}

static void what_was_sent_and_not_taken_goes_below_when_the_cpu_stops(void **state)
{
    (void)state;
    pv_xen_smp_ipi(1, VECTOR);
    fake_on(1);
    pv_xen_ipi_stop();
    assert_int_equal(sent_below, 1);
    assert_int_equal(below_cpu, 1);
    fake_settle();
    assert_int_equal(taken, 0);
    fake_next_port = 6;
    assert_int_equal(pv_xen_ipi_start(NULL), PV_OK);
}

static void a_cpu_without_a_port_is_reached_below(void **state)
{
    (void)state;
    pv_xen_smp_ipi(0, VECTOR);
    pv_xen_smp_ipi(PV_CONFIG_MAX_CPUS + 3, VECTOR);
    assert_int_equal(sent_below, 2);
}

static void without_anything_below_a_lost_interrupt_is_logged(void **state)
{
    (void)state;
    pv_xen_below = &without_ipi;
    pv_xen_smp_ipi(0, VECTOR);
    assert_int_equal(fake_lines, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_interrupt_arrives_once, start, stop),
        cmocka_unit_test_setup_teardown(interrupts_of_one_vector_that_come_together_are_one, start,
                                        stop),
        cmocka_unit_test_setup_teardown(what_xen_refuses_to_send_goes_below, start, stop),
        cmocka_unit_test_setup_teardown(what_was_sent_and_not_taken_goes_below_when_the_cpu_stops,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_cpu_without_a_port_is_reached_below, start, stop),
        cmocka_unit_test_setup_teardown(without_anything_below_a_lost_interrupt_is_logged, start,
                                        stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
