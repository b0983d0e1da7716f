/* SPDX-License-Identifier: MIT */
/*
 * Xen's clock and wall clock (backends/xen/clock.c) on a shared page that lies: versions that stay
 * odd, rates that cannot be, records that go back. What is below it is a PV guest's
 * (backends/xen/pv/clock.c).
 */
#include "fake.h"

#include "backends/xen/abi/cpuid.h"
#include "lib/pvclock.h"
#include "lib/x86/tsc.h"

#define BASE_WALL 888ull
#define MANY      100000u

const struct pv_ops *pv_xen_below;
uint32_t pv_tsc_khz_value;

static uint32_t told_khz; /* in Xen's leaf; 0: there is none */

bool pv_xen_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *regs)
{
    assert_int_equal(leaf, PV_XEN_LEAF_TIME);
    assert_int_equal(subleaf, 0);
    regs[2] = told_khz;
    return told_khz != 0;
}

bool pv_xen_is_pv(void)
{
    return true;
}

static int base_wallclock(uint64_t *unix_ns)
{
    *unix_ns = BASE_WALL;
    return PV_OK;
}

static const struct pv_ops below = {.clock_ns = pv_xen_pv_base_clock_ns,
                                    .wallclock = base_wallclock};

static struct pv_irqflags irq_save(void)
{
    return (struct pv_irqflags){0};
}

static void irq_restore(struct pv_irqflags flags)
{
    (void)flags;
}

struct pv_ops pv_ops = {
    .irq_save = irq_save,
    .irq_restore = irq_restore,
    .clock_ns = pv_pvclock_ns,
};

static struct pv_pvclock_record *record(void)
{
    return &fake_shared.vcpu[0].time;
}

/* A TSC of 1 GHz: a nanosecond a tick. */
static void tell(uint64_t system_ns)
{
    record()->version += 2;
    record()->tsc_timestamp = pv_tsc_read();
    record()->system_time = system_ns;
    record()->tsc_to_system_mul = 0x80000000u;
    record()->tsc_shift = 1;
}

static int start(void **state)
{
    (void)state;
    fake_reset();
    pv_xen_below = &below;
    tell(1000000000);
    fake_shared.wall.version = 2;
    fake_shared.wall.sec = 1700000000;
    told_khz = 0;
    pv_clock_skipped_ns = 0;
    pv_xen_pv_clock_begin();
    pv_pvclock_begin(&pv_xen_clock_source);
    pv_pvclock_start(true);
    assert_true(pv_pvclock_in_use());
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pv_pvclock_stop();
    return 0;
}

static void the_wall_clock_is_its_start_and_system_time(void **state)
{
    uint64_t ns = 0;

    (void)state;
    assert_int_equal(pv_xen_wallclock(&ns), PV_OK);
    assert_in_range(ns, 1700000001000000000ull, 1700000011000000000ull);
}

static void a_wall_clock_that_is_written_for_ever_ends_in_the_one_below(void **state)
{
    uint64_t ns = 0;

    (void)state;
    fake_shared.wall.version = 3;
    assert_int_equal(pv_xen_wallclock(&ns), PV_OK);
    assert_int_equal(ns, BASE_WALL);
}

static void expect_to_go_on(uint64_t before, uint64_t ns)
{
    uint64_t start = before;

    for (unsigned i = 0; i < MANY || before - start < ns; i++) {
        uint64_t now = pv_pvclock_ns();
        assert_true(now >= before);
        assert_true(i < 100 * MANY);
        before = now;
    }
}

static void a_record_that_is_written_for_ever_ends_in_the_clock_below(void **state)
{
    (void)state;
    uint64_t before = pv_pvclock_ns();
    record()->version |= 1;
    expect_to_go_on(before, 1000);
    assert_false(pv_pvclock_in_use());
    assert_int_equal(fake_lines, 1);
}

static void times_go_on_to_be_told_to_xen_as_the_last_good_record_has_them(void **state)
{
    (void)state;
    tell(700);
    uint64_t now = pv_pvclock_ns();
    uint64_t before = pv_pvclock_to_vmm(now + 1000000000);
    record()->version |= 1;
    expect_to_go_on(now, 1000);
    assert_false(pv_pvclock_in_use());
    assert_true(pv_xen_knows_times());
    assert_int_equal(pv_pvclock_to_vmm(now + 1000000000), before);
    assert_in_range(before, 1000000000, 11000000000ull);
}

static void a_clock_that_never_had_a_record_goes_as_xen_s_leaf_tells(void **state)
{
    stop(state);
    fake_reset();
    told_khz = 1000000;
    record()->version = 1;
    pv_xen_pv_clock_begin();
    uint64_t tsc = pv_tsc_read();
    pv_pvclock_begin(&pv_xen_clock_source);
    pv_pvclock_start(true);
    assert_false(pv_pvclock_in_use());
    uint64_t before = pv_pvclock_ns();
    expect_to_go_on(before, 1000);
    /* A count is a nanosecond, and the clock began a little before. */
    uint64_t ns = pv_pvclock_ns();
    uint64_t count = pv_tsc_read() - tsc;
    assert_in_range(ns, 1000, count + 1000000000);
}

static void rates_that_cannot_be_end_in_the_clock_below(void **state)
{
    static const struct {
        uint32_t mul;
        int8_t shift;
    } lies[] = {{0, 0}, {UINT32_MAX, 127}, {1, -128}, {UINT32_MAX, 31}, {0x80000000u, -60}};

    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        start(state);
        uint64_t before = pv_pvclock_ns();
        record()->version += 2;
        record()->tsc_to_system_mul = lies[i].mul;
        record()->tsc_shift = lies[i].shift;
        expect_to_go_on(before, 1000);
        assert_false(pv_pvclock_in_use());
        stop(state);
    }
    start(state);
}

static void time_does_not_follow_a_record_that_goes_back(void **state)
{
    (void)state;
    uint64_t before = pv_pvclock_ns();
    for (unsigned i = 0; i < MANY; i++) {
        tell(i % 2 == 0 ? 5 : 900000000);
        uint64_t now = pv_pvclock_ns();
        assert_true(now >= before);
        before = now;
    }
}

static void a_cpu_without_a_place_in_the_page_has_no_record(void **state)
{
    volatile struct pv_pvclock_record *found = NULL;

    (void)state;
    fake_vcpu = PV_XEN_SHARED_VCPUS;
    assert_int_equal(pv_xen_clock_source.add(&fake_cpu, &found), PV_E_UNSUPPORTED);
    assert_null((void *)(uintptr_t)found);
    fake_vcpu = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_wall_clock_is_its_start_and_system_time, start, stop),
        cmocka_unit_test_setup_teardown(a_wall_clock_that_is_written_for_ever_ends_in_the_one_below,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_record_that_is_written_for_ever_ends_in_the_clock_below,
                                        start, stop),
        cmocka_unit_test_setup_teardown(
            times_go_on_to_be_told_to_xen_as_the_last_good_record_has_them, start, stop),
        cmocka_unit_test_setup_teardown(a_clock_that_never_had_a_record_goes_as_xen_s_leaf_tells,
                                        start, stop),
        cmocka_unit_test_setup_teardown(rates_that_cannot_be_end_in_the_clock_below, start, stop),
        cmocka_unit_test_setup_teardown(time_does_not_follow_a_record_that_goes_back, start, stop),
        cmocka_unit_test_setup_teardown(a_cpu_without_a_place_in_the_page_has_no_record, start,
                                        stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
