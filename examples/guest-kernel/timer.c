/* SPDX-License-Identifier: MIT */
/*
 * Several deadlines on the one timer of a CPU: the nearest is armed, and each interrupt runs what
 * has expired and arms the next.
 */
#include "timer.h"
#include "cpu.h"

struct deadline {
    uint64_t ns; /* UINT64_MAX: not armed */
    void (*expired)(void);
};

void (*volatile timer_hook)(void);

static struct deadline deadlines[TIMER_USERS] = {
    {UINT64_MAX, NULL},
    {UINT64_MAX, NULL},
    {UINT64_MAX, NULL},
};
static volatile uint64_t interrupts;
static uint64_t interrupted_ip;
static volatile bool awake;

static void arm_nearest(void)
{
    uint64_t nearest = UINT64_MAX;
    for (unsigned i = 0; i < TIMER_USERS; i++)
        if (deadlines[i].ns < nearest)
            nearest = deadlines[i].ns;
    pv_timer_set(nearest);
}

static void change(enum timer_user user, struct deadline to)
{
    struct pv_irqflags flags = pv_irq_save();
    deadlines[user] = to;
    arm_nearest();
    pv_irq_restore(flags);
}

void timer_start(enum timer_user user, uint64_t deadline_ns, void (*expired)(void))
{
    change(user, (struct deadline){deadline_ns, expired});
}

void timer_stop(enum timer_user user)
{
    if (deadlines[user].ns != UINT64_MAX)
        change(user, (struct deadline){UINT64_MAX, NULL});
}

bool timer_armed(enum timer_user user)
{
    return deadlines[user].ns != UINT64_MAX;
}

uint64_t timer_interrupted_ip(void)
{
    return interrupted_ip;
}

uint64_t timer_interrupts(void)
{
    return interrupts;
}

static void run_expired(uint64_t now)
{
    for (unsigned i = 0; i < TIMER_USERS; i++) {
        if (deadlines[i].ns > now)
            continue;
        void (*expired)(void) = deadlines[i].expired;
        deadlines[i] = (struct deadline){UINT64_MAX, NULL};
        expired();
    }
}

/* The deadlines are the boot CPU's; another CPU's timer only counts. */
void timer_interrupt(struct pv_regs *regs)
{
    if (!on_boot_cpu()) {
        this_cpu()->timer_ticks++;
        return;
    }
    interrupted_ip = regs->rip;
    interrupts++;
    if (timer_hook != NULL) {
        timer_hook();
        return;
    }
    run_expired(pv_clock_ns());
    arm_nearest();
}

/* No TSC is faster: a bound where nobody knows its frequency. */
#define TICKS_PER_NS 10

struct limit limit_in(uint64_t ns)
{
    return (struct limit){pv_clock_ns() + ns, read_tsc() + ns * TICKS_PER_NS};
}

bool limit_passed(const struct limit *limit)
{
    return pv_clock_ns() >= limit->ns || read_tsc() >= limit->ticks;
}

#define AGAIN_NS (10 * NS_PER_MS)

/*
 * Again and again until the sleeper has noticed: there are processors on which one wake-up can be
 * lost (selftest/halt.c tells which, and finds them out).
 */
static void wake(void)
{
    awake = true;
    timer_start(TIMER_ALARM, pv_clock_ns() + AGAIN_NS, wake);
}

static bool try_timer(void)
{
    struct limit limit = limit_in(NS_PER_S);
    awake = false;
    timer_start(TIMER_ALARM, pv_clock_ns(), wake);
    while (!awake && !limit_passed(&limit))
        pv_cpu_relax();
    timer_stop(TIMER_ALARM);
    return awake;
}

bool timer_works(void)
{
    static bool tried, works;
    if (!tried)
        works = try_timer();
    tried = true;
    return works;
}

static void spin_ns(uint64_t ns)
{
    struct limit limit = limit_in(ns);
    while (!limit_passed(&limit))
        pv_cpu_relax();
}

void sleep_ns(uint64_t ns)
{
    if (!timer_works()) {
        spin_ns(ns);
        return;
    }
    awake = false;
    timer_start(TIMER_ALARM, pv_clock_ns() + ns, wake);
    pv_irq_disable();
    while (!awake) {
        pv_irq_enable_halt();
        pv_irq_disable();
    }
    timer_stop(TIMER_ALARM);
    pv_irq_enable();
}
