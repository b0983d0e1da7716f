/* SPDX-License-Identifier: MIT */
/*
 * Steal time on the host, from records that the test writes as no KVM would.
 */
#include "fake.h"

static struct pv_kvm_steal_time *record(void)
{
    return (struct pv_kvm_steal_time *)fake_blocks[0].vmm_state;
}

static int registered(void **state)
{
    fake_begin(state);
    pv_kvm_steal_begin(test_cpu);
    assert_ptr_equal(pv_kvm_steal_records[0], record());
    return 0;
}

static void without_a_record_nothing_is_stolen(void **state)
{
    (void)state;
    assert_true(pv_kvm_steal_ns() == 0);
}

static void the_record_is_told(void **state)
{
    (void)state;
    record()->steal_ns = 12345;
    assert_true(pv_kvm_steal_ns() == 12345);
}

/* The first that tells of such a record: it is told once. */
static void stolen_time_never_shrinks(void **state)
{
    (void)state;
    record()->steal_ns = 1000;
    assert_true(pv_kvm_steal_ns() == 1000);
    assert_true(pv_kvm_steal_ns() == 1000);
    assert_int_equal(fake_lines, 0);
    record()->steal_ns = 10;
    assert_true(pv_kvm_steal_ns() == 1000);
    assert_true(pv_kvm_steal_ns() == 1000);
    assert_int_equal(fake_lines, 1);
    record()->steal_ns = 1001;
    assert_true(pv_kvm_steal_ns() == 1001);
}

static void a_record_that_is_written_for_ever_ends_in_the_last_value(void **state)
{
    (void)state;
    record()->steal_ns = 500;
    assert_true(pv_kvm_steal_ns() == 500);
    record()->steal_ns = 900;
    record()->version = 1;
    assert_true(pv_kvm_steal_ns() == 500);
    record()->version = 2;
    assert_true(pv_kvm_steal_ns() == 900);
}

static void a_new_registration_goes_on_from_what_was_told(void **state)
{
    (void)state;
    record()->steal_ns = 700;
    assert_true(pv_kvm_steal_ns() == 700);
    pv_kvm_steal_end(test_cpu);
    record()->steal_ns = 99999; /* nobody looks any more */
    assert_true(pv_kvm_steal_ns() == 700);
    pv_kvm_steal_begin(test_cpu);
    record()->steal_ns = 5;
    assert_true(pv_kvm_steal_ns() == 705);
}

static void a_cpu_beyond_the_bookkeeping_has_no_record(void **state)
{
    static struct pv_cpu far;

    (void)state;
    far.number = PV_CONFIG_MAX_CPUS;
    test_cpu = &far;
    pv_kvm_steal_begin(&far);
    ((struct pv_kvm_steal_time *)far.vmm_state)->steal_ns = 3;
    assert_true(pv_kvm_steal_ns() == 0);
    pv_kvm_steal_end(&far);
}

static void preemption_is_what_the_other_cpu_s_record_says(void **state)
{
    struct pv_kvm_steal_time other = {.preempted = PV_KVM_VCPU_PREEMPTED};

    (void)state;
    assert_false(pv_kvm_vcpu_is_preempted(9)); /* no record */
    pv_kvm_steal_records[9] = &other;
    assert_true(pv_kvm_vcpu_is_preempted(9));
    other.preempted = PV_KVM_VCPU_FLUSH_TLB;
    assert_false(pv_kvm_vcpu_is_preempted(9));
    assert_false(pv_kvm_vcpu_is_preempted(PV_CONFIG_MAX_CPUS));
    assert_false(pv_kvm_vcpu_is_preempted(UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_a_record_nothing_is_stolen, fake_begin),
        cmocka_unit_test_setup(the_record_is_told, registered),
        cmocka_unit_test_setup(stolen_time_never_shrinks, registered),
        cmocka_unit_test_setup(a_record_that_is_written_for_ever_ends_in_the_last_value,
                               registered),
        cmocka_unit_test_setup(a_new_registration_goes_on_from_what_was_told, registered),
        cmocka_unit_test_setup(a_cpu_beyond_the_bookkeeping_has_no_record, fake_begin),
        cmocka_unit_test_setup(preemption_is_what_the_other_cpu_s_record_says, fake_begin),
    };

    return cmocka_run_group_tests_name("kvm steal", tests, NULL, NULL);
}
