/* SPDX-License-Identifier: MIT */
/*
 * The end of this kernel on KVM and on bare machines, as before another one is started in the same
 * memory: by pv_shutdown() while the other CPUs are parked, and while they merely stand still, as
 * behind a panic. KVM writes to nobody's records any more, and who stood still is parked.
 *
 * Records are filled with a pattern, and the host is given reasons to write: CPUs that wait for a
 * processor, a machine that is stopped. Behind it everything begins again.
 */
#include "selftest.h"
#include "../cpu.h"
#include "../memory.h"
#include "../outside.h"
#include "../smp.h"
#include "../string.h"
#include "../timer.h"

#define PATIENCE_NS (20 * NS_PER_S)
#define BUSY_NS     (300 * NS_PER_MS)
#define PATTERN     0xa5

/* Linux, Documentation/virt/kvm/x86/msr.rst: clock, async page faults, steal time, PV EOI. */
#define MSR_KVM_FIRST 0x4b564d01u
#define MSR_KVM_LAST  0x4b564d04u

/* ---- what the host writes -------------------------------------------------------------------- */

struct shared {
    uint8_t clock[sizeof(((struct pv_cpu *)NULL)->vmm_clock)];
    uint8_t state[sizeof(((struct pv_cpu *)NULL)->vmm_state)];
};

static struct shared seen[MOST_CPUS];

static void look(unsigned count)
{
    for (unsigned cpu = 0; cpu < count; cpu++) {
        memcpy(seen[cpu].clock, cpus[cpu].pv.vmm_clock, sizeof(seen[cpu].clock));
        memcpy(seen[cpu].state, cpus[cpu].pv.vmm_state, sizeof(seen[cpu].state));
    }
}

static void fill(unsigned count)
{
    for (unsigned cpu = 0; cpu < count; cpu++) {
        memset(cpus[cpu].pv.vmm_clock, PATTERN, sizeof(seen[cpu].clock));
        memset(cpus[cpu].pv.vmm_state, PATTERN, sizeof(seen[cpu].state));
    }
}

static bool is_written(unsigned cpu)
{
    const volatile uint8_t *clock = cpus[cpu].pv.vmm_clock, *state = cpus[cpu].pv.vmm_state;
    bool same = true;
    for (unsigned i = 0; i < sizeof(seen[cpu].clock); i++)
        same = same && clock[i] == seen[cpu].clock[i];
    for (unsigned i = 0; i < sizeof(seen[cpu].state); i++)
        same = same && state[i] == seen[cpu].state[i];
    return !same;
}

static void spin(uint64_t ns)
{
    struct limit limit = limit_in(ns);
    while (!limit_passed(&limit))
        pv_cpu_relax();
}

/* Reasons to write: each CPU has to wait for a processor, and the machine is stopped. */
static void let_write(void)
{
    (void)outside_do("busy");
    spin(BUSY_NS);
    (void)outside_do("idle");
    (void)outside_do("pause");
    spin(BUSY_NS / 10);
}

static void no_register_is_on(struct check *check)
{
    for (uint32_t msr = MSR_KVM_FIRST; msr <= MSR_KVM_LAST; msr++) {
        uint64_t value = 0;
        if (pv_cpu_msr_read(msr, &value) == PV_OK)
            EXPECT(check, (value & 1) == 0, "register %x still holds %lx", msr, value);
    }
}

/* ---- standing still -------------------------------------------------------------------------- */

static volatile bool let_go;
static volatile uint64_t turns[MOST_CPUS]; /* of the loop in which a CPU stands still */

static void stand_still(void *argument)
{
    (void)argument;
    pv_irq_disable();
    while (!let_go) {
        turns[pv_this_cpu()->number]++;
        pv_cpu_relax();
    }
}

static bool goes_on(unsigned cpu)
{
    uint64_t before = turns[cpu];
    struct limit limit = limit_in(PATIENCE_NS);
    while (turns[cpu] == before && !limit_passed(&limit))
        pv_cpu_relax();
    return turns[cpu] != before;
}

static bool all_stand_still(struct check *check, unsigned count)
{
    let_go = false;
    for (unsigned cpu = 1; cpu < count; cpu++)
        smp_give(cpu, stand_still, NULL);
    for (unsigned cpu = 1; cpu < count; cpu++)
        if (!EXPECT(check, goes_on(cpu), "CPU %u does not stand still", cpu))
            return false;
    return true;
}

/* Who was not parked goes on by itself, and leaves: nobody can interrupt it any more. */
static void take_leave(struct check *check, unsigned count)
{
    uint64_t then[MOST_CPUS];
    bool parked[MOST_CPUS];
    spin(BUSY_NS / 3);
    memcpy(then, (const void *)turns, sizeof(then));
    spin(BUSY_NS / 3);
    for (unsigned cpu = 1; cpu < count; cpu++)
        parked[cpu] = turns[cpu] == then[cpu];
    for (unsigned cpu = 1; cpu < count; cpu++)
        if (!parked[cpu])
            smp_bid_leave(cpu);
    let_go = true;
    for (unsigned cpu = 1; cpu < count; cpu++) {
        EXPECT(check, parked[cpu], "CPU %u goes on behind pv_shutdown()", cpu);
        if (parked[cpu])
            smp_forget(cpu);
        else
            EXPECT(check, smp_offline(cpu) == PV_OK, "CPU %u does not go", cpu);
    }
}

/* ---- the checks ------------------------------------------------------------------------------ */

static bool come_back(struct check *check, unsigned count)
{
    struct pv_error error;
    still_going();
    for (unsigned cpu = 1; cpu < count; cpu++)
        if (!expect_ok(check, "a CPU does not come back", smp_online(cpu, &error), &error))
            return false;
    uint64_t ticks = timer_interrupts();
    sleep_ns(NS_PER_MS);
    EXPECT(check, timer_interrupts() != ticks, "the timer does not fire any more");
    return ops_work(check);
}

/* The first time what was on its way when they were shut down arrives; the second nothing does. */
static void expect_silence(struct check *check, unsigned count)
{
    let_write();
    fill(count);
    look(count);
    let_write();
    for (unsigned cpu = 0; cpu < count; cpu++)
        EXPECT(check, !is_written(cpu), "the host still writes to the records of CPU %u", cpu);
    no_register_is_on(check);
}

static bool is_bare(void)
{
    struct pv_facts facts;
    pv_facts(&facts);
    return same_text(facts.vmm, "none") && same_text(facts.backend, "native");
}

static bool skip_here(struct check *check)
{
    struct outside now;
    if (!feature_in_use("steal-time") || !feature_in_use("kvmclock"))
        skip(check, "steal-time or kvmclock is not in use");
    else if (!outside_look(&now))
        skip(check, "nobody outside can make the host write");
    return check->outcome == CHECK_SKIPPED || skip_if_bound(check);
}

static void expect_writes(struct check *check, unsigned count)
{
    look(count);
    let_write();
    for (unsigned cpu = 0; cpu < count; cpu++)
        EXPECT(check, is_written(cpu), "the host writes nothing of CPU %u while it should", cpu);
}

static void nothing_is_left(struct check *check)
{
    struct pv_error error;
    unsigned count = smp_count();
    if (skip_here(check))
        return;
    expect_writes(check, 1);
    for (unsigned cpu = 1; cpu < count; cpu++)
        EXPECT(check, smp_offline(cpu) == PV_OK, "CPU %u does not go", cpu);
    struct pv_irqflags flags = pv_irq_save();
    pv_shutdown();
    expect_silence(check, count);
    int status = pv_init(&error);
    pv_irq_restore(flags);
    if (expect_ok(check, "pv_init", status, &error) && come_back(check, count))
        expect_writes(check, 1);
}

/* All others; the rig's host has one processor, so that each of them waits for it. On a bare
 * machine nobody writes, and they are parked all the same. */
static void nothing_of_others_is_left(struct check *check)
{
    struct pv_error error;
    unsigned count = smp_count();
    bool bare = is_bare();
    if (bare ? skip_if_bound(check) : skip_here(check))
        return;
    if (skip_alone(check))
        return;
    if (!all_stand_still(check, count))
        return;
    if (!bare)
        expect_writes(check, count);
    struct pv_irqflags flags = pv_irq_save();
    pv_shutdown();
    if (!bare)
        expect_silence(check, count);
    take_leave(check, count);
    int status = pv_init(&error);
    pv_irq_restore(flags);
    if (expect_ok(check, "pv_init", status, &error))
        come_back(check, count);
}

static volatile bool seen_to;

/* On the last CPU, while the one that booted stands still with the others. */
static void shut_down_there(void *argument)
{
    struct check *check = argument;
    unsigned count = smp_count();
    pv_irq_disable();
    for (unsigned cpu = 0; cpu + 1 < count; cpu++)
        EXPECT(check, goes_on(cpu), "CPU %u does not stand still", cpu);
    expect_writes(check, count);
    pv_shutdown();
    expect_silence(check, count);
    seen_to = true;
    stand_still(NULL);
}

static void have_the_last_one_do_it(struct check *check, unsigned count)
{
    let_go = seen_to = false;
    for (unsigned cpu = 1; cpu + 1 < count; cpu++)
        smp_give(cpu, stand_still, NULL);
    smp_give(count - 1, shut_down_there, check);
    struct limit limit = limit_in(PATIENCE_NS);
    while (!seen_to && !limit_passed(&limit)) {
        turns[0]++;
        pv_cpu_relax();
    }
    EXPECT(check, seen_to, "CPU %u does not come to an end", count - 1);
}

/* The CPU that booted cannot be parked; what KVM knows of it is forgotten all the same. */
static void nothing_of_the_first_is_left(struct check *check)
{
    struct pv_error error;
    unsigned count = smp_count();
    if (skip_here(check))
        return;
    if (skip_alone(check))
        return;
    struct pv_irqflags flags = pv_irq_save();
    have_the_last_one_do_it(check, count);
    pv_shutdown();
    take_leave(check, count);
    int status = pv_init(&error);
    pv_irq_restore(flags);
    if (expect_ok(check, "pv_init", status, &error) && come_back(check, count))
        expect_writes(check, 1);
}

static const struct test stopped_tests[] = {
    {"pv_shutdown() leaves no memory that the host writes to", nothing_is_left},
    {"nor do CPUs that merely stand still then, and they are parked", nothing_of_others_is_left},
    {"nor does the CPU that booted, if another one calls pv_shutdown()",
     nothing_of_the_first_is_left},
};

const struct test_group stopped_group = TEST_GROUP(stopped);
