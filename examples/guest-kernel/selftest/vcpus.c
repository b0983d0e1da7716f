/* SPDX-License-Identifier: MIT */
/*
 * KVM's features on all CPUs of a machine that has more of them than the host has processors: each
 * CPU has registrations of its own, loses them when it goes, and waits no longer than it must.
 */
#include "selftest.h"
#include "../cpu.h"
#include "../outside.h"
#include "../smp.h"
#include "../string.h"
#include "../timer.h"

#define PATIENCE_NS (20 * NS_PER_S)

static uint64_t ms(uint64_t ns)
{
    return ns / NS_PER_MS;
}

static bool in_use(const char *feature)
{
    struct pv_facts facts;
    pv_facts(&facts);
    for (unsigned i = 0; facts.features[i] != NULL; i++)
        if (same_text(facts.features[i], feature))
            return true;
    return false;
}

static bool skip_here(struct check *check, const char *feature)
{
    if (smp_count() == 1)
        skip(check, "one CPU runs here, of %u that are listed", smp_listed());
    else if (!in_use(feature))
        skip(check, "%s is not in use", feature);
    return check->outcome == CHECK_SKIPPED;
}

static void on_all(struct check *check, void (*work)(void *argument), void *argument)
{
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        smp_give(cpu, work, argument);
    work(argument);
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        EXPECT(check, smp_done(cpu, PATIENCE_NS), "CPU %u does not come to an end", cpu);
}

/* ---- registrations --------------------------------------------------------------------------- */

/* Linux, Documentation/virt/kvm/x86/msr.rst; bit 0 of each says that it is on. */
static const struct {
    uint32_t msr;
    const char *feature;
} registrations[] = {
    {0x4b564d01, "kvmclock"},
    {0x4b564d02, "asyncpf"},
    {0x4b564d03, "steal-time"},
    {0x4b564d04, "pv-eoi"},
};

#define REGISTRATIONS (sizeof(registrations) / sizeof(registrations[0]))
#define ENABLED       1u

static volatile uint64_t held[OUTSIDE_CPUS][REGISTRATIONS];

/* The clock is registered by whoever reads it first. */
static void read_registers(void *argument)
{
    unsigned cpu = pv_this_cpu()->number;
    (void)argument;
    (void)pv_clock_ns();
    for (unsigned i = 0; i < REGISTRATIONS && cpu < OUTSIDE_CPUS; i++) {
        uint64_t value = 0;
        (void)pv_cpu_msr_read(registrations[i].msr, &value);
        held[cpu][i] = value;
    }
}

static void expect_registered(struct check *check, bool registered)
{
    on_all(check, read_registers, NULL);
    for (unsigned i = 0; i < REGISTRATIONS; i++) {
        bool due = registered && in_use(registrations[i].feature);
        for (unsigned cpu = 0; cpu < smp_count() && cpu < OUTSIDE_CPUS; cpu++) {
            EXPECT(check, (held[cpu][i] & ENABLED) == due, "CPU %u: %s is %lx", cpu,
                   registrations[i].feature, held[cpu][i]);
            for (unsigned other = 0; due && other < cpu; other++)
                EXPECT(check, held[cpu][i] != held[other][i], "CPUs %u and %u share %s", other, cpu,
                       registrations[i].feature);
        }
    }
}

static void each_is_registered(struct check *check)
{
    struct pv_error error;
    if (skip_here(check, "steal-time") || skip_if_bound(check))
        return;
    expect_registered(check, true);
    if (!expect_ok(check, "native", pv_switch("native", &error), &error))
        return;
    expect_registered(check, false);
    if (expect_ok(check, "kvm", pv_switch("kvm", &error), &error))
        expect_registered(check, true);
}

/* A CPU that is parked is not running, which KVM writes into its record if it still knows it. */
static void who_goes_is_forgotten(struct check *check)
{
    struct pv_error error;
    if (skip_here(check, "steal-time"))
        return;
    unsigned last = smp_count() - 1;
    const volatile uint8_t *record = smp_block(last)->vmm_state;
    const volatile uint8_t *clock = smp_block(last)->vmm_clock;
    uint8_t state_then[sizeof(((struct pv_cpu *)NULL)->vmm_state)];
    uint8_t clock_then[sizeof(((struct pv_cpu *)NULL)->vmm_clock)];
    EXPECT(check, smp_offline(last) == PV_OK, "CPU %u does not go", last);
    for (unsigned i = 0; i < sizeof(state_then); i++) {
        state_then[i] = record[i];
        clock_then[i] = clock[i];
    }
    (void)outside_do("pause");
    sleep_ns(50 * NS_PER_MS);
    for (unsigned i = 0; i < sizeof(state_then); i++)
        EXPECT(check, record[i] == state_then[i] && clock[i] == clock_then[i],
               "byte %u of a CPU that has gone is written", i);
    if (expect_ok(check, "it does not come back", smp_online(last, &error), &error))
        expect_registered(check, true);
}

/* ---- time ------------------------------------------------------------------------------------ */

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

/* Each read is compared with the newest that any CPU had seen before it. */
static void one_clock(struct check *check)
{
    if (skip_here(check, "kvmclock"))
        return;
    newest = reads = worst = 0;
    uint64_t start = pv_clock_ns();
    on_all(check, read_clock, NULL);
    print("# %lu reads on %u CPUs, %s, in %lu ms\n", reads, smp_count(),
          in_use("kvmclock-stable") ? "stable" : "not stable", ms(pv_clock_ns() - start));
    EXPECT(check, reads == READS / smp_count() * smp_count(), "%lu reads", reads);
    EXPECT(check, worst == 0, "a CPU was %lu ns behind another", worst);
}

#define STEAL_NS (3 * NS_PER_S)
#define LOOKS    5u

static volatile bool stop;
static volatile uint64_t told[OUTSIDE_CPUS];

static void tell_stolen(void *argument)
{
    (void)argument;
    while (!stop)
        told[pv_this_cpu()->number % OUTSIDE_CPUS] = pv_steal_ns();
}

/* The host's word lies between two looks of the guest's own. */
struct look {
    uint64_t before[OUTSIDE_CPUS];
    uint64_t waited[OUTSIDE_CPUS];
    uint64_t after[OUTSIDE_CPUS];
};

static void copy_told(uint64_t *to)
{
    told[0] = pv_steal_ns();
    for (unsigned cpu = 0; cpu < OUTSIDE_CPUS; cpu++)
        to[cpu] = told[cpu];
}

/* Of several the one whose answer came soonest: on a busy machine it may take a while. */
static bool look_at_all(struct look *best)
{
    uint64_t shortest = UINT64_MAX;
    for (unsigned i = 0; i < LOOKS; i++) {
        struct look look;
        copy_told(look.before);
        if (!outside_waited(look.waited))
            return false;
        copy_told(look.after);
        if (look.after[0] - look.before[0] >= shortest)
            continue;
        shortest = look.after[0] - look.before[0];
        *best = look;
    }
    return true;
}

static void compare(struct check *check, unsigned cpu, const struct look looks[2])
{
    uint64_t least = looks[1].before[cpu] - looks[0].after[cpu];
    uint64_t most = looks[1].after[cpu] - looks[0].before[cpu];
    uint64_t waited = looks[1].waited[cpu] - looks[0].waited[cpu];
    print("# CPU %u: %lu to %lu ms stolen, %lu ms by the host's scheduler\n", cpu, ms(least),
          ms(most), ms(waited));
    EXPECT(check, least > STEAL_NS / 4, "CPU %u: %lu ns stolen", cpu, least);
    EXPECT(check, waited >= least - least / 10 && waited <= most + most / 10,
           "CPU %u: %lu to %lu ns stolen, the host says %lu", cpu, least, most, waited);
}

static void spin(uint64_t ns)
{
    struct limit limit = limit_in(ns);
    while (!limit_passed(&limit))
        pv_cpu_relax();
}

/* All CPUs want the one processor that the rig's host has. */
static void steal_agrees(struct check *check)
{
    struct look looks[2];
    if (skip_here(check, "steal-time"))
        return;
    if (!outside_waited(looks[0].waited)) {
        skip(check, "nobody outside tells what the host's scheduler knows");
        return;
    }
    stop = false;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        smp_give(cpu, tell_stolen, NULL);
    spin(NS_PER_S / 5);
    bool looked = look_at_all(&looks[0]);
    spin(STEAL_NS);
    looked = look_at_all(&looks[1]) && looked;
    stop = true;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        EXPECT(check, smp_done(cpu, PATIENCE_NS), "CPU %u does not come to an end", cpu);
    if (!EXPECT(check, looked, "the host has fallen silent"))
        return;
    for (unsigned cpu = 0; cpu < smp_count() && cpu < OUTSIDE_CPUS; cpu++)
        compare(check, cpu, looks);
}

/* ---- interrupts ------------------------------------------------------------------------------ */

#define SENT   100u
#define NOBODY 0xfffffff0u /* no local APIC has this identity */

static volatile unsigned arrived;

static void count(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
    __atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED);
}

static bool arrives(unsigned wanted)
{
    struct limit limit = limit_in(PATIENCE_NS);
    while (arrived < wanted && !limit_passed(&limit))
        pv_cpu_relax();
    return arrived == wanted;
}

/* Those by which the processor was given away to a CPU that had none are counted apart. */
static void others_are_one_hypercall(struct check *check)
{
    struct outside before, after;
    struct pv_cpu_set others = {{0}};
    if (skip_here(check, "pv-ipi"))
        return;
    if (!outside_look(&before)) {
        skip(check, "nobody outside tells what the host counts");
        return;
    }
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        pv_cpu_set_add(&others, cpu);
    int vector = pv_irq_alloc(count, NULL);
    arrived = 0;
    bool looked = outside_look(&before);
    for (unsigned i = 1; i <= SENT && check->outcome == CHECK_PASSED; i++) {
        pv_smp_ipi_many(&others, (uint8_t)vector);
        EXPECT(check, arrives(i * (smp_count() - 1)), "%u arrived, of the %u. time", arrived, i);
    }
    looked = outside_look(&after) && looked;
    pv_irq_free(vector);
    uint64_t calls = after.hypercalls - before.hypercalls, yields = after.yields - before.yields;
    print("# %u times to %u CPUs: %lu hypercalls, %lu more to yield\n", SENT, smp_count() - 1,
          calls - yields, yields);
    EXPECT(check, looked, "the host has fallen silent");
    EXPECT(check, calls - yields == SENT, "%lu hypercalls for %u times", calls - yields, SENT);
}

/* What kvm-unit-tests try with a hypercall of their own: apic.c, test_pv_ipi(). */
static void nobody_is_no_harm(struct check *check)
{
    struct pv_cpu_set last = {{0}};
    if (skip_here(check, "pv-ipi"))
        return;
    struct pv_cpu *block = smp_block(smp_count() - 1);
    uint32_t apic_id = block->apic_id;
    pv_cpu_set_add(&last, block->number);
    int vector = pv_irq_alloc(count, NULL);
    arrived = 0;
    preempt_off();
    block->apic_id = NOBODY;
    pv_smp_ipi_many(&last, (uint8_t)vector);
    pv_smp_ipi(block->number, (uint8_t)vector);
    block->apic_id = apic_id;
    preempt_on();
    sleep_ns(10 * NS_PER_MS);
    EXPECT(check, arrived == 0, "%u arrived that went to nobody", arrived);
    pv_smp_ipi_many(&last, (uint8_t)vector);
    EXPECT(check, arrives(1), "%u arrived", arrived);
    pv_irq_free(vector);
}

/* ---- locks ----------------------------------------------------------------------------------- */

#define HOLD_NS (500 * NS_PER_MS)

static struct pv_spinlock contended = PV_SPINLOCK_FREE;
static volatile unsigned waiting, served;

static void wait_for_lock(void *argument)
{
    (void)argument;
    struct pv_irqflags flags = pv_irq_save();
    __atomic_add_fetch(&waiting, 1, __ATOMIC_RELAXED);
    pv_spin_lock(&contended);
    served++;
    pv_spin_unlock(&contended);
    pv_irq_restore(flags);
}

/* Only CPUs that wait for the lock can halt while this one spins with it. */
static void all_waiters_halt(struct check *check)
{
    struct outside before, after;
    if (skip_here(check, "pv-unhalt"))
        return;
    if (!outside_look(&before)) {
        skip(check, "nobody outside counts halts");
        return;
    }
    waiting = served = 0;
    preempt_off();
    pv_spin_lock(&contended);
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        smp_give(cpu, wait_for_lock, NULL);
    struct limit begun = limit_in(PATIENCE_NS);
    while (waiting < smp_count() - 1 && !limit_passed(&begun))
        pv_cpu_relax();
    spin(HOLD_NS);
    bool looked = outside_look(&after);
    unsigned early = served;
    pv_spin_unlock(&contended);
    preempt_on();
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        EXPECT(check, smp_done(cpu, PATIENCE_NS), "CPU %u is not served", cpu);
    print("# %lu halts while %u waited\n", after.halts - before.halts, waiting);
    EXPECT(check, looked && early == 0, "%u were served too early", early);
    EXPECT(check, after.halts - before.halts >= smp_count() - 1, "a waiter spins for ever");
    EXPECT(check, served == smp_count() - 1, "%u of %u were served", served, smp_count() - 1);
}

static const struct test vcpus_tests[] = {
    {"each CPU is registered with KVM by itself, and under another backend no longer",
     each_is_registered},
    {"the clock does not go backwards in ten million reads over all CPUs", one_clock},
    {"KVM writes nothing to the memory of a CPU that has gone", who_goes_is_forgotten},
    {"with more CPUs than processors stolen time is on each what the host says", steal_agrees},
    {"an interrupt to all other CPUs is one hypercall", others_are_one_hypercall},
    {"an interrupt to CPUs that are not there is no harm", nobody_is_no_harm},
    {"all that wait for a lock halt, and each is served", all_waiters_halt},
};

const struct test_group vcpus_group = TEST_GROUP(vcpus);
