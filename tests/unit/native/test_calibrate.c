/* SPDX-License-Identifier: MIT */
/*
 * The TSC measured by other counters (backends/native/calibrate.c): by which one, how well, and
 * what becomes of counters that are not there, stand still, or say what cannot be.
 *
 * The counters of the fake machine are the host's TSC divided, so that its frequency is known to be
 * what the test says it is.
 */
#include "fake.h"

#include <string.h>

/* Ports of the test's own, in place of those of the machine. */
#define PVOPS_NATIVE_PORT_H

static uint8_t port_in8(uint16_t port)
{
    (void)port;
    return 0xff; /* no interval timer */
}

static void port_out8(uint16_t port, uint8_t value)
{
    (void)port;
    (void)value;
}

static uint32_t port_in32(uint16_t port);

#include "backends/native/calibrate.c"

#define TSC_HZ    1000000000ull
#define PM_PORT   0x608
#define HPET_AT   0xfed00000ull
#define PERIOD_FS 10000000u /* 100 MHz */

struct pv_acpi pv_native_acpi;

static uint32_t registers[HPET_BYTES / 4];
static bool hpet_counts, pm_counts;
static unsigned hpet_reads, pm_reads;
static uint64_t pm_takes; /* counts of the TSC that a look at it takes */

static uint32_t port_in32(uint16_t port)
{
    assert_int_equal(port, PM_PORT);
    pm_reads++;
    for (uint64_t start = pv_tsc_read(); pv_tsc_read() - start < pm_takes;)
        ;
    return pm_counts ? (uint32_t)(pv_tsc_read() / 1000 * PM_TIMER_HZ / (TSC_HZ / 1000)) : 0;
}

static uint32_t read_register(const volatile void *address)
{
    size_t offset = (size_t)((const volatile uint8_t *)address - (uint8_t *)registers);
    bool runs = hpet_counts && (registers[HPET_CONFIG / 4] & HPET_CONFIG_RUN) != 0;

    if (offset != HPET_COUNTER)
        return registers[offset / 4];
    hpet_reads++;
    return runs ? (uint32_t)(pv_tsc_read() / (TSC_HZ / (FS_PER_SECOND / PERIOD_FS))) : 0;
}

static void *map_registers(uint64_t phys, size_t bytes, bool device)
{
    assert_int_equal(phys, HPET_AT);
    assert_true(device && bytes <= sizeof(registers));
    return registers;
}

static int start(void **state)
{
    (void)state;
    fake_reset();
    memset(registers, 0, sizeof(registers));
    memset(&pv_native_acpi, 0, sizeof(pv_native_acpi));
    registers[HPET_PERIOD / 4] = PERIOD_FS;
    hpet = NULL;
    hpet_counts = pm_counts = true;
    hpet_reads = pm_reads = 0;
    pm_takes = 0;
    fake_mmio_read = read_register;
    fake_platform.map_physical = map_registers;
    pv_native_acpi.hpet = HPET_AT;
    pv_native_acpi.pm_timer_mask = UINT32_MAX;
    return 0;
}

static void assert_about(uint64_t hz, uint64_t expected)
{
    assert_in_range(hz, expected - expected / 100, expected + expected / 100);
}

static void the_hpet_measures_where_there_is_no_acpi_timer(void **state)
{
    (void)state;
    assert_about(pv_native_measure_tsc_hz(), TSC_HZ);
    assert_true(hpet_reads != 0);
}

static void an_hpet_that_is_stopped_is_let_run(void **state)
{
    (void)state;
    registers[HPET_CONFIG / 4] = 2;
    assert_about(pv_native_measure_tsc_hz(), TSC_HZ);
    assert_int_equal(registers[HPET_CONFIG / 4], 2 | HPET_CONFIG_RUN);
}

static void the_acpi_timer_goes_first(void **state)
{
    (void)state;
    pv_native_acpi.pm_timer = PM_PORT;
    assert_about(pv_native_measure_tsc_hz(), TSC_HZ);
    assert_true(pm_reads != 0);
    assert_int_equal(hpet_reads, 0);
}

static void an_acpi_timer_that_stands_still_is_passed_over(void **state)
{
    (void)state;
    pv_native_acpi.pm_timer = PM_PORT;
    pm_counts = false;
    assert_about(pv_native_measure_tsc_hz(), TSC_HZ);
    assert_true(hpet_reads != 0);
    assert_true(pm_reads <= READS + 2 * BRACKETS); /* once, and that has an end */
}

/* Where each look is an exit that takes long, it is the time that ends it. */
static void a_timer_that_stands_still_and_is_slow_to_read_is_given_up_in_time(void **state)
{
    (void)state;
    pv_native_acpi.pm_timer = PM_PORT;
    pm_counts = false;
    pm_takes = PATIENCE / 16;
    uint64_t before = pv_tsc_read();
    assert_about(pv_native_measure_tsc_hz(), TSC_HZ);
    assert_in_range(pm_reads, 16, 16 + 2 * BRACKETS);
    assert_true(pv_tsc_read() - before < 4 * PATIENCE);
}

static void an_hpet_that_stands_still_measures_nothing(void **state)
{
    (void)state;
    hpet_counts = false;
    assert_int_equal(pv_native_measure_tsc_hz(), 0);
}

static void a_period_that_cannot_be_is_not_believed(void **state)
{
    static const uint32_t periods[] = {0, 1, HPET_LONGEST_FS + 1, UINT32_MAX};

    (void)state;
    for (unsigned i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
        registers[HPET_PERIOD / 4] = periods[i];
        assert_int_equal(pv_native_measure_tsc_hz(), 0);
    }
    assert_int_equal(hpet_reads, 0);
    assert_int_equal(registers[HPET_CONFIG / 4], 0);
}

static void an_hpet_that_cannot_be_mapped_is_none(void **state)
{
    (void)state;
    fake_platform.map_physical = NULL;
    assert_int_equal(pv_native_measure_tsc_hz(), 0);
}

#define EACH(test) cmocka_unit_test_setup(test, start)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        EACH(the_hpet_measures_where_there_is_no_acpi_timer),
        EACH(an_hpet_that_is_stopped_is_let_run),
        EACH(the_acpi_timer_goes_first),
        EACH(an_acpi_timer_that_stands_still_is_passed_over),
        EACH(a_timer_that_stands_still_and_is_slow_to_read_is_given_up_in_time),
        EACH(an_hpet_that_stands_still_measures_nothing),
        EACH(a_period_that_cannot_be_is_not_believed),
        EACH(an_hpet_that_cannot_be_mapped_is_none),
    };

    return cmocka_run_group_tests_name("measuring", tests, NULL, NULL);
}
