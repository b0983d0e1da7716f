/* SPDX-License-Identifier: MIT */
/*
 * More CPUs than one: what each has for itself, and what they do to each other.
 */
#include "../smp.h"
#include "selftest.h"
#include "../cpu.h"
#include "../memory.h"
#include "../string.h"
#include "../timer.h"
#include "../traps.h"

#define PATIENCE_NS  (10 * NS_PER_S)
#define MESSAGES     100u
#define TURNS_OF_ALL 400u
#define ASKS_OF_ALL  200u
#define LAPS         10u
#define NMIS         20u

/* Runs work on every other CPU at once. */
static void give_all(void (*work)(void *argument), void *argument)
{
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        if (smp_is_up(cpu))
            smp_give(cpu, work, argument);
}

static void wait_for_all(struct check *check)
{
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        if (smp_is_up(cpu))
            EXPECT(check, smp_done(cpu, PATIENCE_NS), "CPU %u does not come to an end", cpu);
}

/* ---- what each has for itself ---------------------------------------------------------------- */

#define LEAF_FEATURES 1u
#define EBX           1

static struct {
    uint32_t number;
    uint32_t apic_id;
    uint32_t told_id; /* by CPUID, the lowest eight bits */
    struct pv_cpu *block;
} seen[MOST_CPUS];

static void look(void *argument)
{
    uint32_t regs[4];
    struct pv_cpu *cpu = pv_this_cpu();
    (void)argument;
    pv_cpu_cpuid(LEAF_FEATURES, 0, regs);
    seen[cpu->number].number = cpu->number;
    seen[cpu->number].apic_id = cpu->apic_id;
    seen[cpu->number].told_id = regs[EBX] >> 24;
    seen[cpu->number].block = cpu;
}

static void each_is_itself(struct check *check)
{
    if (skip_alone(check))
        return;
    look(NULL);
    give_all(look, NULL);
    wait_for_all(check);
    for (unsigned cpu = 0; cpu < smp_count(); cpu++) {
        EXPECT(check, seen[cpu].number == cpu && seen[cpu].block == smp_block(cpu),
               "CPU %u has the block of %u", cpu, seen[cpu].number);
        /* A kernel that is not in ring 0 has no local APIC, and its VMM's numbers instead. */
        EXPECT(check, !privileged() || (seen[cpu].apic_id & 0xff) == seen[cpu].told_id,
               "CPU %u: local APIC %u, and by CPUID %u", cpu, seen[cpu].apic_id, seen[cpu].told_id);
        for (unsigned other = 0; other < cpu; other++)
            EXPECT(check, seen[other].apic_id != seen[cpu].apic_id, "CPUs %u and %u are one", other,
                   cpu);
    }
}

static void all_that_are_listed_run(struct check *check)
{
    unsigned up = 0;
    if (skip_alone(check))
        return;
    for (unsigned cpu = 0; cpu < smp_count(); cpu++)
        up += smp_is_up(cpu);
    if (up != smp_listed())
        skip(check, "%u of %u run, as asked for", up, smp_listed());
}

/* ---- interrupts ------------------------------------------------------------------------------ */

static volatile unsigned arrived;
static volatile unsigned arrived_at;
static volatile bool any;

static void count(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
    arrived_at = pv_this_cpu()->number;
    arrived++;
    any = true;
}

static bool send(struct check *check, unsigned cpu, uint8_t vector)
{
    any = false;
    pv_smp_ipi(cpu, vector);
    return EXPECT(check, wait_for(&any, PATIENCE_NS), "nothing arrived at CPU %u", cpu) &&
           EXPECT(check, arrived_at == cpu, "it arrived at CPU %u and not at %u", arrived_at, cpu);
}

static void interrupts_arrive(struct check *check)
{
    if (skip_alone(check))
        return;
    int vector = pv_irq_alloc(count, NULL);
    if (!EXPECT(check, vector >= 0, "no vector: %d", vector))
        return;
    /* Where very many share a processor each message takes a turn of all. */
    unsigned each = smp_count() > 8 ? MESSAGES / 10 : MESSAGES;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++) {
        arrived = 0;
        for (unsigned i = 0; i < each; i++)
            if (!send(check, cpu, (uint8_t)vector))
                break;
        EXPECT(check, arrived == each, "%u of %u arrived at CPU %u", arrived, each, cpu);
    }
    pv_irq_free(vector);
}

static volatile unsigned ran_on[MOST_CPUS];
static volatile unsigned ran;

static void run_here(void *argument, const struct pv_regs *regs)
{
    (void)regs;
    ran_on[pv_this_cpu()->number] += (unsigned)(uintptr_t)argument;
    __atomic_add_fetch(&ran, 1, __ATOMIC_RELEASE);
}

static void functions_run(struct check *check)
{
    if (skip_alone(check))
        return;
    for (unsigned cpu = 0; cpu < MOST_CPUS; cpu++)
        ran_on[cpu] = 0;
    ran = 0;
    for (unsigned i = 1; i <= MESSAGES; i++) {
        struct limit limit = limit_in(PATIENCE_NS);
        smp_run_on_others(run_here, (void *)1);
        while (ran < i * (smp_count() - 1) && !limit_passed(&limit))
            pv_cpu_relax();
    }
    EXPECT(check, ran_on[0] == 0, "it ran on the CPU that asked");
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        EXPECT(check, ran_on[cpu] == MESSAGES, "%u times of %u on CPU %u", ran_on[cpu], MESSAGES,
               cpu);
}

static void nothing(void *argument)
{
    (void)argument;
}

/*
 * Until a CPU has left the handler: Xen lets the next NMI in one instruction before the end of the
 * last, and holds it up by an interrupt shadow, which QEMU before 9.1 forgets. The frame of the
 * next one would then lie where the last one's is.
 */
static void await_end_of_nmi(unsigned cpu)
{
    if (cpu == 0)
        return;
    smp_give(cpu, nothing, NULL);
    (void)smp_done(cpu, PATIENCE_NS);
}

static void send_nmis(struct check *check, unsigned cpu)
{
    uint32_t before = cpus[cpu].nmis;
    for (unsigned i = 1; i <= NMIS; i++) {
        struct limit limit = limit_in(PATIENCE_NS);
        int status = pv_smp_nmi(cpu);
        if (status == PV_E_UNSUPPORTED) {
            skip(check, "this backend has no way to send one");
            return;
        }
        EXPECT(check, status == PV_OK, "status %d", status);
        while (cpus[cpu].nmis - before < i && !limit_passed(&limit))
            pv_cpu_relax();
        await_end_of_nmi(cpu);
    }
    sleep_ns(NS_PER_MS);
    EXPECT(check, cpus[cpu].nmis - before == NMIS, "%u of %u arrived at CPU %u",
           cpus[cpu].nmis - before, NMIS, cpu);
}

static void nmis_arrive_here(struct check *check)
{
    if (skip_without_ipi(check))
        return;
    nmis_expected = true;
    send_nmis(check, 0);
    nmis_expected = false;
}

static void nmis_arrive_elsewhere(struct check *check)
{
    if (skip_alone(check))
        return;
    nmis_expected = true;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        send_nmis(check, cpu);
    EXPECT(check, pv_smp_nmi(MOST_CPUS) == PV_E_RANGE, "a CPU that is not there was sent one");
    nmis_expected = false;
}

/* ---- memory ---------------------------------------------------------------------------------- */

#define OLD 0x01du
#define NEW 0x4e3u

static volatile uint64_t *const shared_page = (volatile uint64_t *)SCRATCH_BASE;
static volatile unsigned step;
static volatile unsigned answered;
static volatile uint64_t answers[MOST_CPUS];

/* Reads the page at two steps, so that its translation is known when it changes. */
static void read_at_each_step(void *argument)
{
    unsigned last = 0;
    (void)argument;
    while (last < 2) {
        if (step == last) {
            pv_cpu_relax();
            continue;
        }
        last = step;
        answers[pv_this_cpu()->number] = *shared_page;
        __atomic_add_fetch(&answered, 1, __ATOMIC_RELEASE);
    }
}

static void expect_read(struct check *check, unsigned at_step, uint64_t expected)
{
    struct limit limit = limit_in(PATIENCE_NS);
    answered = 0;
    step = at_step;
    while (answered < smp_count() - 1 && !limit_passed(&limit))
        pv_cpu_relax();
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        EXPECT(check, answers[cpu] == expected, "CPU %u read %lx and not %lx", cpu, answers[cpu],
               expected);
}

#define ALL_CPUS MOST_CPUS

/* The translation is global, so only dropping it takes it away: on one CPU after the other, or on
 * all at once. */
static int drop(unsigned which, uintptr_t end)
{
    struct pv_cpu_set asked = {{0}};
    for (unsigned cpu = 0; cpu < MOST_CPUS; cpu++)
        if (which == ALL_CPUS || cpu == which)
            pv_cpu_set_add(&asked, cpu);
    preempt_off();
    int status = pv_tlb_flush_others(&asked, SCRATCH_BASE, end);
    preempt_on();
    return status;
}

static void remap(struct check *check, const uint64_t pages[2], uintptr_t end, bool at_once)
{
    int status = PV_OK;
    step = 0;
    paging_map(kernel_space, SCRATCH_BASE, pages[0], MAP_KERNEL_DATA);
    give_all(read_at_each_step, NULL);
    expect_read(check, 1, OLD);
    paging_map(kernel_space, SCRATCH_BASE, pages[1], MAP_KERNEL_DATA);
    for (unsigned cpu = at_once ? ALL_CPUS : 1; cpu <= ALL_CPUS && status == PV_OK; cpu++)
        if (cpu == ALL_CPUS ? at_once : smp_is_up(cpu))
            status = drop(cpu, end);
    EXPECT(check, status == PV_OK, "status %d", status);
    expect_read(check, 2, NEW);
    wait_for_all(check);
    paging_unmap(kernel_space, SCRATCH_BASE);
}

static void with_two_pages(struct check *check, uintptr_t end, bool at_once)
{
    uint64_t pages[2] = {page_alloc(), page_alloc()};
    if (skip_alone(check) || !EXPECT(check, pages[0] != 0 && pages[1] != 0, "no memory"))
        return;
    *(uint64_t *)direct(pages[0]) = OLD;
    *(uint64_t *)direct(pages[1]) = NEW;
    for (unsigned i = 0; i < LAPS && check->outcome == CHECK_PASSED; i++)
        remap(check, pages, end, at_once);
    page_free(pages[0]);
    page_free(pages[1]);
}

static void one_page_dropped(struct check *check)
{
    with_two_pages(check, SCRATCH_BASE + PAGE_BYTES, true);
}

static void one_page_dropped_by_each(struct check *check)
{
    with_two_pages(check, SCRATCH_BASE + PAGE_BYTES, false);
}

static void all_dropped(struct check *check)
{
    with_two_pages(check, UINT64_MAX, true);
}

/*
 * Each asks the others with interrupts off: they serve each other, or wait for ever. All of them
 * together so many times, as each of those is answered by all.
 */
static void ask_with_interrupts_off(void *argument)
{
    struct pv_cpu_set all = {{0}};
    volatile int *worst = argument;
    for (unsigned cpu = 0; cpu < MOST_CPUS; cpu++)
        pv_cpu_set_add(&all, cpu);
    pv_irq_disable();
    for (unsigned i = 0; i < ASKS_OF_ALL / smp_count(); i++) {
        int status = pv_tlb_flush_others(&all, SCRATCH_BASE, SCRATCH_BASE + PAGE_BYTES);
        if (status != PV_OK)
            *worst = status;
    }
    pv_irq_enable();
}

static void all_ask_at_once(struct check *check)
{
    volatile int worst = PV_OK;
    if (skip_alone(check))
        return;
    give_all(ask_with_interrupts_off, (void *)(uintptr_t)&worst);
    ask_with_interrupts_off((void *)(uintptr_t)&worst);
    wait_for_all(check);
    EXPECT(check, worst == PV_OK, "status %d", worst);
}

static struct pv_spinlock lock;
static uint64_t total; /* under the lock */

/*
 * Each turn goes to the CPU that waited longest. Where CPUs are threads of a busy host that may be
 * one that does not run, so all of them together have so many turns.
 */
static unsigned turns(void)
{
    return TURNS_OF_ALL / smp_count();
}

static void take_turns(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < turns(); i++) {
        struct pv_irqflags flags = lock_irq(&lock);
        total++;
        unlock_irq(&lock, flags);
    }
}

static void lock_excludes(struct check *check)
{
    if (skip_alone(check))
        return;
    total = 0;
    give_all(take_turns, NULL);
    take_turns(NULL);
    wait_for_all(check);
    EXPECT(check, total == (uint64_t)turns() * smp_count(), "%lu turns of %lu", total,
           (uint64_t)turns() * smp_count());
}

/* ---- time ------------------------------------------------------------------------------------ */

static volatile uint64_t last_told; /* under the lock */
static volatile uint64_t backwards;

static void tell_time(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < turns(); i++) {
        struct pv_irqflags flags = lock_irq(&lock);
        uint64_t now = pv_clock_ns();
        if (now < last_told && last_told - now > backwards)
            backwards = last_told - now;
        last_told = now;
        unlock_irq(&lock, flags);
    }
}

static void one_clock(struct check *check)
{
    if (skip_alone(check))
        return;
    last_told = 0;
    backwards = 0;
    give_all(tell_time, NULL);
    tell_time(NULL);
    wait_for_all(check);
    EXPECT(check, backwards == 0, "it went back by %lu ns", backwards);
}

static void arm_own_timer(void *argument)
{
    uint32_t before = this_cpu()->timer_ticks;
    struct limit limit = limit_in(PATIENCE_NS / 2);
    volatile uint64_t *early = argument;
    preempt_off();
    uint64_t deadline = pv_clock_ns() + NS_PER_MS;
    pv_timer_set(deadline);
    preempt_on();
    while (this_cpu()->timer_ticks == before && !limit_passed(&limit))
        pv_cpu_relax();
    if (pv_clock_ns() < deadline)
        *early = deadline;
}

static void each_has_a_timer(struct check *check)
{
    volatile uint64_t early = 0;
    uint32_t before[MOST_CPUS] = {0};
    if (skip_alone(check) || skip_without_timer(check))
        return;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        before[cpu] = cpus[cpu].timer_ticks;
    give_all(arm_own_timer, (void *)(uintptr_t)&early);
    wait_for_all(check);
    EXPECT(check, early == 0, "it fired before its time");
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        EXPECT(check, cpus[cpu].timer_ticks - before[cpu] == 1, "%u ticks on CPU %u",
               cpus[cpu].timer_ticks - before[cpu], cpu);
}

/* ---- coming and going ------------------------------------------------------------------------ */

static void comes_and_goes(struct check *check, unsigned cpu)
{
    struct pv_error error;
    unsigned before = smp_count();
    int status = smp_offline(cpu);
    if (!EXPECT(check, status == PV_OK, "CPU %u does not go: %d", cpu, status))
        return;
    EXPECT(check, smp_block(cpu) == NULL && (cpu != before - 1 || smp_count() == before - 1),
           "CPU %u has gone and is still counted", cpu);
    EXPECT(check, pv_smp_nmi(cpu) == PV_E_RANGE, "CPU %u has gone and is sent something", cpu);
    status = smp_online(cpu, &error);
    if (expect_ok(check, "a CPU does not come back", status, &error))
        EXPECT(check, smp_count() == before && smp_block(cpu)->number == cpu, "%u CPUs are up",
               smp_count());
}

static void offline_and_back(struct check *check)
{
    if (skip_alone(check))
        return;
    for (unsigned i = 0; i < LAPS; i++)
        for (unsigned cpu = 1; cpu < smp_count() && check->outcome == CHECK_PASSED; cpu++)
            comes_and_goes(check, cpu);
    functions_run(check);
    each_has_a_timer(check);
}

static void nobody(void *argument)
{
    (void)argument;
}

/* Messages by memory name eight bits of an identity, and 255 is everybody: one that needs more
 * would be somebody else's. */
static bool names_eight_bits(void)
{
    struct pv_facts facts;
    pv_facts(&facts);
    for (unsigned i = 0; facts.features[i] != NULL; i++)
        if (same_text(facts.features[i], "x2apic"))
            return false;
    return same_text(facts.backend, "native") || same_text(facts.backend, "kvm");
}

/* No machine here has so many that its last identity is a CPU's. */
static void absent_cpu(struct check *check)
{
    struct pv_error error = {0};
    struct pv_smp_start start = {.hardware_id = 0xfd, .space = kernel_space, .entry = nobody};
    if (skip_alone(check))
        return;
    start.stack = (uintptr_t)&cpus[0];
    int status = pv_smp_start(&start, &error);
    /* Hardware does not answer; a VMM knows that there is none. */
    EXPECT(check, status == (privileged() ? PV_E_TIMEOUT : PV_E_ARGUMENT), "status %d", status);
    EXPECT(check, error.where == start.hardware_id && error.what != NULL, "it is not named");
    start.hardware_id = pv_this_cpu()->apic_id;
    status = pv_smp_start(&start, &error);
    EXPECT(check, status == PV_E_ARGUMENT, "to start the running one: status %d", status);
    if (!names_eight_bits())
        return;
    start.hardware_id = 0x1fd;
    status = pv_smp_start(&start, &error);
    EXPECT(check, status == PV_E_ARGUMENT, "to start one that cannot be named: status %d", status);
}

/* What many CPUs on one processor can be asked, too. */
static const struct test cpus_tests[] = {
    {"all CPUs that are listed run", all_that_are_listed_run},
    {"each CPU has a block and a local APIC of its own", each_is_itself},
    {"an interrupt sent to another CPU arrives there each time", interrupts_arrive},
    {"a function runs on each other CPU once", functions_run},
};

const struct test_group cpus_group = TEST_GROUP(cpus);

static const struct test smp_tests[] = {
    {"an NMI sent to this CPU arrives once", nmis_arrive_here},
    {"an NMI sent to another CPU arrives once", nmis_arrive_elsewhere},
    {"a page that is mapped elsewhere is so for all CPUs", one_page_dropped},
    {"... and when CPUs are asked one at a time", one_page_dropped_by_each},
    {"all translations are dropped by all CPUs, global ones too", all_dropped},
    {"CPUs that ask each other with interrupts off serve each other", all_ask_at_once},
    {"one CPU at a time has a lock", lock_excludes},
    {"the clock does not go backwards from CPU to CPU", one_clock},
    {"each CPU's timer fires on that CPU, once, and not early", each_has_a_timer},
    {"a CPU goes and comes back", offline_and_back},
};

const struct test_group smp_group = TEST_GROUP(smp);

/* Apart, since it takes as long as a CPU may take to start. */
static const struct test absent_tests[] = {
    {"a CPU that is not there does not start, and is named", absent_cpu},
};

const struct test_group absent_group = TEST_GROUP(absent);
