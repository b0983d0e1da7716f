/* SPDX-License-Identifier: MIT */
/*
 * Who is believed about frequencies (backends/native/frequency.c), in which order, and that nothing
 * is measured where somebody tells.
 */
#include "fake.h"

#include <string.h>

#include "backends/native/frequency.c"

#define MEASURED 1111000000ull
#define RECORDED 2222000000ull

static struct pv_detection detected;
static unsigned measurements, asked_backend;
static uint64_t measured;

uint64_t pv_native_measure_tsc_hz(void)
{
    measurements++;
    return measured;
}

const struct pv_detection *pv_detected(void)
{
    return &detected;
}

const struct pv_interface *pv_detected_interface(const struct pv_detection *detection,
                                                 const char *signature)
{
    for (unsigned i = 0; i < detection->count; i++)
        if (strcmp(detection->found[i].signature, signature) == 0)
            return &detection->found[i];
    return NULL;
}

static uint64_t from_record(void)
{
    asked_backend++;
    return RECORDED;
}

static const struct pv_backend tells = {.name = "tells", .tsc_hz = from_record};
static const struct pv_backend silent = {.name = "silent"};
const struct pv_backend *pv_backend;

static void found(const char *signature, uint32_t base, uint32_t max_leaf)
{
    struct pv_interface *interface = &detected.found[detected.count++];

    interface->base = base;
    interface->max_leaf = max_leaf;
    strcpy(interface->signature, signature);
}

static int start(void **state)
{
    (void)state;
    fake_reset();
    memset(&detected, 0, sizeof(detected));
    measurements = asked_backend = 0;
    measured = MEASURED;
    pv_backend = &silent;
    return 0;
}

static void a_crystal_and_its_ratio_go_before_everything(void **state)
{
    (void)state;
    pv_backend = &tells;
    fake_leaf(0, 0x16, 0, 0, 0);
    fake_leaf(0x15, 2, 250, 24000000, 0);
    found("KVMKVMKVM", 0x40000000, 0x40000010);
    fake_leaf(0x40000010, 2000000, 0, 0, 0);
    assert_int_equal(pv_native_tsc_hz(), 3000000000);
    assert_int_equal(asked_backend + measurements, 0);
}

static void a_crystal_that_is_not_told_leaves_the_base_frequency(void **state)
{
    (void)state;
    fake_leaf(0, 0x16, 0, 0, 0);
    fake_leaf(0x15, 2, 250, 0, 0);
    fake_leaf(0x16, 2900, 4000, 100, 0);
    assert_int_equal(pv_native_tsc_hz(), 2900000000);
    assert_int_equal(measurements, 0);
}

static void a_leaf_beyond_the_highest_is_not_believed(void **state)
{
    (void)state;
    fake_leaf(0, 0x14, 0, 0, 0);
    fake_leaf(0x15, 2, 250, 24000000, 0);
    assert_int_equal(pv_native_tsc_hz(), MEASURED);
}

static void the_leaf_of_a_vmm_goes_before_its_clock_record(void **state)
{
    (void)state;
    pv_backend = &tells;
    found("KVMKVMKVM", 0x40000000, 0x40000010);
    fake_leaf(0x40000010, 2000000, 0, 0, 0);
    assert_int_equal(pv_native_tsc_hz(), 2000000000);
    assert_int_equal(asked_backend + measurements, 0);
}

static void that_leaf_is_looked_for_at_the_first_base_only(void **state)
{
    (void)state;
    found("KVMKVMKVM", 0x40000100, 0x40000110);
    fake_leaf(0x40000110, 2000000, 0, 0, 0);
    assert_int_equal(pv_native_tsc_hz(), MEASURED);
}

static void a_vmm_that_nobody_knows_has_other_things_there(void **state)
{
    (void)state;
    found("TCGTCGTCGTCG", 0x40000000, 0x40000010);
    fake_leaf(0x40000010, 2000000, 0, 0, 0);
    assert_int_equal(pv_native_tsc_hz(), MEASURED);
}

static void the_clock_record_goes_before_measuring(void **state)
{
    (void)state;
    pv_backend = &tells;
    found("KVMKVMKVM", 0x40000000, 0x40000001);
    assert_int_equal(pv_native_tsc_hz(), RECORDED);
    assert_int_equal(measurements, 0);
}

static void a_frequency_that_cannot_be_is_nobodys_word(void **state)
{
    (void)state;
    pv_backend = &tells;
    fake_leaf(0, 0x16, 0, 0, 0);
    fake_leaf(0x15, 1, 1, 1000, 0);
    found("KVMKVMKVM", 0x40000000, 0x40000010);
    fake_leaf(0x40000010, 5, 0, 0, 0);
    assert_int_equal(pv_native_tsc_hz(), RECORDED);
    measured = 7;
    pv_backend = &silent;
    assert_int_equal(pv_native_tsc_hz(), 0);
}

static void a_vmm_goes_before_the_crystal_about_the_apics_timer(void **state)
{
    (void)state;
    fake_leaf(0, 0x15, 0, 0, 0);
    fake_leaf(0x15, 2, 250, 24000000, 0);
    assert_int_equal(pv_native_apic_hz(), 24000000);
    found("KVMKVMKVM", 0x40000000, 0x40000010);
    fake_leaf(0x40000010, 2000000, 1000000, 0, 0);
    assert_int_equal(pv_native_apic_hz(), 1000000000);
}

static void the_apics_timer_is_not_told_by_a_ratio_without_a_crystal(void **state)
{
    (void)state;
    fake_leaf(0, 0x16, 0, 0, 0);
    fake_leaf(0x15, 2, 250, 0, 0);
    fake_leaf(0x16, 2900, 4000, 100, 0);
    assert_int_equal(pv_native_apic_hz(), 0);
}

#define EACH(test) cmocka_unit_test_setup(test, start)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        EACH(a_crystal_and_its_ratio_go_before_everything),
        EACH(a_crystal_that_is_not_told_leaves_the_base_frequency),
        EACH(a_leaf_beyond_the_highest_is_not_believed),
        EACH(the_leaf_of_a_vmm_goes_before_its_clock_record),
        EACH(that_leaf_is_looked_for_at_the_first_base_only),
        EACH(a_vmm_that_nobody_knows_has_other_things_there),
        EACH(the_clock_record_goes_before_measuring),
        EACH(a_frequency_that_cannot_be_is_nobodys_word),
        EACH(a_vmm_goes_before_the_crystal_about_the_apics_timer),
        EACH(the_apics_timer_is_not_told_by_a_ratio_without_a_crystal),
    };

    return cmocka_run_group_tests_name("frequencies", tests, NULL, NULL);
}
