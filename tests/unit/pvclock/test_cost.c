/* SPDX-License-Identifier: MIT */
/*
 * What reading the clock costs, against the `lfence; rdtsc` in it, in one run: on a record that
 * does not change, as it is for milliseconds at a time. The three are measured in turn, many times,
 * and of each the fastest counts, so that whoever else uses the machine is left out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <asm/prctl.h>
#include <cmocka.h>

#include "lib/pvclock.h"
#include "lib/x86/tsc.h"
#include "promised.h"

#define READS  2000u
#define ROUNDS 2000u

static struct pv_pvclock_record record __attribute__((aligned(64)));
static struct pv_pvclock copy __attribute__((aligned(64)));
static struct pv_cpu cpu;

uint32_t pv_tsc_khz_value;

static struct pv_irqflags irq_save(void)
{
    return (struct pv_irqflags){0};
}

static void irq_restore(struct pv_irqflags flags)
{
    (void)flags;
}

struct pv_ops pv_ops = {
    .irq_save = irq_save, .irq_restore = irq_restore, .clock_ns = pv_pvclock_ns};

void pv_log(const char *text)
{
    fail_msg("%s", text);
}

static int add(struct pv_cpu *added, volatile struct pv_pvclock_record **where)
{
    (void)added;
    *where = &record;
    return PV_OK;
}

static uint64_t base_ns(void)
{
    return 1;
}

static const struct pv_pvclock_source source = {.name = "test", .add = add, .base_ns = base_ns};

/* 2 GHz or so, as on most machines: the count goes to the right before it is multiplied. */
static void begin(uint8_t flags)
{
    syscall(SYS_arch_prctl, ARCH_SET_GS, (uintptr_t)&cpu - PV_CONFIG_CPU_OFFSET);
    cpu.self = &cpu;
    record = (struct pv_pvclock_record){.version = 2,
                                        .tsc_timestamp = pv_tsc_read(),
                                        .tsc_to_system_mul = 0xd0000000u,
                                        .tsc_shift = -1,
                                        .flags = flags};
    pv_pvclock_begin(&source);
    pv_pvclock_start(true);
    memset(&copy, 0, sizeof(copy));
    assert_int_equal(pv_pvclock_refresh(&record, &copy, pv_tsc_read()), PV_OK);
}

static uint64_t loop_bare(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < READS; i++)
        sum += pv_tsc_read();
    return sum;
}

static uint64_t loop_inline(void)
{
    uint64_t sum = 0, ns;
    for (unsigned i = 0; i < READS; i++)
        if (pv_pvclock_read(&record, &copy, &ns) == PV_OK)
            sum += ns;
    return sum;
}

/* A direct call, as a patched site makes it. */
static uint64_t loop_called(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < READS; i++)
        sum += pv_pvclock_ns();
    return sum;
}

static uint64_t cost_of(uint64_t (*loop)(void))
{
    uint64_t start = pv_tsc_read();
    uint64_t sum = loop();
    __asm__ volatile("" : : "r"(sum));
    return pv_tsc_read() - start;
}

struct costs {
    uint64_t bare, inlined, called;
};

static void take(uint64_t *least, uint64_t (*loop)(void))
{
    uint64_t cost = cost_of(loop);
    if (cost < *least)
        *least = cost;
}

static void print_figure(const char *name, uint64_t ticks)
{
    print_message("# figure %s %lu.%02lu\n", name, ticks / READS, ticks * 100 / READS % 100);
}

static struct costs measure(void)
{
    struct costs costs = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
    for (unsigned round = 0; round < ROUNDS; round++) {
        take(&costs.bare, loop_bare);
        take(&costs.inlined, loop_inline);
        take(&costs.called, loop_called);
    }
    print_message("# %lu ticks for %u reads of the counter; of the clock %lu.%02lu times inlined, "
                  "%lu.%02lu out of line\n",
                  costs.bare, READS, costs.inlined / costs.bare,
                  costs.inlined * 100 / costs.bare % 100, costs.called / costs.bare,
                  costs.called * 100 / costs.bare % 100);
    return costs;
}

static void a_stable_clock_costs_little_more_than_the_counter(void **state)
{
    (void)state;
    begin(PV_PVCLOCK_STABLE);
    assert_true(pv_pvclock_is_stable());
    struct costs costs = measure();
    print_figure("clock_counter", costs.bare);
    print_figure("clock_inlined", costs.inlined);
    print_figure("clock_called", costs.called);
    assert_in_range(costs.inlined * 100, 1, costs.bare * PROMISED_CLOCK_INLINED_PERCENT);
    assert_in_range(costs.called * 100, 1, costs.bare * PROMISED_CLOCK_CALLED_PERCENT);
}

/* Reported: a compare-and-exchange on a line that all CPUs write to is what it costs. */
static void a_clock_that_is_not_stable_is_measured(void **state)
{
    (void)state;
    begin(0);
    assert_false(pv_pvclock_is_stable());
    struct costs costs = measure();
    print_figure("clock_unstable", costs.called);
    assert_true(costs.called > costs.inlined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stable_clock_costs_little_more_than_the_counter),
        cmocka_unit_test(a_clock_that_is_not_stable_is_measured),
    };

    return cmocka_run_group_tests_name("the cost of the clock", tests, NULL, NULL);
}
