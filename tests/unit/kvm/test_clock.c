/* SPDX-License-Identifier: MIT */
/*
 * KVM's clock on the host: by which registers it is asked for, and what becomes of a wall clock
 * that KVM refuses, or never finishes. The file is included.
 */
#include "fake.h"
#include "backends/kvm/clock.c"

#define BASE_UNIX_NS 1234567000000000ull
#define NOW_NS       55u

static const struct pv_pvclock_source *begun;
static bool started, started_stable, in_use, refuses_wall;
static struct pv_pvclock_wall told;
static uint32_t wall_msr;
static int (*usual_write)(uint32_t msr, uint64_t value);

void pv_pvclock_begin(const struct pv_pvclock_source *source_begun)
{
    begun = source_begun;
}

void pv_pvclock_start(bool stable)
{
    started = in_use = true;
    started_stable = stable;
}

bool pv_pvclock_in_use(void)
{
    return in_use;
}

bool pv_pvclock_is_stable(void)
{
    return in_use && started_stable;
}

uint64_t pv_pvclock_tsc_hz(const struct pv_pvclock_source *asked)
{
    (void)asked;
    return 1000000000;
}

bool pv_pvclock_vmm_ns(uint64_t *ns)
{
    *ns = NOW_NS;
    return in_use;
}

uint64_t pv_kvm_base_clock_ns(void)
{
    return 0;
}

int pv_kvm_base_wallclock(uint64_t *unix_ns)
{
    *unix_ns = BASE_UNIX_NS;
    return PV_OK;
}

void pv_kvm_negotiate(void)
{
}

static int write_wall(uint32_t msr, uint64_t value)
{
    wall_msr = msr;
    if (refuses_wall)
        return PV_E_MSR;
    *(struct pv_pvclock_wall *)(uintptr_t)value = told;
    return PV_OK;
}

static int begin(void **state)
{
    fake_begin(state);
    begun = NULL;
    started = started_stable = in_use = refuses_wall = false;
    told = (struct pv_pvclock_wall){.version = 2, .sec = 7, .nsec = 8};
    return 0;
}

static void enter_with(uint32_t features)
{
    volatile struct pv_pvclock_record *record = NULL;

    pv_kvm_features = features;
    pv_kvm_clock_enter();
    assert_non_null(begun);
    if (started) {
        assert_int_equal(begun->add(test_cpu, &record), PV_OK);
        assert_ptr_equal(record, test_cpu->vmm_clock);
        assert_int_equal(fake_value, (uintptr_t)record | PV_KVM_MSR_ENABLED);
    }
}

static void the_registers_of_today_go_first(void **state)
{
    (void)state;
    enter_with(PV_KVM_FEATURE_CLOCKSOURCE | PV_KVM_FEATURE_CLOCKSOURCE2 |
               PV_KVM_FEATURE_CLOCK_STABLE);
    assert_int_equal(fake_msr, 0x4b564d01);
    assert_true(started_stable);
    begun->remove(test_cpu);
    assert_true(fake_msr == 0x4b564d01 && fake_value == 0);
}

static void the_registers_of_old_do_where_there_are_no_others(void **state)
{
    const char *names[4] = {NULL};

    (void)state;
    enter_with(PV_KVM_FEATURE_CLOCKSOURCE);
    assert_int_equal(fake_msr, 0x12);
    assert_false(started_stable);
    assert_int_equal(pv_kvm_clock_features(names, 4), 2);
    assert_string_equal(names[1], "kvmclock-old-msrs");
    begun->remove(test_cpu);
    assert_true(fake_msr == 0x12 && fake_value == 0);
}

static void without_either_there_is_no_clock_of_kvm_s(void **state)
{
    uint64_t unix_ns;

    (void)state;
    enter_with(PV_KVM_FEATURE_CLOCK_STABLE);
    assert_false(started);
    assert_int_equal(fake_writes, 0);
    assert_true(pv_kvm_clock_tsc_hz() == 0);
    assert_int_equal(pv_kvm_wallclock(&unix_ns), PV_OK);
    assert_true(unix_ns == BASE_UNIX_NS);
}

static uint64_t wall(uint32_t features)
{
    uint64_t unix_ns = 0;

    enter_with(features);
    pv_ops.cpu_msr_write = write_wall;
    assert_int_equal(pv_kvm_wallclock(&unix_ns), PV_OK);
    pv_ops.cpu_msr_write = usual_write;
    return unix_ns;
}

static void the_wall_clock_is_that_of_the_start_and_what_has_passed(void **state)
{
    (void)state;
    assert_true(wall(PV_KVM_FEATURE_CLOCKSOURCE2) == 7000000008u + NOW_NS);
    assert_int_equal(wall_msr, 0x4b564d00);
}

static void the_wall_clock_has_a_register_of_old_too(void **state)
{
    (void)state;
    assert_true(wall(PV_KVM_FEATURE_CLOCKSOURCE) == 7000000008u + NOW_NS);
    assert_int_equal(wall_msr, 0x11);
}

static void a_wall_clock_that_is_refused_is_the_machine_s(void **state)
{
    (void)state;
    refuses_wall = true;
    assert_true(wall(PV_KVM_FEATURE_CLOCKSOURCE2) == BASE_UNIX_NS);
}

static void a_wall_clock_that_is_written_for_ever_or_never_is_the_machine_s(void **state)
{
    (void)state;
    told.version = 3;
    assert_true(wall(PV_KVM_FEATURE_CLOCKSOURCE2) == BASE_UNIX_NS);
    told.version = 0;
    assert_true(wall(PV_KVM_FEATURE_CLOCKSOURCE2) == BASE_UNIX_NS);
    told = (struct pv_pvclock_wall){.version = 2, .sec = 7, .nsec = 1000000000};
    assert_true(wall(PV_KVM_FEATURE_CLOCKSOURCE2) == BASE_UNIX_NS);
}

static int end(void **state)
{
    (void)state;
    pv_ops.cpu_msr_write = usual_write;
    return 0;
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    usual_write = pv_ops.cpu_msr_write;
    const struct CMUnitTest tests[] = {
        EACH(the_registers_of_today_go_first),
        EACH(the_registers_of_old_do_where_there_are_no_others),
        EACH(without_either_there_is_no_clock_of_kvm_s),
        EACH(the_wall_clock_is_that_of_the_start_and_what_has_passed),
        EACH(the_wall_clock_has_a_register_of_old_too),
        EACH(a_wall_clock_that_is_refused_is_the_machine_s),
        EACH(a_wall_clock_that_is_written_for_ever_or_never_is_the_machine_s),
    };

    return cmocka_run_group_tests_name("kvm clock", tests, NULL, NULL);
}
