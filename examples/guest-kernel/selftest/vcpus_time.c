/* SPDX-License-Identifier: MIT */
/*
 * What KVM tells of time on all CPUs of a machine that has more of them than the host has
 * processors: one clock, though each CPU reads a record of its own; the wall clock; stops; and
 * stolen time.
 */
#include "vcpus.h"
#include "../cpu.h"
#include "../outside.h"
#include "../smp.h"
#include "../timer.h"

static uint64_t ms(uint64_t ns)
{
    return ns / NS_PER_MS;
}

#define READS 10000000u

static uint64_t newest;         /* that any CPU has been told */
static volatile uint64_t reads; /* of all CPUs */
static volatile uint64_t worst; /* by how much one was behind */

static void read_and_compare(uint64_t *behind)
{
    uint64_t before = __atomic_load_n(&newest, __ATOMIC_SEQ_CST);
    uint64_t now = pv_clock_ns();
    if (now < before && before - now > *behind)
        *behind = before - now;
    while (now > before && !__atomic_compare_exchange_n(&newest, &before, now, false,
                                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
}

static void read_clock(void *argument)
{
    uint64_t behind = 0;
    unsigned each = READS / smp_count();
    (void)argument;
    for (unsigned i = 0; i < each; i++) {
        read_and_compare(&behind);
        if (i % 100000 == 0 && pv_this_cpu()->number == 0)
            still_going();
    }
    __atomic_add_fetch(&reads, each, __ATOMIC_RELAXED);
    if (behind > worst)
        worst = behind;
}

/* Of KVM's record of a CPU: Linux, Documentation/virt/kvm/x86/msr.rst, MSR_KVM_SYSTEM_TIME_NEW. */
struct clock_record {
    uint32_t version;
    uint32_t zero;
    uint64_t tsc_timestamp;
    uint64_t system_time;
};

static uint32_t versions[OUTSIDE_CPUS];

static volatile struct clock_record *own_record(void)
{
    return (volatile struct clock_record *)(void *)pv_this_cpu()->vmm_clock;
}

/* As KVM would do it: whoever has a copy sees another version. It lies in this kernel's memory.
 * Each CPU by one step more. */
static void put_ahead(void *argument)
{
    unsigned cpu = pv_this_cpu()->number;
    const uint64_t *step_ns = argument;
    struct pv_irqflags flags = pv_irq_save();
    (void)pv_clock_ns(); /* by which it is registered */
    own_record()->system_time += cpu * *step_ns;
    own_record()->version += 2;
    versions[cpu % OUTSIDE_CPUS] = own_record()->version;
    (void)pv_clock_ns(); /* so that it counts though KVM should write the record again */
    pv_irq_restore(flags);
}

/* More than the host takes from one CPU to the next. */
#define DIFFERENCE_NS (50 * NS_PER_MS)

/* Each read is compared with the newest that any CPU had seen before it. Where KVM does not vouch
 * for records of different CPUs they are made to differ: on one processor they might never. */
void vcpus_one_clock(struct check *check)
{
    uint64_t step_ns = DIFFERENCE_NS;
    if (vcpus_skip(check, "kvmclock"))
        return;
    newest = reads = worst = 0;
    if (!feature_in_use("kvmclock-stable"))
        vcpus_do(check, put_ahead, &step_ns);
    uint64_t start = pv_clock_ns();
    vcpus_do(check, read_clock, NULL);
    print("# %lu reads on %u CPUs, %s, in %lu ms\n", reads, smp_count(),
          feature_in_use("kvmclock-stable") ? "stable" : "not stable", ms(pv_clock_ns() - start));
    EXPECT(check, reads == READS / smp_count() * smp_count(), "%lu reads", reads);
    EXPECT(check, worst == 0, "a CPU was %lu ns behind another", worst);
}

#define AHEAD_NS    (10 * NS_PER_S)
#define CLOCK_LOOKS 50u
#define CLOCK_TRIES 5u

/* Clock and counter of a CPU at one moment, before its record was put ahead, and behind that. */
static struct moment {
    uint64_t ns, ticks;
} moments[2][OUTSIDE_CPUS];

/* Of several looks the one that took least time. */
static void look_at_clock(void *argument)
{
    struct moment *moment = (struct moment *)argument + pv_this_cpu()->number % OUTSIDE_CPUS;
    uint64_t shortest = UINT64_MAX;
    for (unsigned i = 0; i < CLOCK_LOOKS; i++) {
        uint64_t before = read_tsc(), ns = pv_clock_ns(), took = read_tsc() - before;
        if (took < shortest)
            *moment = (struct moment){ns, before};
        shortest = took < shortest ? took : shortest;
    }
}

static void see_version(void *argument)
{
    bool *same = argument;
    if (own_record()->version != versions[pv_this_cpu()->number % OUTSIDE_CPUS])
        __atomic_store_n(same, false, __ATOMIC_RELAXED);
}

/* False: KVM has written a record meanwhile, and nothing is known. */
static bool put_all_ahead(struct check *check)
{
    uint64_t step_ns = AHEAD_NS;
    bool same = true;
    vcpus_do(check, look_at_clock, moments[0]);
    vcpus_do(check, put_ahead, &step_ns);
    vcpus_do(check, look_at_clock, moments[1]);
    vcpus_do(check, see_version, &same);
    return same;
}

static void expect_ahead(struct check *check)
{
    for (unsigned cpu = 0; cpu < smp_count() && cpu < OUTSIDE_CPUS; cpu++) {
        const struct moment *from = &moments[0][cpu], *to = &moments[1][cpu];
        uint64_t by_ticks = (to->ticks - from->ticks) * 1000 / pv_tsc_khz() * 1000;
        uint64_t ahead = to->ns - from->ns - by_ticks + AHEAD_NS / 2;
        EXPECT(check, ahead / AHEAD_NS == cpu, "CPU %u is %ld ms ahead", cpu,
               (int64_t)(ahead - AHEAD_NS / 2) / (int64_t)NS_PER_MS);
    }
}

/* Each record is put ahead by so much as no other, that of the first CPU by nothing. Backends that
 * change begin with KVM's own records again. */
void vcpus_clock_is_each_cpu_s_own(struct check *check)
{
    struct pv_error error;
    bool known = false;
    if (vcpus_skip(check, "kvmclock-stable") || skip_if_bound(check))
        return;
    for (unsigned i = 0; i < CLOCK_TRIES && !known; i++) {
        known = put_all_ahead(check);
        if (known)
            expect_ahead(check);
        if (!expect_ok(check, "native", pv_switch("native", &error), &error) ||
            !expect_ok(check, "kvm", pv_switch("kvm", &error), &error))
            return;
    }
    EXPECT(check, known, "KVM writes its records all the time");
}

static volatile uint64_t wall_ns[OUTSIDE_CPUS];
static volatile bool stopped[OUTSIDE_CPUS], stopped_again[OUTSIDE_CPUS];

static void read_wall(void *argument)
{
    uint64_t unix_ns = 0;
    (void)argument;
    if (pv_wallclock(&unix_ns) != PV_OK)
        unix_ns = 0;
    wall_ns[pv_this_cpu()->number % OUTSIDE_CPUS] = unix_ns;
}

/* That of the machine's own clock chip has whole seconds only, and is what is told by a CPU whose
 * record cannot be read. After a change of backends no further CPU has read its own yet. */
void vcpus_wall_clock_is_everywhere(struct check *check)
{
    struct pv_error error;
    if (vcpus_skip(check, "kvmclock") || skip_if_bound(check))
        return;
    if (!expect_ok(check, "native", pv_switch("native", &error), &error) ||
        !expect_ok(check, "kvm", pv_switch("kvm", &error), &error))
        return;
    uint64_t start = pv_clock_ns();
    vcpus_do(check, read_wall, NULL);
    uint64_t most_apart = NS_PER_S / 100 + pv_clock_ns() - start;
    for (unsigned cpu = 0; cpu < smp_count() && cpu < OUTSIDE_CPUS; cpu++) {
        uint64_t apart = wall_ns[cpu] - wall_ns[0];
        EXPECT(check, wall_ns[cpu] % NS_PER_S != 0, "CPU %u: %lu is of another clock", cpu,
               wall_ns[cpu]);
        EXPECT(check, apart <= most_apart || 0 - apart <= most_apart, "CPU %u: %lu, CPU 0: %lu",
               cpu, wall_ns[cpu], wall_ns[0]);
    }
}

static void ask_whether_stopped(void *argument)
{
    unsigned cpu = pv_this_cpu()->number % OUTSIDE_CPUS;
    (void)argument;
    preempt_off();
    stopped[cpu] = pv_clock_was_stopped();
    stopped_again[cpu] = pv_clock_was_stopped();
    preempt_on();
}

void vcpus_stop_is_told_everywhere(struct check *check)
{
    if (vcpus_skip(check, "kvmclock"))
        return;
    vcpus_do(check, ask_whether_stopped, NULL);
    if (!outside_do("pause")) {
        skip(check, "nobody outside can stop this machine");
        return;
    }
    vcpus_do(check, ask_whether_stopped, NULL);
    for (unsigned cpu = 0; cpu < smp_count() && cpu < OUTSIDE_CPUS; cpu++) {
        EXPECT(check, stopped[cpu], "the machine was stopped, and CPU %u not told", cpu);
        EXPECT(check, !stopped_again[cpu], "CPU %u was told twice", cpu);
    }
}

#define STEAL_NS (3 * NS_PER_S)

static volatile uint64_t told[OUTSIDE_CPUS];

static void tell_stolen(void *argument)
{
    (void)argument;
    told[pv_this_cpu()->number % OUTSIDE_CPUS] = pv_steal_ns();
}

static void spin_long(void *argument)
{
    (void)argument;
    vcpus_spin(STEAL_NS);
}

struct look {
    uint64_t stolen[OUTSIDE_CPUS];
    uint64_t waited[OUTSIDE_CPUS];
};

/* While the other CPUs halt: who wants nothing is not made to wait, however long the answer takes.
 */
static bool look_at_all(struct check *check, struct look *look)
{
    vcpus_do(check, tell_stolen, NULL);
    for (unsigned cpu = 0; cpu < OUTSIDE_CPUS; cpu++)
        look->stolen[cpu] = told[cpu];
    return outside_waited(look->waited);
}

static void compare(struct check *check, unsigned cpu, const struct look looks[2])
{
    uint64_t stolen = looks[1].stolen[cpu] - looks[0].stolen[cpu];
    uint64_t waited = looks[1].waited[cpu] - looks[0].waited[cpu];
    uint64_t difference = stolen > waited ? stolen - waited : waited - stolen;
    print("# CPU %u: %lu ms stolen, %lu ms by the host's scheduler\n", cpu, ms(stolen), ms(waited));
    EXPECT(check, stolen > STEAL_NS / 4, "CPU %u: %lu ns stolen", cpu, stolen);
    EXPECT(check, difference <= waited / 10, "CPU %u: %lu ns stolen, the host says %lu", cpu,
           stolen, waited);
}

/* All CPUs want the one processor that the rig's host has. */
void vcpus_steal_agrees(struct check *check)
{
    struct look looks[2];
    if (vcpus_skip(check, "steal-time"))
        return;
    if (!look_at_all(check, &looks[0])) {
        skip(check, "nobody outside tells what the host's scheduler knows");
        return;
    }
    vcpus_do(check, spin_long, NULL);
    if (!EXPECT(check, look_at_all(check, &looks[1]), "the host has fallen silent"))
        return;
    for (unsigned cpu = 0; cpu < smp_count() && cpu < OUTSIDE_CPUS; cpu++)
        compare(check, cpu, looks);
}
