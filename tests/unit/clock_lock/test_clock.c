/* SPDX-License-Identifier: MIT */
/*
 * Clock arithmetic (lib/clock.c) on the host: against exact arithmetic, and against hosts that lie.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/clock.h"
#include "lib/x86/tsc.h"
#include "pvops/status.h"

#define GHZ 1000000000ull

/* One count is one nanosecond: multiplier 2^31, shift 1. */
static const struct pv_clock_rate one_to_one = {0x80000000u, 1};

static struct pv_pvclock_record record_at(uint32_t version, uint64_t tsc, uint64_t system_time)
{
    struct pv_pvclock_record record = {.version = version,
                                       .tsc_timestamp = tsc,
                                       .system_time = system_time,
                                       .tsc_to_system_mul = one_to_one.multiplier,
                                       .tsc_shift = (int8_t)one_to_one.shift,
                                       .flags = PV_PVCLOCK_STABLE};

    return record;
}

static void a_rate_is_exact_to_32_bits_and_never_too_fast(void **state)
{
    static const uint64_t hz[] = {PV_CLOCK_MIN_HZ, 3579545,    24000000,       999999999, GHZ,
                                  2599998437,      4294967296, PV_CLOCK_MAX_HZ};

    (void)state;
    for (size_t i = 0; i < sizeof(hz) / sizeof(hz[0]); i++) {
        struct pv_clock_rate rate = pv_clock_rate(hz[i], PV_NS_PER_SECOND);
        uint64_t ns = pv_clock_scale(hz[i] * 1000, rate); /* a thousand seconds */
        assert_true(rate.multiplier >= 0x80000000u);
        assert_true(ns <= 1000 * PV_NS_PER_SECOND);
        assert_true(1000 * PV_NS_PER_SECOND - ns <= 1000); /* 2^-31 of it is 466 */
    }
}

static void a_rate_can_be_turned_around(void **state)
{
    (void)state;
    for (uint64_t hz = PV_CLOCK_MIN_HZ; hz < PV_CLOCK_MAX_HZ; hz = hz * 3 / 2 + 7) {
        uint64_t back = pv_clock_rate_hz(pv_clock_rate(hz, PV_NS_PER_SECOND));
        uint64_t off = back > hz ? back - hz : hz - back;
        assert_true(off <= (hz >> 30) + 1);
    }
}

static void scaling_is_what_the_document_says(void **state)
{
    static const struct {
        uint64_t count;
        struct pv_clock_rate rate;
        uint64_t result;
    } cases[] = {
        {0, {0xffffffffu, 31}, 0},
        {1000, {0x80000000u, 1}, 1000},
        {1000, {0x80000000u, 0}, 500},
        {1000, {0x80000000u, -1}, 250},
        {1001, {0x80000000u, -1}, 250}, /* shifted before it is multiplied */
        {0xffffffffffffffffull, {0x80000000u, 1}, 0xffffffffffffffffull},
        {0x100000000ull, {0xffffffffu, 0}, 0xffffffffull},
        {1, {0x80000000u, 31}, 0x40000000ull},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(pv_clock_scale(cases[i].count, cases[i].rate) == cases[i].result);
}

static void scaling_does_not_overflow_in_a_century(void **state)
{
    struct pv_clock_rate rate = pv_clock_rate(4 * GHZ, PV_NS_PER_SECOND);
    uint64_t seconds = 100ull * 366 * 86400;
    uint64_t ns = pv_clock_scale(seconds * 4 * GHZ, rate);

    (void)state;
    assert_true(ns <= seconds * PV_NS_PER_SECOND);
    assert_true(seconds * PV_NS_PER_SECOND - ns < 2 * PV_NS_PER_SECOND);
}

static void rates_of_counters_that_cannot_exist_are_refused(void **state)
{
    static const struct pv_clock_rate bad[] = {
        {0, 0},
        {0, -1},
        {0x80000000u, 32},
        {0x80000000u, -32},
        {0x80000000u, 127},
        {0x80000000u, -128},
        {0x80000000u, 31},
        {0x80000000u, -31},
        {1, 0},
        {0xffffffffu, -20},
        {0xffffffffu, 20},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(pv_clock_rate_valid(bad[i]));
    assert_true(pv_clock_rate_valid(one_to_one));
    assert_true(pv_clock_rate_valid(pv_clock_rate(2600000000, PV_NS_PER_SECOND)));
}

static void a_copy_is_needed_before_the_first_read(void **state)
{
    struct pv_pvclock_record shared = record_at(2, pv_tsc_read(), 5000);
    struct pv_pvclock copy = {0};
    uint64_t ns = 0;

    (void)state;
    assert_int_equal(pv_pvclock_read(&shared, &copy, &ns), PV_E_BUSY);
    assert_int_equal(pv_pvclock_refresh(&shared, &copy, pv_tsc_read()), PV_OK);
    assert_int_equal(pv_pvclock_read(&shared, &copy, &ns), PV_OK);
    assert_true(ns > 5000);
}

static void a_read_uses_the_record_s_own_rate_and_start(void **state)
{
    struct pv_pvclock_record shared = record_at(2, 1000, 5000);
    struct pv_pvclock copy = {0};

    (void)state;
    assert_int_equal(pv_pvclock_refresh(&shared, &copy, 1000), PV_OK);
    assert_true(pv_pvclock_at(&copy, 1000) == 5000);
    assert_true(pv_pvclock_at(&copy, 3000) == 7000);
}

static void a_tsc_a_little_behind_the_record_counts_as_the_record_s_own(void **state)
{
    struct pv_pvclock_record shared = record_at(2, 1000, 5000);
    struct pv_pvclock copy = {0};

    (void)state;
    assert_int_equal(pv_pvclock_refresh(&shared, &copy, 1000), PV_OK);
    assert_true(pv_pvclock_at(&copy, 999) == 5000);
}

static void a_new_version_makes_the_copy_out_of_date(void **state)
{
    struct pv_pvclock_record shared = record_at(2, 0, 0);
    struct pv_pvclock copy = {0};
    uint64_t ns = 77;

    (void)state;
    assert_int_equal(pv_pvclock_refresh(&shared, &copy, 0), PV_OK);
    shared.version = 3;
    assert_int_equal(pv_pvclock_read(&shared, &copy, &ns), PV_E_BUSY);
    shared.version = 4;
    assert_int_equal(pv_pvclock_read(&shared, &copy, &ns), PV_E_BUSY);
    assert_true(ns == 77);
    assert_int_equal(pv_pvclock_refresh(&shared, &copy, 0), PV_OK);
    assert_int_equal(pv_pvclock_read(&shared, &copy, &ns), PV_OK);
}

static void a_version_that_stays_odd_ends_in_an_error_and_keeps_the_copy(void **state)
{
    struct pv_pvclock_record shared = record_at(2, 1000, 5000);
    struct pv_pvclock copy = {0};

    (void)state;
    assert_int_equal(pv_pvclock_refresh(&shared, &copy, 1000), PV_OK);
    shared = record_at(3, 9, 9);
    assert_int_equal(pv_pvclock_refresh(&shared, &copy, 1000), PV_E_TIMEOUT);
    assert_true(pv_pvclock_at(&copy, 2000) == 6000);
}

static void a_record_that_was_never_written_is_refused(void **state)
{
    struct pv_pvclock_record shared = {0};
    struct pv_pvclock copy = {0};

    (void)state;
    assert_int_equal(pv_pvclock_refresh(&shared, &copy, 0), PV_E_HOST);
}

static void a_rate_that_cannot_be_is_refused_and_keeps_the_copy(void **state)
{
    static const struct {
        uint32_t multiplier;
        int8_t shift;
    } lies[] = {{0, 0}, {0x80000000u, 32}, {0x80000000u, 127}, {0x80000000u, -128}, {1, 0}};
    struct pv_pvclock copy = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct pv_pvclock_record shared = record_at(2, 1000, 5000);
        copy.version = 0;
        assert_int_equal(pv_pvclock_refresh(&shared, &copy, 1000), PV_OK);
        shared.version = 4;
        shared.tsc_to_system_mul = lies[i].multiplier;
        shared.tsc_shift = lies[i].shift;
        assert_int_equal(pv_pvclock_refresh(&shared, &copy, 1000), PV_E_HOST);
        assert_true(pv_pvclock_at(&copy, 2000) == 6000);
    }
}

static void time_does_not_go_back_with_a_record_that_does(void **state)
{
    struct pv_pvclock_record shared = record_at(2, 1000, 5000);
    struct pv_pvclock copy = {0};

    (void)state;
    assert_int_equal(pv_pvclock_refresh(&shared, &copy, 1000), PV_OK);
    assert_true(pv_pvclock_at(&copy, 2000) == 6000);
    shared = record_at(4, 2000, 100);
    assert_int_equal(pv_pvclock_refresh(&shared, &copy, 2000), PV_OK);
    assert_true(pv_pvclock_at(&copy, 2000) == 6000);
    assert_true(pv_pvclock_at(&copy, 2500) == 6500);
    assert_true(copy.adjust_ns != 0);
}

static void the_adjustment_goes_when_the_record_has_caught_up(void **state)
{
    struct pv_pvclock_record shared = record_at(2, 1000, 5000);
    struct pv_pvclock copy = {0};

    (void)state;
    assert_int_equal(pv_pvclock_refresh(&shared, &copy, 1000), PV_OK);
    shared = record_at(4, 1000, 4000);
    assert_int_equal(pv_pvclock_refresh(&shared, &copy, 1000), PV_OK);
    assert_true(copy.adjust_ns == 1000);
    shared = record_at(6, 1000, 9000);
    assert_int_equal(pv_pvclock_refresh(&shared, &copy, 1000), PV_OK);
    assert_true(copy.adjust_ns == 0);
    assert_true(pv_pvclock_at(&copy, 1000) == 9000);
}

static void monotonic_gives_the_later_of_two_clocks(void **state)
{
    uint64_t latest = 0;

    (void)state;
    assert_true(pv_clock_monotonic(&latest, 10) == 10);
    assert_true(pv_clock_monotonic(&latest, 7) == 10);
    assert_true(pv_clock_monotonic(&latest, 11) == 11);
    assert_true(pv_clock_monotonic(&latest, 0 - 5ull) == 11);
}

static void the_base_clock_skips_what_it_is_behind_and_no_more(void **state)
{
    (void)state;
    pv_clock_skipped_ns = 0;
    pv_clock_hand_over(1000, 400);
    assert_true(pv_clock_skipped_ns == 600);
    pv_clock_hand_over(500, 900);
    assert_true(pv_clock_skipped_ns == 600);
}

static void a_wall_clock_is_read_with_the_version_rule(void **state)
{
    struct pv_pvclock_wall wall = {2, 1700000000, 500};
    uint64_t ns = 77;

    (void)state;
    assert_int_equal(pv_pvclock_wall_read(&wall, &ns), PV_OK);
    assert_true(ns == 1700000000000000500ull);
    wall.version = 3;
    assert_int_equal(pv_pvclock_wall_read(&wall, &ns), PV_E_TIMEOUT);
    wall.version = 4;
    wall.nsec = 1000000000;
    assert_int_equal(pv_pvclock_wall_read(&wall, &ns), PV_E_HOST);
    wall = (struct pv_pvclock_wall){0, 1, 1};
    assert_int_equal(pv_pvclock_wall_read(&wall, &ns), PV_E_HOST);
    assert_true(ns == 1700000000000000500ull);
}

/* A host that rewrites the record all the time, with times that belong to the TSC it writes. */
struct host {
    struct pv_pvclock_record shared;
    bool stop;
};

static void *rewrite(void *argument)
{
    struct host *host = argument;
    volatile struct pv_pvclock_record *shared = &host->shared;

    while (!__atomic_load_n(&host->stop, __ATOMIC_RELAXED)) {
        __atomic_store_n(&host->shared.version, host->shared.version + 1, __ATOMIC_SEQ_CST);
        uint64_t now = pv_tsc_read();
        shared->tsc_timestamp = now;
        shared->system_time = now + 1000000;
        __atomic_store_n(&host->shared.version, host->shared.version + 1, __ATOMIC_SEQ_CST);
        for (unsigned i = 0; i < 200; i++)
            __builtin_ia32_pause();
    }
    return NULL;
}

static void reads_against_a_busy_host_are_whole_and_monotonic(void **state)
{
    struct host host = {.shared = record_at(2, 0, 1000000)};
    struct pv_pvclock copy = {0};
    pthread_t thread;
    uint64_t last = 0;
    unsigned good = 0, refreshed = 0;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, rewrite, &host), 0);
    for (unsigned i = 0; i < 2000000; i++) {
        uint64_t ns;
        if (pv_pvclock_read(&host.shared, &copy, &ns) != PV_OK) {
            refreshed += pv_pvclock_refresh(&host.shared, &copy, pv_tsc_read()) == PV_OK;
            continue;
        }
        uint64_t after = pv_tsc_read() + 1000000;
        if (ns < last || ns > after)
            fail_msg("torn or backwards");
        last = ns;
        good++;
    }
    __atomic_store_n(&host.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    assert_true(good > 1000);
    assert_true(refreshed > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_is_exact_to_32_bits_and_never_too_fast),
        cmocka_unit_test(a_rate_can_be_turned_around),
        cmocka_unit_test(scaling_is_what_the_document_says),
        cmocka_unit_test(scaling_does_not_overflow_in_a_century),
        cmocka_unit_test(rates_of_counters_that_cannot_exist_are_refused),
        cmocka_unit_test(a_copy_is_needed_before_the_first_read),
        cmocka_unit_test(a_read_uses_the_record_s_own_rate_and_start),
        cmocka_unit_test(a_tsc_a_little_behind_the_record_counts_as_the_record_s_own),
        cmocka_unit_test(a_new_version_makes_the_copy_out_of_date),
        cmocka_unit_test(a_version_that_stays_odd_ends_in_an_error_and_keeps_the_copy),
        cmocka_unit_test(a_record_that_was_never_written_is_refused),
        cmocka_unit_test(a_rate_that_cannot_be_is_refused_and_keeps_the_copy),
        cmocka_unit_test(time_does_not_go_back_with_a_record_that_does),
        cmocka_unit_test(the_adjustment_goes_when_the_record_has_caught_up),
        cmocka_unit_test(monotonic_gives_the_later_of_two_clocks),
        cmocka_unit_test(the_base_clock_skips_what_it_is_behind_and_no_more),
        cmocka_unit_test(a_wall_clock_is_read_with_the_version_rule),
        cmocka_unit_test(reads_against_a_busy_host_are_whole_and_monotonic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
