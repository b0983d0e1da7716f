/* SPDX-License-Identifier: MIT */
/*
 * The clock on a VMM's records (lib/pvclock.c) on the host: how it starts, goes on over what the
 * VMM does, and ends when the VMM lies. The records are the test's, the time-stamp counter is real:
 * a record of rate 1:1 with a time far from the base clock's shows which of the two is told. The
 * file is included, so that each test finds its state as at boot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/pvclock.c"

#define CPUS 2

/* More than any of these tests takes, in counts of the TSC. */
#define LONG 1000000000000ull

struct pv_cpu *test_cpu;
static struct pv_cpu *moves_to; /* where the thread is once its CPU was asked for */

struct pv_cpu *test_this_cpu(void)
{
    struct pv_cpu *cpu = test_cpu;

    if (moves_to != NULL)
        test_cpu = moves_to;
    moves_to = NULL;
    return cpu;
}

uint32_t pv_tsc_khz_value;

static struct pv_cpu cpus[CPUS];
static struct pv_pvclock_record records[CPUS];
static unsigned added, removed, lines;
static int add_status;
static uint64_t base;

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

void pv_log(const char *text)
{
    (void)text;
    lines++;
}

static int add(struct pv_cpu *cpu, volatile struct pv_pvclock_record **record)
{
    added++;
    *record = &records[cpu->number];
    return add_status;
}

static void take_away(struct pv_cpu *cpu)
{
    (void)cpu;
    removed++;
}

static uint64_t base_ns(void)
{
    return base + __atomic_load_n(&pv_clock_skipped_ns, __ATOMIC_RELAXED);
}

static const struct pv_pvclock_source test_source = {
    .name = "test",
    .add = add,
    .remove = take_away,
    .base_ns = base_ns,
};

/* One count of the TSC is a nanosecond: multiplier 2^31, shift 1. */
static void write_record(unsigned cpu, uint64_t system_time, uint8_t flags)
{
    struct pv_pvclock_record *record = &records[cpu];

    record->version += 2;
    record->tsc_timestamp = pv_tsc_read();
    record->system_time = system_time;
    record->tsc_to_system_mul = 0x80000000u;
    record->tsc_shift = 1;
    record->flags = flags;
}

static int fresh(void **state)
{
    (void)state;
    memset(cpus, 0, sizeof(cpus));
    memset(records, 0, sizeof(records));
    memset(clocks, 0, sizeof(clocks));
    for (unsigned i = 0; i < CPUS; i++)
        cpus[i].number = i;
    test_cpu = &cpus[0];
    in_use = back_told = false;
    added = removed = lines = 0;
    add_status = PV_OK;
    base = 0;
    pv_clock_skipped_ns = 0;
    pv_tsc_khz_value = 0;
    pv_pvclock_begin(&test_source);
    write_record(0, 0, PV_PVCLOCK_STABLE);
    write_record(1, 0, PV_PVCLOCK_STABLE);
    return 0;
}

static int started(void **state)
{
    fresh(state);
    pv_pvclock_start(true);
    return 0;
}

static void before_it_starts_the_base_clock_is_told(void **state)
{
    (void)state;
    base = 4242;
    assert_true(pv_pvclock_ns() == 4242);
    assert_string_equal(pv_pvclock_name, "tsc");
    assert_int_equal(added, 0);
}

static void it_goes_on_from_the_base_clock(void **state)
{
    (void)state;
    base = 777 * LONG;
    write_record(0, 5 * LONG, PV_PVCLOCK_STABLE);
    pv_pvclock_start(true);
    assert_true(pv_pvclock_in_use());
    assert_string_equal(pv_pvclock_name, "test");
    uint64_t ns = pv_pvclock_ns();
    assert_true(ns >= 777 * LONG && ns < 778 * LONG);
}

static void it_tells_the_tsc_frequency_if_nobody_else_did(void **state)
{
    (void)state;
    pv_pvclock_start(true);
    assert_int_equal(pv_tsc_khz_value, 1000000);
}

static void a_time_is_turned_into_the_vmm_s(void **state)
{
    uint64_t now;

    (void)state;
    base = 3 * LONG;
    write_record(0, 10 * LONG, PV_PVCLOCK_STABLE);
    pv_pvclock_start(true);
    assert_true(pv_pvclock_vmm_ns(&now) && now >= 10 * LONG && now < 11 * LONG);
    uint64_t at = pv_pvclock_to_vmm(4 * LONG);
    assert_true(at >= 11 * LONG && at < 12 * LONG);
    assert_true(pv_pvclock_to_vmm(UINT64_MAX) == UINT64_MAX);
}

static void a_time_before_the_vmm_s_start_is_its_start(void **state)
{
    (void)state;
    base = 10 * LONG;
    pv_pvclock_start(true);
    assert_true(pv_pvclock_to_vmm(LONG) == 0);
    uint64_t at = pv_pvclock_to_vmm(11 * LONG);
    assert_true(at > 0 && at <= LONG + LONG / 2);
}

static void a_time_behind_a_record_that_went_back_is_that_record_s(void **state)
{
    uint64_t now;

    (void)state;
    write_record(0, 5 * LONG, PV_PVCLOCK_STABLE);
    pv_pvclock_start(true);
    (void)pv_pvclock_ns();
    write_record(0, 2 * LONG, PV_PVCLOCK_STABLE);
    uint64_t ns = pv_pvclock_ns();
    assert_true(pv_pvclock_vmm_ns(&now) && now >= 2 * LONG && now < 3 * LONG);
    uint64_t at = pv_pvclock_to_vmm(ns + 7 * LONG);
    assert_true(at >= 9 * LONG && at < 10 * LONG);
    at = pv_pvclock_to_vmm(ns);
    assert_true(at >= 2 * LONG && at < 3 * LONG);
    assert_true(pv_pvclock_to_vmm(UINT64_MAX) == UINT64_MAX);
}

static void a_record_that_went_back_moves_times_of_its_own_cpu_alone(void **state)
{
    (void)state;
    write_record(0, 5 * LONG, PV_PVCLOCK_STABLE);
    write_record(1, 5 * LONG, PV_PVCLOCK_STABLE);
    pv_pvclock_start(true);
    uint64_t ns = pv_pvclock_ns();
    test_cpu = &cpus[1];
    (void)pv_pvclock_ns();
    write_record(1, 2 * LONG, PV_PVCLOCK_STABLE);
    (void)pv_pvclock_ns();
    assert_true(pv_pvclock_to_vmm(ns) < 3 * LONG);
    test_cpu = &cpus[0];
    assert_true(pv_pvclock_to_vmm(ns) >= 5 * LONG);
}

static void a_time_is_turned_into_the_vmm_s_when_the_clock_was_given_up_too(void **state)
{
    (void)state;
    base = 3 * LONG;
    write_record(0, 10 * LONG, PV_PVCLOCK_STABLE);
    pv_pvclock_start(true);
    uint64_t before = pv_pvclock_to_vmm(4 * LONG);
    records[0].version |= 1;
    for (unsigned i = 0; i < 2 * FAILURES; i++)
        (void)pv_pvclock_ns();
    assert_false(pv_pvclock_in_use());
    assert_true(pv_pvclock_to_vmm(4 * LONG) == before);
}

static void a_cpu_is_added_when_it_reads_first(void **state)
{
    (void)state;
    (void)pv_pvclock_ns();
    assert_int_equal(added, 1);
    test_cpu = &cpus[1];
    (void)pv_pvclock_ns();
    (void)pv_pvclock_ns();
    assert_int_equal(added, 2);
}

static void each_cpu_is_told_by_its_own_record(void **state)
{
    (void)state;
    (void)pv_pvclock_ns();
    write_record(1, 3 * LONG, PV_PVCLOCK_STABLE);
    test_cpu = &cpus[1];
    uint64_t ns = pv_pvclock_ns();
    assert_true(ns >= 2 * LONG && ns < 4 * LONG);
    test_cpu = &cpus[0];
    assert_true(pv_pvclock_ns() < LONG);
}

static void a_new_record_is_followed(void **state)
{
    (void)state;
    (void)pv_pvclock_ns();
    write_record(0, 5 * LONG, PV_PVCLOCK_STABLE);
    /* Less what had passed between the first record and the start. */
    assert_true(pv_pvclock_ns() >= 4 * LONG);
    assert_int_equal(lines, 0);
}

static void a_record_that_goes_back_does_not_take_time_back(void **state)
{
    (void)state;
    write_record(0, 5 * LONG, PV_PVCLOCK_STABLE);
    uint64_t before = pv_pvclock_ns();
    write_record(0, LONG, PV_PVCLOCK_STABLE);
    assert_true(pv_pvclock_ns() >= before);
    assert_false(pv_pvclock_is_stable());
    assert_int_equal(lines, 1);
    write_record(0, 0, PV_PVCLOCK_STABLE);
    assert_true(pv_pvclock_ns() >= before);
    assert_int_equal(lines, 1);
}

static void without_the_stable_bit_no_cpu_is_behind_another(void **state)
{
    (void)state;
    write_record(0, 5 * LONG, 0);
    write_record(1, 2 * LONG, 0);
    uint64_t here = pv_pvclock_ns();
    test_cpu = &cpus[1];
    assert_true(pv_pvclock_ns() >= here);
    assert_false(pv_pvclock_is_stable());
}

/* Xen's records of two CPUs were 68 ms apart on a busy host, soon after its start. */
static void without_the_stable_bit_a_cpu_behind_the_clock_s_start_is_no_jump(void **state)
{
    (void)state;
    write_record(0, LONG, 0);
    pv_pvclock_start(true);
    assert_true(pv_pvclock_ns() < LONG);
    write_record(1, LONG / 2, 0);
    test_cpu = &cpus[1];
    uint64_t behind = pv_pvclock_ns();
    assert_true(behind < LONG);
    test_cpu = &cpus[0];
    uint64_t later = pv_pvclock_ns();
    assert_true(later > behind && later < LONG);
}

/* A record without the bit is for the counter of its own CPU, which is not where the thread is. */
static void a_thread_that_moves_while_it_reads_is_told_its_new_cpu_s_time(void **state)
{
    (void)state;
    write_record(0, LONG, 0);
    write_record(1, LONG, 0);
    (void)pv_pvclock_ns();
    test_cpu = &cpus[1];
    (void)pv_pvclock_ns();
    test_cpu = &cpus[0];
    /* CPU 0's counter is said to be far ahead; this one's is not. */
    records[0].tsc_timestamp -= 5 * LONG;
    clocks[0].copy.tsc_timestamp -= 5 * LONG;
    moves_to = &cpus[1];
    assert_true(pv_pvclock_ns() < 2 * LONG);
}

static void a_stable_bit_that_was_not_promised_is_not_believed(void **state)
{
    (void)state;
    pv_pvclock_start(false);
    assert_true(pv_pvclock_in_use());
    assert_false(pv_pvclock_is_stable());
}

static void a_rate_that_cannot_be_ends_the_clock_with_one_line(void **state)
{
    (void)state;
    write_record(0, 5 * LONG, PV_PVCLOCK_STABLE);
    uint64_t before = pv_pvclock_ns();
    write_record(0, 6 * LONG, PV_PVCLOCK_STABLE);
    records[0].tsc_to_system_mul = 0;
    assert_true(pv_pvclock_ns() >= before); /* the base clock goes on from there */
    assert_false(pv_pvclock_in_use());
    assert_string_equal(pv_pvclock_name, "tsc");
    (void)pv_pvclock_ns();
    assert_int_equal(lines, 1);
}

static void a_record_that_is_written_for_long_leaves_the_old_one_in_force(void **state)
{
    (void)state;
    uint64_t before = pv_pvclock_ns();
    records[0].version |= 1;
    assert_true(pv_pvclock_ns() >= before);
    assert_true(pv_pvclock_in_use());
    records[0].version++;
    assert_true(pv_pvclock_ns() >= before);
    assert_true(pv_pvclock_in_use());
    assert_int_equal(lines, 0);
}

static void a_record_that_is_written_for_ever_ends_the_clock(void **state)
{
    (void)state;
    uint64_t before = pv_pvclock_ns();
    records[0].version |= 1;
    for (unsigned i = 0; i < FAILURES; i++)
        before = pv_pvclock_ns();
    assert_false(pv_pvclock_in_use());
    assert_true(pv_pvclock_ns() >= before);
    assert_int_equal(lines, 1);
}

static void a_clock_that_stood_while_the_vmm_stopped_the_cpu_is_no_line(void **state)
{
    (void)state;
    write_record(0, 5 * LONG, PV_PVCLOCK_STABLE);
    uint64_t before = pv_pvclock_ns();
    write_record(0, 4 * LONG, PV_PVCLOCK_STABLE | PV_PVCLOCK_STOPPED);
    assert_true(pv_pvclock_ns() >= before);
    write_record(0, 4 * LONG + LONG / 2, PV_PVCLOCK_STABLE); /* goes on from there */
    assert_true(pv_pvclock_ns() >= before);
    assert_int_equal(lines, 0);
}

static void a_further_cpu_s_record_that_is_written_for_ever_ends_the_clock_too(void **state)
{
    (void)state;
    records[1].version |= 1;
    test_cpu = &cpus[1];
    for (unsigned i = 0; i < FAILURES; i++)
        (void)pv_pvclock_ns();
    assert_false(pv_pvclock_in_use());
    assert_int_equal(added, 2); /* not registered again and again */
    assert_int_equal(lines, 1);
    pv_pvclock_cpu_stop();
    assert_int_equal(removed, 1);
}

/* Another CPU's copy may be half written; its record says when it can be read. */
static void without_a_record_of_its_own_a_cpu_is_told_by_the_first_one_s(void **state)
{
    (void)state;
    write_record(0, 5 * LONG, PV_PVCLOCK_STABLE);
    uint64_t before = pv_pvclock_ns();
    records[1].version |= 1;
    clocks[0].copy.system_time_ns += 7 * LONG;
    test_cpu = &cpus[1];
    uint64_t ns = pv_pvclock_ns();
    assert_true(ns >= before && ns < before + LONG);
    /* No record at all can be read: the base clock's time is the nearest. */
    records[0].version |= 1;
    base = 77;
    assert_true(pv_pvclock_ns() == 77);
    assert_true(pv_pvclock_in_use());
}

static void a_cpu_that_has_not_read_its_clock_yet_can_tell_the_vmm_s_time(void **state)
{
    uint64_t ns;

    (void)state;
    write_record(1, 3 * LONG, PV_PVCLOCK_STABLE);
    test_cpu = &cpus[1];
    assert_true(pv_pvclock_vmm_ns(&ns) && ns >= 3 * LONG && ns < 4 * LONG);
    write_record(1, 9 * LONG, PV_PVCLOCK_STABLE); /* and sees what is new */
    assert_true(pv_pvclock_vmm_ns(&ns) && ns >= 9 * LONG);
    write_record(1, 20 * LONG, PV_PVCLOCK_STABLE);
    assert_true(pv_pvclock_at_tsc(pv_tsc_read(), &ns) && ns >= 19 * LONG);
}

static void a_stop_is_told_once_on_each_cpu_that_the_vmm_told(void **state)
{
    (void)state;
    assert_false(pv_clock_was_stopped());
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        write_record(cpu, LONG, PV_PVCLOCK_STABLE | PV_PVCLOCK_STOPPED);
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        test_cpu = &cpus[cpu];
        assert_true(pv_clock_was_stopped());
        assert_int_equal(records[cpu].flags, PV_PVCLOCK_STABLE);
        assert_false(pv_clock_was_stopped());
    }
    test_cpu = &cpus[0];
    assert_false(pv_clock_was_stopped());
}

static void a_clock_that_is_offered_and_refused_is_said_to_be(void **state)
{
    (void)state;
    add_status = PV_E_MSR;
    base = 99;
    pv_pvclock_start(true);
    assert_false(pv_pvclock_in_use());
    assert_int_equal(lines, 1);
    assert_int_equal(removed, 0);
    assert_true(pv_pvclock_ns() == 99);
    add_status = PV_OK;
    records[0].version |= 1; /* registered, and not to be read */
    pv_pvclock_start(true);
    assert_int_equal(removed, 1);
}

static void stopping_hands_over_to_the_base_clock(void **state)
{
    (void)state;
    write_record(0, 5 * LONG, PV_PVCLOCK_STABLE);
    uint64_t before = pv_pvclock_ns();
    pv_pvclock_stop();
    assert_int_equal(removed, 1);
    assert_true(base_ns() >= before);
    assert_true(pv_pvclock_ns() >= before);
}

static void it_starts_again_after_it_was_stopped(void **state)
{
    (void)state;
    write_record(0, 5 * LONG, PV_PVCLOCK_STABLE);
    uint64_t before = pv_pvclock_ns();
    for (unsigned i = 0; i < 10; i++) {
        pv_pvclock_stop();
        pv_pvclock_begin(&test_source);
        pv_pvclock_start(true);
        uint64_t now = pv_pvclock_ns();
        assert_true(now >= before);
        before = now;
    }
    assert_int_equal(removed, 10);
}

static void the_frequency_is_asked_without_leaving_a_registration(void **state)
{
    (void)state;
    assert_true(pv_pvclock_tsc_hz(&test_source) == PV_NS_PER_SECOND);
    assert_int_equal(added, 1);
    assert_int_equal(removed, 1);
    assert_false(pv_pvclock_in_use());
}

static void a_cpu_that_the_library_was_not_built_for_is_told_the_base_clock(void **state)
{
    (void)state;
    cpus[1].number = PV_CONFIG_MAX_CPUS;
    test_cpu = &cpus[1];
    base = 31;
    assert_true(pv_pvclock_ns() == 31);
    assert_int_equal(added, 1); /* the first CPU */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(before_it_starts_the_base_clock_is_told, fresh),
        cmocka_unit_test_setup(it_goes_on_from_the_base_clock, fresh),
        cmocka_unit_test_setup(it_tells_the_tsc_frequency_if_nobody_else_did, fresh),
        cmocka_unit_test_setup(a_time_is_turned_into_the_vmm_s, fresh),
        cmocka_unit_test_setup(a_time_before_the_vmm_s_start_is_its_start, fresh),
        cmocka_unit_test_setup(a_time_behind_a_record_that_went_back_is_that_record_s, fresh),
        cmocka_unit_test_setup(a_record_that_went_back_moves_times_of_its_own_cpu_alone, fresh),
        cmocka_unit_test_setup(a_time_is_turned_into_the_vmm_s_when_the_clock_was_given_up_too,
                               fresh),
        cmocka_unit_test_setup(a_cpu_is_added_when_it_reads_first, started),
        cmocka_unit_test_setup(each_cpu_is_told_by_its_own_record, started),
        cmocka_unit_test_setup(a_new_record_is_followed, started),
        cmocka_unit_test_setup(a_record_that_goes_back_does_not_take_time_back, started),
        cmocka_unit_test_setup(without_the_stable_bit_no_cpu_is_behind_another, started),
        cmocka_unit_test_setup(without_the_stable_bit_a_cpu_behind_the_clock_s_start_is_no_jump,
                               fresh),
        cmocka_unit_test_setup(a_thread_that_moves_while_it_reads_is_told_its_new_cpu_s_time,
                               started),
        cmocka_unit_test_setup(a_further_cpu_s_record_that_is_written_for_ever_ends_the_clock_too,
                               started),
        cmocka_unit_test_setup(without_a_record_of_its_own_a_cpu_is_told_by_the_first_one_s,
                               started),
        cmocka_unit_test_setup(a_cpu_that_has_not_read_its_clock_yet_can_tell_the_vmm_s_time,
                               started),
        cmocka_unit_test_setup(a_stop_is_told_once_on_each_cpu_that_the_vmm_told, started),
        cmocka_unit_test_setup(a_clock_that_stood_while_the_vmm_stopped_the_cpu_is_no_line,
                               started),
        cmocka_unit_test_setup(a_stable_bit_that_was_not_promised_is_not_believed, fresh),
        cmocka_unit_test_setup(a_rate_that_cannot_be_ends_the_clock_with_one_line, started),
        cmocka_unit_test_setup(a_record_that_is_written_for_long_leaves_the_old_one_in_force,
                               started),
        cmocka_unit_test_setup(a_record_that_is_written_for_ever_ends_the_clock, started),
        cmocka_unit_test_setup(a_clock_that_is_offered_and_refused_is_said_to_be, fresh),
        cmocka_unit_test_setup(stopping_hands_over_to_the_base_clock, started),
        cmocka_unit_test_setup(it_starts_again_after_it_was_stopped, started),
        cmocka_unit_test_setup(the_frequency_is_asked_without_leaving_a_registration, fresh),
        cmocka_unit_test_setup(a_cpu_that_the_library_was_not_built_for_is_told_the_base_clock,
                               started),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
