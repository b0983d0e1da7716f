/* SPDX-License-Identifier: MIT */
/*
 * The clock: forward only, and as fast as it says.
 */
#include "selftest.h"
#include "../cpu.h"
#include "../timer.h"

#define READS          1000000u
#define READS_IF_DEAR  20000u
#define DEAR_TICKS     5000u
#define WINDOW_NS      (20 * NS_PER_MS)
#define LOOKS          50u
#define TOLERANCE_PART 50u /* one in fifty */

static unsigned reads_to_make(void)
{
    uint64_t start = read_tsc();
    for (unsigned i = 0; i < 16; i++)
        pv_clock_ns();
    return (read_tsc() - start) / 16 > DEAR_TICKS ? READS_IF_DEAR : READS;
}

static void never_backwards(struct check *check)
{
    unsigned reads = reads_to_make();
    uint64_t last = pv_clock_ns();
    for (unsigned i = 0; i < reads; i++) {
        uint64_t now = pv_clock_ns();
        if (!EXPECT(check, now >= last, "read %u: %lu after %lu", i, now, last))
            return;
        last = now;
    }
}

static bool roughly(uint64_t a, uint64_t b)
{
    uint64_t difference = a > b ? a - b : b - a;
    return difference <= b / TOLERANCE_PART;
}

/* Clock and counter at the same moment: of several looks the one that took least time. */
struct moment {
    uint64_t ns;
    uint64_t ticks;
};

static struct moment look(void)
{
    struct moment best = {0, 0};
    uint64_t shortest = UINT64_MAX;
    for (unsigned i = 0; i < LOOKS; i++) {
        uint64_t before = read_tsc();
        uint64_t ns = pv_clock_ns();
        uint64_t took = read_tsc() - before;
        if (took >= shortest)
            continue;
        shortest = took;
        best = (struct moment){ns, before + took / 2};
    }
    return best;
}

static void as_fast_as_the_tsc(struct check *check)
{
    if (pv_tsc_khz() == 0) {
        skip(check, "the frequency of the TSC is not known");
        return;
    }
    struct limit limit = limit_in(WINDOW_NS);
    struct moment start = look();
    while (!limit_passed(&limit))
        pv_cpu_relax();
    struct moment end = look();
    uint64_t ns = end.ns - start.ns;
    uint64_t expected = (end.ticks - start.ticks) * 1000000 / pv_tsc_khz();
    EXPECT(check, roughly(ns, expected), "%lu ns, and %lu by the TSC", ns, expected);
}

static void agrees_with_timer(struct check *check)
{
    if (skip_without_timer(check))
        return;
    uint64_t start = pv_clock_ns();
    sleep_ns(WINDOW_NS);
    uint64_t took = pv_clock_ns() - start;
    EXPECT(check, took >= WINDOW_NS, "%lu ns: too early", took);
    EXPECT(check, took < 50 * WINDOW_NS, "%lu ns: far too late", took);
}

static const struct test clock_tests[] = {
    {"the clock never goes backwards", never_backwards},
    {"the clock counts as fast as the TSC frequency says", as_fast_as_the_tsc},
    {"the clock and the timer agree", agrees_with_timer},
};

const struct test_group clock_group = TEST_GROUP(clock);
