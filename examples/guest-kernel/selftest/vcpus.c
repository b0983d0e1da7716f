/* SPDX-License-Identifier: MIT */
/*
 * KVM's features on all CPUs of a machine that has more of them than the host has processors: each
 * CPU has registrations of its own, loses them when it goes, and waits no longer than it must.
 */
#include "vcpus.h"
#include "../cpu.h"
#include "../memory.h"
#include "../outside.h"
#include "../smp.h"
#include "../string.h"
#include "../timer.h"

#define PATIENCE_NS (20 * NS_PER_S)

bool vcpus_skip(struct check *check, const char *feature)
{
    if (!skip_alone(check) && !feature_in_use(feature))
        skip(check, "%s is not in use", feature);
    return check->outcome == CHECK_SKIPPED;
}

void vcpus_do(struct check *check, void (*work)(void *argument), void *argument)
{
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        smp_give(cpu, work, argument);
    work(argument);
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        EXPECT(check, smp_done(cpu, PATIENCE_NS), "CPU %u does not come to an end", cpu);
}

void vcpus_spin(uint64_t ns)
{
    struct limit limit = limit_in(ns);
    while (!limit_passed(&limit))
        pv_cpu_relax();
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
    vcpus_do(check, read_registers, NULL);
    for (unsigned i = 0; i < REGISTRATIONS; i++) {
        bool due = registered && feature_in_use(registrations[i].feature);
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
    if (vcpus_skip(check, "steal-time") || skip_if_bound(check))
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
    if (vcpus_skip(check, "steal-time"))
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
    if (vcpus_skip(check, "pv-ipi"))
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
    if (vcpus_skip(check, "pv-ipi"))
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
    if (vcpus_skip(check, "pv-unhalt"))
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
    vcpus_spin(HOLD_NS);
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

/* ---- who has no processor -------------------------------------------------------------------- */

#define FLUSHES 50u
#define LOOKS   2000000u
#define YIELDS  50u

static volatile bool others_stop;
static volatile uint64_t generation; /* what each page that can be read now holds at least */
static volatile uint64_t stale;      /* reads of what had been unmapped before */

static void read_page(void *argument)
{
    const volatile uint64_t *page = argument;
    while (!others_stop) {
        uint64_t least = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);
        if (*page < least)
            __atomic_add_fetch(&stale, 1, __ATOMIC_RELAXED);
        pv_cpu_relax();
    }
}

static void others_begin(void)
{
    others_stop = false;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        smp_give(cpu, read_page, (void *)SCRATCH_BASE);
}

static void others_end(struct check *check)
{
    others_stop = true;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        EXPECT(check, smp_done(cpu, PATIENCE_NS), "CPU %u does not come to an end", cpu);
}

/* Global translations, which only dropping takes away; each time to the page that was not in use.
 */
static void remap_often(struct check *check, const uint64_t pages[2])
{
    struct pv_cpu_set others = {{0}};
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        pv_cpu_set_add(&others, cpu);
    for (uint64_t i = 1; i <= FLUSHES && check->outcome == CHECK_PASSED; i++) {
        preempt_off();
        *(volatile uint64_t *)direct(pages[i % 2]) = i;
        paging_map(kernel_space, SCRATCH_BASE, pages[i % 2], MAP_KERNEL_DATA);
        int status = pv_tlb_flush_others(&others, SCRATCH_BASE, SCRATCH_BASE + PAGE_BYTES);
        __atomic_store_n(&generation, i, __ATOMIC_RELEASE);
        preempt_on();
        EXPECT(check, status == PV_OK, "status %d", status);
        if (i % 10 == 0)
            vcpus_spin(20 * NS_PER_MS); /* the others come by */
    }
}

static void flush_with_pages(struct check *check, const uint64_t pages[2])
{
    struct outside before, after;
    generation = stale = 0;
    paging_map(kernel_space, SCRATCH_BASE, pages[0], MAP_KERNEL_DATA);
    /* While the others halt: an answer takes long where everybody wants the processor. */
    bool looked = outside_look(&before);
    others_begin();
    remap_often(check, pages);
    vcpus_spin(100 * NS_PER_MS);
    others_end(check);
    looked = outside_look(&after) && looked;
    paging_unmap(kernel_space, SCRATCH_BASE);
    uint64_t calls = after.hypercalls - before.hypercalls - (after.yields - before.yields);
    print("# %u flushes of %u CPUs: %lu hypercalls to ask\n", FLUSHES, smp_count() - 1, calls);
    EXPECT(check, looked, "the host has fallen silent");
    EXPECT(check, stale == 0, "%lu reads of what had been unmapped", stale);
    if (feature_in_use("pv-tlb-flush"))
        EXPECT(check, calls < FLUSHES / 2, "%lu hypercalls to ask whoever is not running", calls);
    else
        EXPECT(check, calls >= FLUSHES, "%lu hypercalls, and nobody may be left out", calls);
}

/* While this CPU runs the others cannot, where the host has one processor. */
static void preempted_flush_later(struct check *check)
{
    struct outside now;
    if (vcpus_skip(check, "pv-ipi"))
        return;
    uint64_t pages[2] = {page_alloc(), page_alloc()};
    if (!outside_look(&now))
        skip(check, "nobody outside tells what the host counts");
    else if (EXPECT(check, pages[0] != 0 && pages[1] != 0, "no memory"))
        flush_with_pages(check, pages);
    page_free(pages[0]);
    page_free(pages[1]);
}

static uint64_t seen_preempted(void)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < LOOKS && seen == 0; i++)
        seen += pv_vcpu_is_preempted(1);
    return seen;
}

/* With one processor, who looks is running, and whoever else wants to is not. */
static void preempted_are_seen(struct check *check)
{
    struct outside before, after;
    if (vcpus_skip(check, "steal-time"))
        return;
    if (!outside_look(&before)) {
        skip(check, "nobody outside tells what the host counts");
        return;
    }
    uint64_t page = page_alloc();
    if (!EXPECT(check, page != 0, "no memory"))
        return;
    paging_map(kernel_space, SCRATCH_BASE, page, MAP_KERNEL_DATA);
    EXPECT(check, !pv_vcpu_is_preempted(0), "this CPU runs, and is said to be preempted");
    bool looked = outside_look(&before);
    others_begin();
    vcpus_spin(50 * NS_PER_MS);
    uint64_t seen = seen_preempted();
    for (unsigned i = 0; i < YIELDS; i++)
        pv_smp_yield_to(1);
    others_end(check);
    looked = outside_look(&after) && looked;
    paging_unmap(kernel_space, SCRATCH_BASE);
    page_free(page);
    print("# %u times the processor was offered, %lu times by a hypercall\n", YIELDS,
          after.yields - before.yields);
    EXPECT(check, looked, "the host has fallen silent");
    EXPECT(check, seen != 0, "a CPU without a processor is never said to be preempted");
    if (feature_in_use("pv-sched-yield"))
        EXPECT(check, after.yields - before.yields >= YIELDS / 2, "it is offered %lu times",
               after.yields - before.yields);
}

static const struct test vcpus_tests[] = {
    {"each CPU is registered with KVM by itself, and under another backend no longer",
     each_is_registered},
    {"the clock does not go backwards in ten million reads over all CPUs", vcpus_one_clock},
    {"each CPU reads its own record of the clock", vcpus_clock_is_each_cpu_s_own},
    {"KVM's wall clock is told by each CPU, though it has not read its clock yet",
     vcpus_wall_clock_is_everywhere},
    {"a stop of the machine is told once on each CPU", vcpus_stop_is_told_everywhere},
    {"KVM writes nothing to the memory of a CPU that has gone", who_goes_is_forgotten},
    {"a preempted CPU is not asked to flush, and flushes before it runs", preempted_flush_later},
    {"a CPU without a processor is seen to be preempted, and is offered this one's",
     preempted_are_seen},
    {"with more CPUs than processors stolen time is on each what the host says",
     vcpus_steal_agrees},
    {"an interrupt to all other CPUs is one hypercall", others_are_one_hypercall},
    {"an interrupt to CPUs that are not there is no harm", nobody_is_no_harm},
    {"all that wait for a lock halt, and each is served", all_waiters_halt},
};

const struct test_group vcpus_group = TEST_GROUP(vcpus);
