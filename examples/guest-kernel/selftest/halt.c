/* SPDX-License-Identifier: MIT */
/*
 * The wake-up that must not be lost: pv_irq_enable_halt() turns interrupts on and waits as one
 * step. If an interrupt could come between the two, the CPU would wait for the next one. So a timer
 * is armed to fire at about that moment, again and again, and its handler arms a second deadline
 * far behind: a halt that ends by the second one has lost the first.
 */
#include "selftest.h"
#include "../cpu.h"
#include "../layout.h"
#include "../timer.h"

#define ROUNDS     10000u
#define LATE_MOST  10u
#define NEAR_STEPS 64u
#define NEAR_NS    40u
#define FAR_NS     NS_PER_S

#define STI 0xfb
#define HLT 0xf4

enum ending {
    WOKEN,      /* by the first deadline */
    UNSHIELDED, /* lost by the processor */
    LOST
};

static volatile bool fired, late;

static uint64_t far_deadline;
static uint64_t first_ip;

/*
 * A wake-up is lost in the same way on a processor that takes an interrupt between `sti` and `hlt`,
 * against Intel SDM vol. 2, STI. QEMU before 9.1 does, in guests of a VMM that it emulates: it
 * forgets the shield when the VMM resumes the guest (its commit "target/i386: fix
 * INHIBIT_IRQ/TF/RF handling for VMRUN").
 */
static bool between_sti_and_hlt(uint64_t ip)
{
    const uint8_t *code = (const uint8_t *)ip;
    return ip > KERNEL_BASE && code[-1] == STI && code[0] == HLT;
}

/* The halt was over: an interrupt taken there cannot have been lost by it. */
static bool behind_hlt(uint64_t ip)
{
    const uint8_t *code = (const uint8_t *)ip;
    return ip > KERNEL_BASE && code[-1] == HLT;
}

static void first_or_second(void)
{
    uint64_t now = pv_clock_ns();
    late = fired && now >= far_deadline;
    if (!fired) {
        far_deadline = now + FAR_NS;
        first_ip = timer_interrupted_ip();
    }
    fired = true;
    if (!late)
        pv_timer_set(far_deadline);
}

static void take_over(void)
{
    pv_irq_disable();
    timer_hook = first_or_second;
    fired = false;
    late = false;
}

/*
 * The next round's deadline takes the place of the far one. A machine that stands still for a
 * second after the first deadline has woken it, as one under load does, is late and has lost
 * nothing.
 */
static enum ending halt_once(unsigned round)
{
    take_over();
    pv_timer_set(pv_clock_ns() + (round % NEAR_STEPS) * NEAR_NS);
    while (!fired) {
        pv_irq_enable_halt();
        pv_irq_disable();
    }
    if (!late || behind_hlt(first_ip))
        return WOKEN;
    return between_sti_and_hlt(first_ip) ? UNSHIELDED : LOST;
}

/* Without halting: a timer that never fires must not stop the test. */
static bool timer_fires(void)
{
    take_over();
    pv_timer_set(pv_clock_ns());
    pv_irq_enable();
    return wait_for(&fired, NS_PER_S);
}

static void no_wake_up_lost(struct check *check)
{
    unsigned count[] = {[WOKEN] = 0, [UNSHIELDED] = 0, [LOST] = 0};
    if (skip_without_timer(check) || !EXPECT(check, timer_fires(), "the timer does not fire"))
        return;
    for (unsigned round = 0; round < ROUNDS && count[UNSHIELDED] + count[LOST] < LATE_MOST; round++)
        count[halt_once(round)]++;
    pv_timer_set(UINT64_MAX);
    pv_irq_enable();
    if (count[LOST] == 0 && count[UNSHIELDED] != 0)
        skip(check, "this processor takes interrupts between sti and hlt: %u of %u",
             count[UNSHIELDED], ROUNDS);
    else
        EXPECT(check, count[LOST] == 0, "%u wake-ups were lost", count[LOST]);
}

static void interrupts_are_on(struct check *check)
{
    if (skip_without_timer(check))
        return;
    take_over();
    pv_timer_set(pv_clock_ns() + 10 * NS_PER_US);
    while (!fired) {
        pv_irq_enable_halt();
        EXPECT(check, pv_irqs_were_on(pv_irq_flags()), "off after the halt");
        pv_irq_disable();
    }
    pv_timer_set(UINT64_MAX);
    pv_irq_enable();
}

static const struct test halt_tests[] = {
    {"10,000 halts with the timer about to fire lose no wake-up", no_wake_up_lost},
    {"interrupts are on after a halt", interrupts_are_on},
};

const struct test_group halt_group = TEST_GROUP(halt);
