/* SPDX-License-Identifier: MIT */
/*
 * The timer: never early, at once when late, periodic, and silent when disarmed. The hook takes the
 * interrupts away from the kernel's own deadlines, the watchdog's included; every wait in here has
 * a bound by the clock.
 */
#include "../timer.h"
#include "selftest.h"
#include "../cpu.h"

#define PERIOD_NS (2 * NS_PER_MS)
#define PERIODS   10u
#define TRIES     20u

static volatile uint64_t fired_at;
static volatile unsigned ticks;
static volatile bool fired;

static void note(void)
{
    fired_at = pv_clock_ns();
    fired = true;
    ticks++;
}

/* Silences whatever is armed; interrupts from before are taken meanwhile. */
static void take_over(void)
{
    pv_irq_disable();
    timer_hook = note;
    pv_timer_set(UINT64_MAX);
    pv_irq_enable();
    fired = false;
    ticks = 0;
}

static uint64_t arm(uint64_t from_now_ns)
{
    struct pv_irqflags flags = pv_irq_save();
    uint64_t deadline = pv_clock_ns() + from_now_ns;
    fired = false;
    pv_timer_set(deadline);
    pv_irq_restore(flags);
    return deadline;
}

static void never_early(struct check *check)
{
    if (skip_without_timer(check))
        return;
    take_over();
    for (unsigned i = 0; i < 100; i++) {
        uint64_t deadline = arm(NS_PER_US * (1 + i * i / 8));
        if (!EXPECT(check, wait_for(&fired, NS_PER_S), "number %u never came", i))
            return;
        EXPECT(check, fired_at >= deadline, "%lu ns early", deadline - fired_at);
    }
}

static void past_means_now(struct check *check)
{
    if (skip_without_timer(check))
        return;
    take_over();
    for (unsigned i = 0; i < 10; i++) {
        fired = false;
        preempt_off();
        pv_timer_set(i == 0 ? 0 : pv_clock_ns() - i);
        preempt_on();
        if (!EXPECT(check, wait_for(&fired, NS_PER_S), "number %u never came", i))
            return;
    }
}

static void once_is_once(struct check *check)
{
    if (skip_without_timer(check))
        return;
    take_over();
    arm(NS_PER_MS);
    wait_for(&fired, NS_PER_S);
    fired = false;
    wait_for(&fired, 5 * NS_PER_MS);
    EXPECT(check, ticks == 1, "%u ticks", ticks);
}

static void disarmed_is_silent(struct check *check)
{
    if (skip_without_timer(check))
        return;
    take_over();
    pv_irq_disable(); /* so that it cannot fire before it is disarmed, however slow this is */
    arm(2 * NS_PER_MS);
    pv_timer_set(UINT64_MAX);
    pv_irq_enable();
    EXPECT(check, !wait_for(&fired, 6 * NS_PER_MS), "it ticked");
}

/* Time that a number of periods takes, from arming on; UINT64_MAX: far too long. */
static uint64_t time_periods(unsigned count)
{
    take_over();
    uint64_t start = pv_clock_ns();
    preempt_off();
    pv_timer_periodic(PERIOD_NS);
    preempt_on();
    while (ticks < count && pv_clock_ns() - start < NS_PER_S)
        pv_cpu_relax();
    pv_irq_disable();
    uint64_t took = ticks < count ? UINT64_MAX : fired_at - start;
    pv_timer_periodic(0);
    pv_irq_enable();
    return took;
}

/* A host that is busy loses ticks, but makes none; so the best of several tries counts. */
static void ticks_at_its_period(struct check *check)
{
    uint64_t least = PERIODS * PERIOD_NS - PERIOD_NS / 10;
    uint64_t best = UINT64_MAX;
    if (skip_without_timer(check))
        return;
    for (unsigned i = 0; i < TRIES && best > 2 * least; i++) {
        uint64_t took = time_periods(PERIODS);
        EXPECT(check, took >= least, "%u periods took %lu ns", PERIODS, took);
        best = took < best ? took : best;
    }
    EXPECT(check, best <= 4 * least, "%u periods took %lu ns", PERIODS, best);
    take_over();
    EXPECT(check, !wait_for(&fired, 3 * PERIOD_NS), "it goes on after its end");
}

static const struct test timer_tests[] = {
    {"a one-shot timer is never early", never_early},
    {"a deadline in the past means now", past_means_now},
    {"a one-shot timer fires once", once_is_once},
    {"a disarmed timer is silent", disarmed_is_silent},
    {"a periodic timer ticks at its period", ticks_at_its_period},
};

const struct test_group timer_group = TEST_GROUP(timer);
