/* SPDX-License-Identifier: MIT */
/*
 * Stopping the other CPUs, and CPUs that do not stop.
 *
 * Theory: a request to stop has a number; whoever answers with another one has answered something
 * else. A wait for answers has a bound, after which the request is over for everybody, also for
 * the CPU that comes late. The threads here are CPUs whose interrupts can be held back.
 */
#include "host.h"

#include <time.h>

__attribute__((noinline)) static uint64_t irq_flags(void)
{
    return pv_irq_flags().raw;
}

static unsigned long calls;

/* Calls, and checks what it got, until the test is over. */
static void call_for_ever(unsigned number)
{
    (void)number;
    while (!host_asked_to_end()) {
        uint64_t value = irq_flags();
        if (value != ALPHA(irq_flags) && value != BETA(irq_flags))
            __builtin_trap();
        __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    }
}

static int start(void **state)
{
    (void)state;
    host_start_patched("alpha");
    host_start_cpu(1, call_for_ever);
    host_start_cpu(2, call_for_ever);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    host_join_cpus();
    host_stop();
    return 0;
}

static void assert_calls_go_on(void)
{
    unsigned long before = __atomic_load_n(&calls, __ATOMIC_RELAXED);

    for (unsigned i = 0; i < 10000; i++) {
        struct timespec pause = {0, 1000000};
        if (__atomic_load_n(&calls, __ATOMIC_RELAXED) > before + 100)
            return;
        nanosleep(&pause, NULL);
    }
    fail_msg("the other CPUs do not run any more");
}

/* A change that somebody does not answer to. */
static int switch_in_vain(struct pv_error *error)
{
    host_patience = HOST_IMPATIENT;
    int status = pv_switch("beta", error);
    host_patience = HOST_PATIENT;
    return status;
}

static void all_cpus_stop_and_go_on(void **state)
{
    (void)state;
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    assert_calls_go_on();
}

static void nobody_runs_between_stop_and_end(void **state)
{
    (void)state;
    assert_int_equal(pv_stop_begin(PV_ALL_OPS, NULL), PV_OK);
    unsigned long before = __atomic_load_n(&calls, __ATOMIC_RELAXED);
    struct timespec pause = {0, 50000000};
    nanosleep(&pause, NULL);
    unsigned long after = __atomic_load_n(&calls, __ATOMIC_RELAXED);
    pv_stop_end();
    assert_int_equal(before, after);
    assert_calls_go_on();
}

static void a_cpu_that_never_answers_is_named_and_nothing_changes(void **state)
{
    (void)state;
    struct pv_error error = {0};
    host_interrupts_lost(2);
    int status = switch_in_vain(&error);
    host_interrupts_arrive(2);
    assert_int_equal(status, PV_E_RENDEZVOUS);
    assert_int_equal(error.where, 2);
    assert_string_equal(pv_backend->name, "alpha");
    assert_int_equal(host_alpha.leaves, 0);
    assert_int_equal(pv_sites_check(NULL, NULL), PV_OK);
    assert_calls_go_on();
}

static void who_waits_offers_its_processor_to_the_one_that_it_waits_for(void **state)
{
    (void)state;
    unsigned long before = host_waited_for[2];
    host_interrupts_lost(2);
    assert_int_equal(switch_in_vain(NULL), PV_E_RENDEZVOUS);
    host_interrupts_arrive(2);
    assert_true(host_waited_for[2] > before);
    assert_calls_go_on();
}

static void a_late_answer_does_no_harm(void **state)
{
    (void)state;
    host_interrupts_lost(1);
    assert_int_equal(switch_in_vain(NULL), PV_E_RENDEZVOUS);
    host_interrupts_arrive(1);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(pv_switch(i % 2 ? "alpha" : "beta", NULL), PV_OK);
    assert_calls_go_on();
}

static void one_that_answered_goes_on_when_another_did_not(void **state)
{
    (void)state;
    host_interrupts_lost(1);
    assert_int_equal(switch_in_vain(NULL), PV_E_RENDEZVOUS);
    assert_calls_go_on();
    host_interrupts_arrive(1);
}

static unsigned ran[3];

static unsigned steps_done[3];

static int count_here(unsigned step)
{
    unsigned cpu = pv_this_cpu()->number;

    __atomic_add_fetch(&ran[cpu], 1, __ATOMIC_RELAXED);
    steps_done[cpu] = step;
    return cpu == 2 ? PV_E_HOST : PV_OK;
}

static void what_is_asked_of_cpus_that_stand_still_runs_once_on_each(void **state)
{
    (void)state;
    struct pv_error error = {0};
    memset(ran, 0, sizeof(ran));
    assert_int_equal(pv_stop_begin(PV_ALL_OPS, NULL), PV_OK);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(pv_stop_run(count_here, i, &error), PV_E_HOST);
        assert_int_equal(error.where, 2);
        assert_int_equal(ran[0], 0);
        assert_int_equal(ran[1], i);
        assert_int_equal(ran[2], i);
        assert_int_equal(steps_done[1], i);
        assert_int_equal(steps_done[2], i);
    }
    pv_stop_end();
    assert_calls_go_on();
    assert_int_equal(ran[1], 3);
}

static void all_cpus_leave_and_enter_in_a_change(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pv_switch("gamma", NULL), PV_OK);
        assert_int_equal(host_alpha.cpus_entered, 0);
        assert_int_equal(host_beta.cpus_entered, 2);
        assert_int_equal(host_gamma.cpus_entered, 2);
        assert_int_equal(pv_switch("alpha", NULL), PV_OK);
        assert_int_equal(host_alpha.cpus_entered, 2);
        assert_int_equal(host_beta.cpus_entered, 0);
        assert_int_equal(host_gamma.cpus_entered, 0);
    }
    assert_int_equal(host_alpha.stack_below + host_beta.stack_below + host_gamma.stack_below, 0);
}

static void what_two_backends_share_is_not_left_by_any_cpu(void **state)
{
    (void)state;
    assert_int_equal(pv_switch("gamma", NULL), PV_OK);
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    assert_int_equal(host_beta.cpus_entered, 2);
    assert_int_equal(host_beta.cpu_entered[1], 1);
    assert_int_equal(host_beta.cpu_entered[2], 1);
    assert_int_equal(host_gamma.cpus_entered, 0);
}

static void a_cpu_that_cannot_enter_is_named_and_all_go_back(void **state)
{
    (void)state;
    struct pv_error error = {0};
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    host_gamma.fail_cpu = host_alpha.fail_cpu = 2;
    assert_int_equal(pv_switch("gamma", &error), PV_E_HOST);
    assert_int_equal(error.where, 2);
    assert_int_equal(host_gamma.entered, 0);
    assert_int_equal(host_gamma.cpus_entered, 0);
    assert_int_equal(pv_switch("alpha", &error), PV_E_HOST);
    assert_int_equal(host_alpha.entered, 0);
    assert_int_equal(host_alpha.cpus_entered, 0);
    assert_string_equal(pv_backend->name, "beta");
    assert_int_equal(host_beta.entered, 1);
    assert_int_equal(host_beta.cpus_entered, 2);
    assert_int_equal(pv_sites_check(NULL, NULL), PV_OK);
    assert_calls_go_on();
}

static char log_text[512];

static void keep_log(const char *line)
{
    strncat(log_text, line, sizeof(log_text) - strlen(log_text) - 1);
}

/* With alpha, and with nobody else. */
static bool is_with_alpha(unsigned cpu)
{
    return __atomic_load_n(&host_alpha.cpu_entered[cpu], __ATOMIC_ACQUIRE) == 1 &&
           __atomic_load_n(&host_beta.cpu_entered[cpu], __ATOMIC_ACQUIRE) == 0;
}

/* A change in which CPU 2 is held by one of alpha's or beta's functions, and goes on behind it. */
static void assert_a_slow_cpu_comes_back(unsigned *held)
{
    struct pv_error error = {0};

    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    assert_int_equal(pv_switch("alpha", NULL), PV_OK);
    log_text[0] = '\0';
    host_platform.log = keep_log;
    *held = 2;
    int status = switch_in_vain(&error);
    __atomic_store_n(held, 0, __ATOMIC_RELEASE);
    assert_int_equal(status, PV_E_RENDEZVOUS);
    assert_int_equal(error.where, 2);
    assert_non_null(strstr(log_text, "not yet registered with the old backend"));
    assert_string_equal(pv_backend->name, "alpha");
    assert_int_equal(host_alpha.entered, 1);
    assert_int_equal(host_beta.entered, 0);
    /* The other one may be late, too, where threads wait for a processor. */
    for (unsigned i = 0; i < 10000 && !(is_with_alpha(1) && is_with_alpha(2)); i++)
        host_sleep_us(1000);
    assert_true(is_with_alpha(1) && is_with_alpha(2));
    assert_int_equal(host_alpha.cpus_entered, 2);
    assert_int_equal(host_beta.cpus_entered, 0);
    assert_int_equal(pv_sites_check(NULL, NULL), PV_OK);
    assert_calls_go_on();
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    assert_int_equal(host_alpha.cpus_entered, 0);
    assert_int_equal(host_beta.cpus_entered, 2);
    assert_calls_go_on();
}

static void a_cpu_that_is_slow_to_leave_is_with_the_old_backend_in_the_end(void **state)
{
    (void)state;
    assert_a_slow_cpu_comes_back(&host_alpha.hold_leave);
}

static void a_cpu_that_is_slow_to_enter_is_with_the_old_backend_in_the_end(void **state)
{
    (void)state;
    assert_a_slow_cpu_comes_back(&host_beta.hold_enter);
}

static struct pv_cpu *only_cpu_0_and_2(unsigned number)
{
    return number == 1 ? NULL : host_cpu(number);
}

static void a_cpu_that_is_not_up_is_not_waited_for(void **state)
{
    (void)state;
    host_interrupts_lost(1);
    host_platform.cpu = only_cpu_0_and_2;
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    assert_int_equal(host_beta.cpus_entered, 1);
    host_interrupts_arrive(1);
}

static void (*function_before)(void *, const struct pv_regs *);
static void *argument_before;
static unsigned requests;
static const struct pv_regs elsewhere;

/* Delivers to CPU 1, in place of each request, the one before it. */
static void deliver_the_one_before(void (*function)(void *, const struct pv_regs *), void *argument)
{
    if (requests++ != 0)
        host_pretend_cpu(1, function_before, argument_before, &elsewhere);
    function_before = function;
    argument_before = argument;
}

static int start_alone(void **state)
{
    (void)state;
    host_start_patched("alpha");
    return 0;
}

static int stop_alone(void **state)
{
    (void)state;
    host_cpu_count = 1;
    host_stop();
    return 0;
}

static void an_answer_to_an_earlier_request_does_not_count(void **state)
{
    (void)state;
    host_cpu_count = 2;
    host_platform.run_on_others = deliver_the_one_before;
    requests = 0;
    assert_int_equal(switch_in_vain(NULL), PV_E_RENDEZVOUS);
    assert_int_equal(switch_in_vain(NULL), PV_E_RENDEZVOUS);
    assert_int_equal(requests, 2);
    host_patience = HOST_IMPATIENT;
    assert_false(pv_serialise_all());
    assert_false(pv_serialise_all());
    assert_string_equal(pv_backend->name, "alpha");
}

static struct pv_regs inside_site;

static int take_first(uintptr_t site, const struct pv_site *record, void *argument)
{
    (void)record;
    *(uint64_t *)argument = site + 1;
    return PV_E_BUSY; /* no more */
}

/* CPU 1 is always inside a site. Who stood still there would not come back from this. */
static void deliver_inside(void (*function)(void *, const struct pv_regs *), void *argument)
{
    requests++;
    host_pretend_cpu(1, function, argument, &inside_site);
}

static void a_cpu_inside_a_site_goes_on_and_is_asked_again(void **state)
{
    struct pv_error error = {0};

    (void)state;
    host_cpu_count = 2;
    host_platform.run_on_others = deliver_inside;
    (void)pv_sites_visit(PV_ALL_OPS, take_first, &inside_site.rip);
    requests = 0;
    assert_int_equal(switch_in_vain(&error), PV_E_RENDEZVOUS);
    assert_true(requests > 1);
    assert_string_equal(pv_backend->name, "alpha");
}

static unsigned too_many(void)
{
    return PV_CONFIG_MAX_CPUS + 1;
}

static unsigned none(void)
{
    return 0;
}

static void more_cpus_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    host_platform.cpu_count = too_many;
    host_platform.cpu = NULL;
    assert_int_equal(pv_switch("beta", NULL), PV_E_RENDEZVOUS);
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, host_override, NULL), PV_E_RENDEZVOUS);
    assert_int_equal(irq_flags(), ALPHA(irq_flags));
}

static void other_cpus_without_a_way_to_ask_them_are_refused(void **state)
{
    (void)state;
    host_cpu_count = 2;
    host_platform.run_on_others = NULL;
    assert_int_equal(pv_switch("beta", NULL), PV_E_RENDEZVOUS);
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, host_override, NULL), PV_E_RENDEZVOUS);
    assert_int_equal(irq_flags(), ALPHA(irq_flags));
}

static void other_cpus_that_nobody_can_name_are_refused(void **state)
{
    (void)state;
    host_cpu_count = 2;
    host_platform.cpu = NULL;
    assert_int_equal(pv_switch("beta", NULL), PV_E_RENDEZVOUS);
    assert_int_equal(irq_flags(), ALPHA(irq_flags));
}

static void no_cpu_at_all_is_taken_for_one(void **state)
{
    (void)state;
    host_platform.cpu_count = none;
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
}

#define ALONE(test)   cmocka_unit_test_setup_teardown(test, start, stop)
#define WITHOUT(test) cmocka_unit_test_setup_teardown(test, start_alone, stop_alone)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        ALONE(all_cpus_stop_and_go_on),
        ALONE(nobody_runs_between_stop_and_end),
        ALONE(a_cpu_that_never_answers_is_named_and_nothing_changes),
        ALONE(who_waits_offers_its_processor_to_the_one_that_it_waits_for),
        ALONE(a_late_answer_does_no_harm),
        ALONE(one_that_answered_goes_on_when_another_did_not),
        ALONE(what_is_asked_of_cpus_that_stand_still_runs_once_on_each),
        ALONE(all_cpus_leave_and_enter_in_a_change),
        ALONE(what_two_backends_share_is_not_left_by_any_cpu),
        ALONE(a_cpu_that_cannot_enter_is_named_and_all_go_back),
        ALONE(a_cpu_that_is_slow_to_leave_is_with_the_old_backend_in_the_end),
        ALONE(a_cpu_that_is_slow_to_enter_is_with_the_old_backend_in_the_end),
        ALONE(a_cpu_that_is_not_up_is_not_waited_for),
        WITHOUT(a_cpu_inside_a_site_goes_on_and_is_asked_again),
        WITHOUT(an_answer_to_an_earlier_request_does_not_count),
        WITHOUT(more_cpus_than_there_is_room_for_are_refused),
        WITHOUT(other_cpus_without_a_way_to_ask_them_are_refused),
        WITHOUT(other_cpus_that_nobody_can_name_are_refused),
        WITHOUT(no_cpu_at_all_is_taken_for_one),
    };

    return cmocka_run_group_tests_name("stopping CPUs", tests, NULL, NULL);
}
