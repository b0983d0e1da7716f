/* SPDX-License-Identifier: MIT */
/*
 * Stolen time and preemption (backends/xen/runstate.c, ops.S) on the host, from records that the
 * test writes as no Xen would.
 */
#include "fake.h"

#include <string.h>

#include "backends/xen/abi/sched.h"
#include "backends/xen/abi/vcpu.h"

#define OTHER 9u

extern volatile struct pv_xen_runstate *pv_xen_runstates[PV_CONFIG_MAX_CPUS];

static uint64_t registered;
static bool refuses;
static struct pv_xen_runstate asked;

static int64_t answer(uint64_t number, uint64_t command, void *argument)
{
    if (number == PV_XEN_HC_VM_ASSIST) {
        assert_int_equal(command, PV_VMASST_ENABLE);
        return 0;
    }
    assert_int_equal(number, PV_XEN_HC_VCPU_OP);
    if (command == PV_VCPUOP_GET_RUNSTATE_INFO)
        *(struct pv_xen_runstate *)argument = asked;
    if (command != PV_VCPUOP_REGISTER_RUNSTATE_AREA)
        return 0;
    if (refuses)
        return -22;
    registered = ((struct pv_xen_runstate_area *)argument)->address;
    return 0;
}

/* What was told stays over the tests, as it does over the backend's comings and goings. */
static int begin(void **state)
{
    static uint64_t told;

    (void)state;
    pv_xen_runstate_stop();
    fake_reset();
    memset((void *)pv_xen_runstates, 0, sizeof(pv_xen_runstates));
    fake_answer = answer;
    registered = 0;
    refuses = false;
    memset(&asked, 0, sizeof(asked));
    /* Each test has a CPU of its own, of which nothing was told yet. */
    fake_cpu.number = (uint32_t)told++;
    return 0;
}

static struct pv_xen_runstate *record(void)
{
    return (struct pv_xen_runstate *)(void *)fake_cpu.vmm_clock;
}

static int begin_with_record(void **state)
{
    begin(state);
    pv_xen_runstate_start();
    assert_int_equal(registered, (uintptr_t)record());
    assert_true(pv_xen_runstate_in_use());
    return 0;
}

static void waiting_and_being_paused_are_stolen(void **state)
{
    (void)state;
    record()->time_ns[PV_RUNSTATE_RUNNING] = 1000000;
    record()->time_ns[PV_RUNSTATE_RUNNABLE] = 200;
    record()->time_ns[PV_RUNSTATE_BLOCKED] = 30000;
    record()->time_ns[PV_RUNSTATE_OFFLINE] = 4;
    assert_true(pv_xen_steal_ns() == 204);
    assert_int_equal(fake_calls(PV_XEN_HC_VCPU_OP, PV_VCPUOP_GET_RUNSTATE_INFO), 0);
}

static void stolen_time_never_shrinks(void **state)
{
    (void)state;
    record()->time_ns[PV_RUNSTATE_RUNNABLE] = 1000;
    assert_true(pv_xen_steal_ns() == 1000);
    record()->time_ns[PV_RUNSTATE_RUNNABLE] = 10;
    assert_true(pv_xen_steal_ns() == 1000);
    record()->time_ns[PV_RUNSTATE_RUNNABLE] = 1001;
    assert_true(pv_xen_steal_ns() == 1001);
}

static void a_record_that_is_written_for_ever_ends_in_the_last_value(void **state)
{
    (void)state;
    record()->time_ns[PV_RUNSTATE_RUNNABLE] = 500;
    assert_true(pv_xen_steal_ns() == 500);
    record()->time_ns[PV_RUNSTATE_RUNNABLE] = 900;
    record()->since_ns = PV_XEN_RUNSTATE_UPDATE | 77;
    assert_true(pv_xen_steal_ns() == 500);
    record()->since_ns = 78;
    assert_true(pv_xen_steal_ns() == 900);
}

static void more_than_any_cpu_can_have_waited_is_not_believed(void **state)
{
    (void)state;
    record()->time_ns[PV_RUNSTATE_RUNNABLE] = 70;
    assert_true(pv_xen_steal_ns() == 70);
    record()->time_ns[PV_RUNSTATE_RUNNABLE] = UINT64_MAX;
    assert_true(pv_xen_steal_ns() == 70);
    record()->time_ns[PV_RUNSTATE_RUNNABLE] = 71;
    record()->time_ns[PV_RUNSTATE_OFFLINE] = UINT64_MAX - 70; /* the sum would be 0 */
    assert_true(pv_xen_steal_ns() == 70);
    record()->time_ns[PV_RUNSTATE_OFFLINE] = 0;
    assert_true(pv_xen_steal_ns() == 71);
}

static void without_a_record_xen_is_asked(void **state)
{
    (void)state;
    refuses = true;
    pv_xen_runstate_start();
    assert_false(pv_xen_runstate_in_use());
    asked.time_ns[PV_RUNSTATE_RUNNABLE] = 33;
    asked.time_ns[PV_RUNSTATE_OFFLINE] = 11;
    assert_true(pv_xen_steal_ns() == 44);
    asked.time_ns[PV_RUNSTATE_RUNNABLE] = UINT64_MAX;
    assert_true(pv_xen_steal_ns() == 44);
}

static void the_records_of_all_cpus_are_taken_back_by_one(void **state)
{
    uint64_t known = fake_calls(PV_XEN_HC_VCPU_OP, PV_VCPUOP_REGISTER_RUNSTATE_AREA);
    uint32_t first = fake_cpu.number;

    (void)state;
    fake_cpu.number = OTHER;
    fake_vcpu = 5;
    pv_xen_runstate_start();
    fake_cpu.number = first;
    fake_vcpu = 0;
    pv_xen_runstates_end();
    assert_true(pv_xen_runstates[first] == NULL && pv_xen_runstates[OTHER] == NULL);
    assert_int_equal(fake_calls(PV_XEN_HC_VCPU_OP, PV_VCPUOP_REGISTER_RUNSTATE_AREA), known + 3);
    assert_int_equal(registered, 0);
    assert_int_equal(fake_last_vcpu, 5);
    pv_xen_runstates_end();
    assert_int_equal(fake_calls(PV_XEN_HC_VCPU_OP, PV_VCPUOP_REGISTER_RUNSTATE_AREA), known + 3);
}

static void a_record_that_was_taken_back_is_not_read(void **state)
{
    (void)state;
    pv_xen_runstate_stop();
    assert_int_equal(registered, 0);
    record()->time_ns[PV_RUNSTATE_RUNNABLE] = 99999;
    record()->state = PV_RUNSTATE_RUNNABLE;
    assert_true(pv_xen_steal_ns() == 0);
    assert_false(pv_xen_vcpu_is_preempted(fake_cpu.number));
}

static void a_cpu_beyond_the_bookkeeping_has_no_record(void **state)
{
    (void)state;
    fake_cpu.number = PV_CONFIG_MAX_CPUS;
    pv_xen_runstate_start();
    assert_int_equal(registered, 0);
    assert_false(pv_xen_runstate_in_use());
    assert_true(pv_xen_steal_ns() == 0);
    pv_xen_runstate_stop();
}

static void only_a_cpu_that_wants_to_run_and_does_not_is_preempted(void **state)
{
    static const int32_t others[] = {
        PV_RUNSTATE_RUNNING, PV_RUNSTATE_BLOCKED, PV_RUNSTATE_OFFLINE, 4, -1, INT32_MAX, 0x101};
    struct pv_xen_runstate other = {.state = PV_RUNSTATE_RUNNABLE};

    (void)state;
    assert_false(pv_xen_vcpu_is_preempted(OTHER)); /* no record */
    pv_xen_runstates[OTHER] = &other;
    assert_true(pv_xen_vcpu_is_preempted(OTHER));
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        other.state = others[i];
        assert_false(pv_xen_vcpu_is_preempted(OTHER));
    }
    pv_xen_runstates[OTHER] = NULL;
    assert_false(pv_xen_vcpu_is_preempted(PV_CONFIG_MAX_CPUS));
    assert_false(pv_xen_vcpu_is_preempted(UINT32_MAX));
}

static unsigned yields(const struct pv_cpu *cpu)
{
    unsigned before = fake_calls(PV_XEN_HC_SCHED_OP, PV_SCHEDOP_YIELD);

    pv_xen_waits_for(cpu);
    return fake_calls(PV_XEN_HC_SCHED_OP, PV_SCHEDOP_YIELD) - before;
}

static void who_waits_gives_its_processor_away_unless_the_other_one_runs(void **state)
{
    struct pv_xen_runstate other = {.state = PV_RUNSTATE_RUNNABLE};
    struct pv_cpu cpu = {.number = OTHER};

    (void)state;
    fake_answer = NULL;
    assert_int_equal(yields(&cpu), 1); /* no record: it may have been preempted */
    pv_xen_runstates[OTHER] = &other;
    assert_int_equal(yields(&cpu), 1);
    other.state = PV_RUNSTATE_RUNNING;
    assert_int_equal(yields(&cpu), 0);
    pv_xen_runstates[OTHER] = NULL;
    cpu.number = PV_CONFIG_MAX_CPUS;
    assert_int_equal(yields(&cpu), 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(waiting_and_being_paused_are_stolen, begin_with_record),
        cmocka_unit_test_setup(stolen_time_never_shrinks, begin_with_record),
        cmocka_unit_test_setup(a_record_that_is_written_for_ever_ends_in_the_last_value,
                               begin_with_record),
        cmocka_unit_test_setup(more_than_any_cpu_can_have_waited_is_not_believed,
                               begin_with_record),
        cmocka_unit_test_setup(without_a_record_xen_is_asked, begin),
        cmocka_unit_test_setup(a_record_that_was_taken_back_is_not_read, begin_with_record),
        cmocka_unit_test_setup(the_records_of_all_cpus_are_taken_back_by_one, begin_with_record),
        cmocka_unit_test_setup(a_cpu_beyond_the_bookkeeping_has_no_record, begin),
        cmocka_unit_test_setup(only_a_cpu_that_wants_to_run_and_does_not_is_preempted, begin),
        cmocka_unit_test_setup(who_waits_gives_its_processor_away_unless_the_other_one_runs, begin),
    };

    return cmocka_run_group_tests_name("Xen's records of time", tests, NULL, NULL);
}
