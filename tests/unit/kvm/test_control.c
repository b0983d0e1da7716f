/* SPDX-License-Identifier: MIT */
/*
 * What a kernel asks KVM now and then, and a KVM that answers what cannot be. The file is included.
 */
#include "fake.h"
#include "backends/kvm/control.c"
#include "backends/kvm/hypercall.h"
#include "lib/x86/tsc.h"

#define CLOCK_NS 777u

static struct pv_kvm_clock_pairing answer;
static bool clock_in_use;
static int64_t tsc_off; /* of the host's word, from the time of its answer */
static uint64_t asked_tsc;

bool pv_pvclock_at_tsc(uint64_t tsc, uint64_t *ns)
{
    asked_tsc = tsc;
    *ns = CLOCK_NS;
    return clock_in_use;
}

static void fill(uint64_t number, uint64_t a)
{
    assert_int_equal(number, PV_KVM_HC_CLOCK_PAIRING);
    answer.tsc = pv_tsc_read() + (uint64_t)tsc_off;
    *(struct pv_kvm_clock_pairing *)(uintptr_t)a = answer;
}

static int begin(void **state)
{
    fake_begin(state);
    fake_host = fill;
    clock_in_use = true;
    tsc_off = 0;
    answer = (struct pv_kvm_clock_pairing){.sec = 5, .nsec = 42};
    return 0;
}

static void a_pair_is_one_moment_on_three_scales(void **state)
{
    struct pv_clock_pair pair = {0};

    (void)state;
    assert_int_equal(pv_kvm_clock_pair(&pair), PV_OK);
    assert_true(pair.unix_ns == 5000000042u && pair.clock_ns == CLOCK_NS);
    assert_true(pair.tsc == answer.tsc && asked_tsc == answer.tsc);
}

static void a_counter_that_was_never_there_while_it_was_asked_is_refused(void **state)
{
    static const int64_t off[] = {-1000000000000, 1000000000000, INT64_MIN, INT64_MAX};
    struct pv_clock_pair pair;

    (void)state;
    for (unsigned i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
        tsc_off = off[i];
        assert_int_equal(pv_kvm_clock_pair(&pair), PV_E_HOST);
    }
}

static void a_host_that_has_none_is_unsupported(void **state)
{
    struct pv_clock_pair pair;

    (void)state;
    fake_status = -PV_KVM_ENOSYS;
    assert_int_equal(pv_kvm_clock_pair(&pair), PV_E_UNSUPPORTED);
}

static void a_host_that_fills_nothing_is_found_out(void **state)
{
    struct pv_clock_pair pair;

    (void)state;
    fake_host = NULL;
    assert_int_equal(pv_kvm_clock_pair(&pair), PV_E_HOST);
}

static void times_that_cannot_be_are_refused(void **state)
{
    static const struct {
        int64_t sec, nsec;
    } lies[] = {{-1, 0}, {INT64_MIN, 0}, {INT64_MAX, 0}, {5, -1}, {5, 1000000000}, {5, INT64_MAX}};
    struct pv_clock_pair pair;

    (void)state;
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        answer.sec = lies[i].sec;
        answer.nsec = lies[i].nsec;
        assert_int_equal(pv_kvm_clock_pair(&pair), PV_E_HOST);
    }
}

static void without_kvm_s_clock_there_is_no_pair(void **state)
{
    struct pv_clock_pair pair;

    (void)state;
    clock_in_use = false;
    assert_int_equal(pv_kvm_clock_pair(&pair), PV_E_UNSUPPORTED);
}

static void a_cpu_beyond_the_bookkeeping_asks_nobody(void **state)
{
    static struct pv_cpu far;
    struct pv_clock_pair pair;

    (void)state;
    far.number = PV_CONFIG_MAX_CPUS;
    test_cpu = &far;
    assert_int_equal(pv_kvm_clock_pair(&pair), PV_E_UNSUPPORTED);
    assert_int_equal(fake_called, 0);
}

static void registers_are_written_and_refusals_told(void **state)
{
    (void)state;
    assert_int_equal(pv_kvm_cpu_halt_poll(false), PV_OK);
    assert_true(fake_msr == PV_KVM_MSR_POLL_CONTROL && fake_value == 0);
    assert_int_equal(pv_kvm_cpu_halt_poll(true), PV_OK);
    assert_int_equal(fake_value, 1);
    assert_int_equal(pv_kvm_cpu_migration_allow(true), PV_OK);
    assert_true(fake_msr == PV_KVM_MSR_MIGRATION_CONTROL && fake_value == PV_KVM_MIGRATION_READY);
    fake_msr_status = PV_E_MSR;
    assert_int_equal(pv_kvm_cpu_halt_poll(true), PV_E_MSR);
    assert_int_equal(pv_kvm_cpu_migration_allow(false), PV_E_MSR);
}

static void a_look_for_interrupts_is_a_hypercall_that_does_nothing_else(void **state)
{
    (void)state;
    fake_host = NULL;
    assert_true(pv_kvm_hc_vapic_poll_irq() == 0);
    assert_int_equal(fake_called, 1);
    assert_int_equal(fake_calls[0].number, 1);
    assert_int_equal(fake_calls[0].a | fake_calls[0].b | fake_calls[0].c | fake_calls[0].d, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_pair_is_one_moment_on_three_scales, begin),
        cmocka_unit_test_setup(a_counter_that_was_never_there_while_it_was_asked_is_refused, begin),
        cmocka_unit_test_setup(a_host_that_has_none_is_unsupported, begin),
        cmocka_unit_test_setup(a_host_that_fills_nothing_is_found_out, begin),
        cmocka_unit_test_setup(times_that_cannot_be_are_refused, begin),
        cmocka_unit_test_setup(without_kvm_s_clock_there_is_no_pair, begin),
        cmocka_unit_test_setup(a_cpu_beyond_the_bookkeeping_asks_nobody, begin),
        cmocka_unit_test_setup(registers_are_written_and_refusals_told, begin),
        cmocka_unit_test_setup(a_look_for_interrupts_is_a_hypercall_that_does_nothing_else, begin),
    };

    return cmocka_run_group_tests_name("kvm control", tests, NULL, NULL);
}
