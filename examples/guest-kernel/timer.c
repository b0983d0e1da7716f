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

void timer_interrupt(struct pv_regs *regs)
{
    (void)regs;
    interrupts++;
    if (timer_hook != NULL) {
        timer_hook();
        return;
    }
    run_expired(pv_clock_ns());
    arm_nearest();
}

static void wake(void)
{
    awake = true;
}

void sleep_ns(uint64_t ns)
{
    awake = false;
    timer_start(TIMER_ALARM, pv_clock_ns() + ns, wake);
    pv_irq_disable();
    while (!awake) {
        pv_irq_enable_halt();
        pv_irq_disable();
    }
    pv_irq_enable();
}
