/* SPDX-License-Identifier: MIT */
/*
 * The timer (backends/xen/timer.c) on the host, with a clock that the test moves. The file is
 * included, so that an event can be made to come at any time.
 */
#include "fake.h"

#include "backends/xen/timer.c"

#define PORT 4

/* Xen's clock is this much ahead of the kernel's. */
#define XEN_AHEAD 5000000ull

static uint64_t now;
static bool clock_usable;
static uint64_t went_back; /* by this, Xen's record, and the kernel's clock did not follow */
static uint64_t armed;     /* at Xen, 0: nothing */
static uint64_t base_armed, base_period;
static unsigned ticks;

static uint64_t fake_clock_ns(void)
{
    return now;
}

static struct pv_irqflags fake_irq_save(void)
{
    return (struct pv_irqflags){0};
}

static void fake_irq_restore(struct pv_irqflags flags)
{
    (void)flags;
}

struct pv_ops pv_ops = {
    .clock_ns = fake_clock_ns,
    .irq_save = fake_irq_save,
    .irq_restore = fake_irq_restore,
};

static void base_timer_set(uint64_t deadline_ns)
{
    base_armed = deadline_ns;
}

static void base_timer_periodic(uint64_t period_ns)
{
    base_period = period_ns;
}

static const struct pv_ops base_ops = {
    .timer_set = base_timer_set,
    .timer_periodic = base_timer_periodic,
};

const struct pv_backend pv_backend_native = {.ops = &base_ops};

bool pv_xen_knows_times(void)
{
    return clock_usable;
}

uint64_t pv_pvclock_to_vmm(uint64_t ns)
{
    return ns > UINT64_MAX - XEN_AHEAD ? UINT64_MAX : ns + XEN_AHEAD - went_back;
}

int pv_xen_event_bind_virq(uint32_t virq, pv_xen_event_handler handler, void *context)
{
    (void)handler;
    (void)context;
    assert_int_equal(virq, PV_VIRQ_TIMER);
    return PORT;
}

static uint64_t late_due, late_ran_at;

uint64_t pv_xen_events_late_run(uint64_t now_ns)
{
    late_ran_at = now_ns;
    return late_due > now_ns ? late_due : UINT64_MAX;
}

int pv_xen_event_close(int port)
{
    assert_int_equal(port, PORT);
    return PV_OK;
}

static void count_tick(struct pv_regs *regs)
{
    (void)regs;
    ticks++;
}

static int64_t answer(uint64_t number, uint64_t command, void *argument)
{
    assert_int_equal(number, PV_XEN_HC_VCPU_OP);
    if (command == PV_VCPUOP_SET_SINGLESHOT_TIMER)
        armed = ((struct pv_xen_singleshot *)argument)->timeout_ns;
    if (command == PV_VCPUOP_STOP_SINGLESHOT_TIMER)
        armed = 0;
    return 0;
}

static int start(void **state)
{
    (void)state;
    fake_reset();
    pv_xen_below = &base_ops;
    fake_answer = answer;
    fake_platform.timer = count_tick;
    now = 1000000;
    clock_usable = true;
    went_back = 0;
    armed = base_armed = base_period = 0;
    ticks = 0;
    late_due = late_ran_at = 0;
    assert_int_equal(pv_xen_timer_start(NULL), PV_OK);
    return 0;
}

/* The event, as Xen sends it at a time of the kernel's clock. */
static void event_at(uint64_t ns)
{
    now = ns;
    on_virq(NULL, &timers[0]);
}

static void a_deadline_is_told_on_the_scale_of_xen(void **state)
{
    (void)state;
    pv_xen_timer_set(3000000);
    assert_true(armed == 3000000 + XEN_AHEAD);
    event_at(3000000);
    assert_int_equal(ticks, 1);
}

static void it_ticks_once(void **state)
{
    (void)state;
    pv_xen_timer_set(3000000);
    event_at(3000000);
    event_at(3000001);
    assert_int_equal(ticks, 1);
}

static void an_early_event_arms_again_and_does_not_tick(void **state)
{
    (void)state;
    pv_xen_timer_set(3000000);
    armed = 0;
    event_at(2999999);
    assert_int_equal(ticks, 0);
    assert_true(armed == 3000000 + XEN_AHEAD);
}

static void a_time_in_the_past_means_now(void **state)
{
    (void)state;
    pv_xen_timer_set(1);
    assert_true(armed == 1 + XEN_AHEAD); /* which Xen fires at once */
    event_at(now);
    assert_int_equal(ticks, 1);
}

static void the_farthest_deadline_is_positive_for_xen(void **state)
{
    (void)state;
    pv_xen_timer_set(UINT64_MAX - 1);
    assert_true(armed == FARTHEST_NS);
    pv_xen_timer_set(1ull << 63);
    assert_true(armed == FARTHEST_NS);
}

static void a_disarmed_timer_is_silent(void **state)
{
    (void)state;
    pv_xen_timer_set(3000000);
    pv_xen_timer_set(UINT64_MAX);
    assert_true(armed == 0);
    event_at(3000000);
    assert_int_equal(ticks, 0);
}

static void a_period_arms_each_tick_anew(void **state)
{
    (void)state;
    pv_xen_timer_periodic(100000);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_true(armed == 1000000 + i * 100000 + XEN_AHEAD);
        event_at(1000000 + i * 100000);
    }
    assert_int_equal(ticks, 3);
    pv_xen_timer_periodic(0);
    assert_true(armed == 0);
}

static void missed_periods_are_not_made_up_for(void **state)
{
    (void)state;
    pv_xen_timer_periodic(100000);
    event_at(9000000);
    assert_int_equal(ticks, 1);
    assert_true(armed == 9100000 + XEN_AHEAD);
}

static void a_period_too_short_is_made_longer(void **state)
{
    (void)state;
    pv_xen_timer_periodic(1);
    assert_true(armed == 1000000 + PV_TIMER_SHORTEST_PERIOD_NS + XEN_AHEAD);
}

static void without_xen_s_clock_the_timer_below_is_used(void **state)
{
    (void)state;
    clock_usable = false;
    pv_xen_timer_set(3000000);
    assert_true(armed == 0 && base_armed == 3000000);
    pv_xen_timer_periodic(100000);
    assert_true(base_period == 100000);
}

static void a_deadline_outlives_the_clock_it_was_armed_with(void **state)
{
    (void)state;
    pv_xen_timer_set(3000000);
    clock_usable = false;
    event_at(3000000);
    assert_int_equal(ticks, 0);
    assert_true(base_armed == 3000000);
    event_at(3000001);
    assert_int_equal(ticks, 0);
}

static void a_deadline_behind_a_record_that_went_back_is_not_late(void **state)
{
    (void)state;
    pv_xen_timer_set(3000000);
    went_back = 4000000;
    event_at(2999999);
    assert_int_equal(ticks, 0);
    assert_true(armed == 3000000 + XEN_AHEAD - went_back);
    pv_xen_timer_set(5000000);
    assert_true(armed == 5000000 + XEN_AHEAD - went_back);
}

static void a_stopped_timer_gives_its_port_back(void **state)
{
    (void)state;
    assert_true(pv_xen_timer_in_use());
    pv_xen_timer_set(3000000);
    pv_xen_timer_stop();
    assert_true(armed == 0);
    assert_false(pv_xen_timer_in_use());
}

static void a_cpu_that_the_library_was_not_built_for_gets_no_timer(void **state)
{
    struct pv_error error;

    (void)state;
    fake_cpu.number = PV_CONFIG_MAX_CPUS;
    assert_int_equal(pv_xen_timer_start(&error), PV_E_RANGE);
    pv_xen_timer_stop();
    assert_false(pv_xen_timer_in_use());
}

static void ports_are_unmasked_before_a_later_deadline(void **state)
{
    (void)state;
    pv_xen_timer_set(now + 5000);
    pv_xen_timer_also(now + 1000);
    assert_int_equal(armed, now + 1000 + XEN_AHEAD);
    uint64_t deadline = now + 5000;
    event_at(now + 1000);
    assert_int_equal(late_ran_at, now);
    assert_int_equal(ticks, 0);
    assert_int_equal(armed, deadline + XEN_AHEAD);
    event_at(deadline);
    assert_int_equal(ticks, 1);
}

static void ports_are_unmasked_behind_an_earlier_deadline(void **state)
{
    (void)state;
    uint64_t late = now + 5000;
    late_due = late;
    pv_xen_timer_also(late);
    pv_xen_timer_set(now + 1000);
    event_at(now + 1000);
    assert_int_equal(ticks, 1);
    assert_int_equal(late_ran_at, 0);
    assert_int_equal(armed, late + XEN_AHEAD);
    event_at(late);
    assert_int_equal(late_ran_at, late);
    assert_int_equal(ticks, 1);
}

static void disarming_the_deadline_leaves_the_ports_theirs(void **state)
{
    (void)state;
    pv_xen_timer_also(now + 1000);
    pv_xen_timer_set(now + 500);
    pv_xen_timer_set(UINT64_MAX);
    assert_int_equal(armed, now + 1000 + XEN_AHEAD);
}

static void without_a_clock_waiting_ports_are_unmasked_at_once(void **state)
{
    (void)state;
    pv_xen_timer_also(now + 1000);
    clock_usable = false;
    event_at(now + 1);
    assert_int_equal(late_ran_at, UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_deadline_is_told_on_the_scale_of_xen, start),
        cmocka_unit_test_setup(it_ticks_once, start),
        cmocka_unit_test_setup(an_early_event_arms_again_and_does_not_tick, start),
        cmocka_unit_test_setup(a_time_in_the_past_means_now, start),
        cmocka_unit_test_setup(the_farthest_deadline_is_positive_for_xen, start),
        cmocka_unit_test_setup(a_disarmed_timer_is_silent, start),
        cmocka_unit_test_setup(a_period_arms_each_tick_anew, start),
        cmocka_unit_test_setup(missed_periods_are_not_made_up_for, start),
        cmocka_unit_test_setup(a_period_too_short_is_made_longer, start),
        cmocka_unit_test_setup(without_xen_s_clock_the_timer_below_is_used, start),
        cmocka_unit_test_setup(a_deadline_outlives_the_clock_it_was_armed_with, start),
        cmocka_unit_test_setup(a_deadline_behind_a_record_that_went_back_is_not_late, start),
        cmocka_unit_test_setup(a_stopped_timer_gives_its_port_back, start),
        cmocka_unit_test_setup(a_cpu_that_the_library_was_not_built_for_gets_no_timer, start),
        cmocka_unit_test_setup(ports_are_unmasked_before_a_later_deadline, start),
        cmocka_unit_test_setup(ports_are_unmasked_behind_an_earlier_deadline, start),
        cmocka_unit_test_setup(disarming_the_deadline_leaves_the_ports_theirs, start),
        cmocka_unit_test_setup(without_a_clock_waiting_ports_are_unmasked_at_once, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
