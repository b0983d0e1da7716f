/* SPDX-License-Identifier: MIT */
/*
 * What an interrupt may not change: anything. All CPUs look at their registers for a while, each
 * with its timer, and on the boot CPU threads change places.
 */
#include "../cpu.h"
#include "../smp.h"
#include "selftest.h"
#include "../timer.h"

#define LOOKED_NS   (500 * NS_PER_MS)
#define PATIENCE_NS (20 * NS_PER_S)
#define TURNS       1000u
#define PERIOD_NS   (500 * NS_PER_US)

unsigned registers_stay(uint64_t turns, uint64_t *found);

static const char *const names[] = {"none", "rdi", "rsi", "rdx", "rcx", "rax", "r8",  "r9",
                                    "r10",  "r11", "rbx", "rbp", "r12", "r13", "r14", "r15"};

static volatile unsigned wrong; /* a register that changed, on some CPU */
static volatile uint64_t held;
static volatile unsigned long looks;

static void look(void *argument)
{
    struct limit limit = limit_in(LOOKED_NS);
    (void)argument;
    preempt_off();
    pv_timer_periodic(PERIOD_NS);
    preempt_on();
    while (wrong == 0 && !limit_passed(&limit)) {
        uint64_t found = 0;
        unsigned which = registers_stay(TURNS, &found);
        __atomic_add_fetch(&looks, TURNS, __ATOMIC_RELAXED);
        if (which == 0)
            continue;
        held = found;
        wrong = which;
    }
    preempt_off();
    pv_timer_periodic(0);
    preempt_on();
}

static void registers_are_kept(struct check *check)
{
    if (skip_without_timer(check))
        return;
    wrong = 0;
    looks = 0;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        if (smp_is_up(cpu))
            smp_give(cpu, look, NULL);
    look(NULL);
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        if (smp_is_up(cpu))
            EXPECT(check, smp_done(cpu, PATIENCE_NS), "CPU %u does not come to an end", cpu);
    still_going();
    print("# all registers were looked at %lu times\n", looks);
    EXPECT(check, looks >= TURNS, "only %lu looks", looks);
    EXPECT(check, wrong == 0, "%s held %lx", names[wrong % 16], held);
}

static const struct test registers_tests[] = {
    {"an interrupt leaves all registers and flags as they were", registers_are_kept},
};

const struct test_group registers_group = TEST_GROUP(registers);
