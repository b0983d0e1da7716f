/* SPDX-License-Identifier: MIT */
/*
 * What KVM's features are for, seen by their effect: in this machine, and from outside by the
 * host's own counts where the test rig tells them (outside.h).
 */
#include "selftest.h"
#include "../cpu.h"
#include "../memory.h"
#include "../outside.h"
#include "../process.h"
#include "../smp.h"
#include "../string.h"
#include "../timer.h"
#include "../traps.h"

#define SENT    250u
#define TRIES   3u
#define BUSY_NS (3 * NS_PER_S)

static volatile unsigned arrived;

static bool skip_without(struct check *check, const char *feature)
{
    bool without = !feature_in_use(feature);
    if (without)
        skip(check, "%s is not in use", feature);
    return without;
}

static void count(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
    __atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED);
}

/* What is counted from outside while something is done SENT times. */
struct cost {
    uint64_t exits;
    uint64_t hypercalls;
};

/* Not by the first free vector: a line of the I/O APIC may still lead there, masked as it is, and
 * KVM wants to see the end of each such interrupt. */
static bool cost_of(struct check *check, void (*run)(struct check *check, uint8_t vector),
                    struct cost *cost)
{
    struct outside before, after;
    if (!outside_look(&before)) {
        skip(check, "nobody outside tells what the host counts");
        return false;
    }
    int routed = pv_irq_alloc(count, NULL);
    int vector = pv_irq_alloc(count, NULL);
    arrived = 0;
    run(check, (uint8_t)vector);
    pv_irq_free(vector);
    pv_irq_free(routed);
    if (check->outcome != CHECK_PASSED)
        return false;
    bool looked = outside_look(&after);
    *cost = (struct cost){after.exits - before.exits, after.hypercalls - before.hypercalls};
    return EXPECT(check, looked, "the host has fallen silent");
}

static bool arrives(unsigned wanted)
{
    struct limit limit = limit_in(NS_PER_S);
    while (arrived < wanted && !limit_passed(&limit))
        pv_cpu_relax();
    return arrived == wanted;
}

static void send_and_take(struct check *check, uint8_t vector)
{
    for (unsigned i = 1; i <= SENT && check->outcome == CHECK_PASSED; i++) {
        pv_smp_ipi(0, vector);
        EXPECT(check, arrives(i), "%u of %u arrived", arrived, i);
    }
}

/* All but the last are the same interrupt, which is pending already. */
static void only_send(struct check *check, uint8_t vector)
{
    struct pv_irqflags flags = pv_irq_save();
    for (unsigned i = 0; i < SENT; i++)
        pv_smp_ipi(0, vector);
    pv_irq_restore(flags);
    EXPECT(check, arrives(1), "%u arrived", arrived);
}

/* Costs of SENT times are compared at half an exit each: a timer of the host adds some. */
static bool costs(uint64_t exits, unsigned each)
{
    return exits + SENT / 2 > (uint64_t)SENT * each && exits < (uint64_t)SENT * each + SENT / 2;
}

/*
 * What the host does besides makes it more, never less: on a busy one nearly as much again. `each`:
 * the exits that are due for one; with few more the first try is good enough.
 */
static bool least_cost_of(struct check *check, void (*run)(struct check *check, uint8_t vector),
                          unsigned each, struct cost *least)
{
    struct cost again;
    if (!cost_of(check, run, least))
        return false;
    for (unsigned i = 1; i < TRIES && least->exits > (uint64_t)SENT * each + SENT / 5; i++) {
        if (!cost_of(check, run, &again))
            return false;
        if (again.exits < least->exits)
            *least = again;
    }
    return true;
}

/* To end one costs an exit; to take one does if it was sent with interrupts off, as natively. */
static void end_is_free(struct check *check)
{
    struct cost sending, both;
    bool free = feature_in_use("pv-eoi");
    unsigned due = (free ? 0u : 1u) + (feature_in_use("pv-ipi") ? 0u : 1u);
    if (!least_cost_of(check, only_send, 1, &sending) ||
        !least_cost_of(check, send_and_take, 1 + due, &both))
        return;
    uint64_t taking = both.exits > sending.exits ? both.exits - sending.exits : 0;
    print("# %u interrupts: %lu exits to send, %lu to take and end\n", SENT, sending.exits, taking);
    EXPECT(check, costs(taking, due), "%lu exits for %u interrupts %s PV end", taking, SENT,
           free ? "with" : "without");
}

static void send_is_a_hypercall(struct check *check)
{
    struct cost sending;
    if (skip_without(check, "pv-ipi") || !least_cost_of(check, only_send, 1, &sending))
        return;
    EXPECT(check, sending.hypercalls == SENT, "%lu hypercalls for %u interrupts",
           sending.hypercalls, SENT);
    EXPECT(check, costs(sending.exits, 1), "%lu exits for %u interrupts", sending.exits, SENT);
}

static void many_are_one_hypercall(struct check *check, uint8_t vector)
{
    struct pv_cpu_set all = {{0}};
    for (unsigned cpu = 0; cpu < PV_CONFIG_MAX_CPUS; cpu++)
        pv_cpu_set_add(&all, cpu);
    pv_smp_ipi_many(&all, vector);
    EXPECT(check, arrives(smp_count()), "%u of %u arrived", arrived, smp_count());
}

/* One more gives the processor to a CPU that was preempted. */
static void all_cpus_at_once(struct check *check)
{
    struct cost cost;
    if (skip_without(check, "pv-ipi") || !cost_of(check, many_are_one_hypercall, &cost))
        return;
    unsigned most = feature_in_use("pv-sched-yield") && smp_count() > 1 ? 2 : 1;
    EXPECT(check, cost.hypercalls >= 1 && cost.hypercalls <= most, "%lu hypercalls for %u CPUs",
           cost.hypercalls, smp_count());
}

static void spin(uint64_t ns)
{
    struct limit limit = limit_in(ns);
    while (!limit_passed(&limit))
        pv_cpu_relax();
}

/* Something else wants this CPU's processor for a while; who gets it is up to the host. */
static void steal_agrees(struct check *check)
{
    uint64_t before[OUTSIDE_CPUS], after[OUTSIDE_CPUS];
    if (skip_without(check, "steal-time"))
        return;
    uint64_t first = pv_steal_ns();
    if (!outside_waited(before)) {
        skip(check, "nobody outside tells what the host's scheduler knows");
        return;
    }
    /* The host's word at each end lies somewhere between two looks of this CPU's own. */
    uint64_t start = pv_steal_ns();
    outside_do("busy");
    spin(BUSY_NS);
    outside_do("idle");
    uint64_t least = pv_steal_ns() - start;
    if (!EXPECT(check, outside_waited(after), "the host has fallen silent"))
        return;
    uint64_t most = pv_steal_ns() - first;
    uint64_t waited = after[0] - before[0];
    print("# %lu to %lu ns stolen, and by the host's scheduler %lu ns\n", least, most, waited);
    EXPECT(check, least > BUSY_NS / 10, "%lu ns stolen while the host was busy", least);
    EXPECT(check, waited >= least - least / 10 && waited <= most + most / 10,
           "%lu to %lu ns stolen, the host says %lu", least, most, waited);
}

static void pause_is_told(struct check *check)
{
    if (skip_without(check, "kvmclock"))
        return;
    pv_clock_was_stopped();
    bool before = pv_clock_was_stopped();
    if (!outside_do("pause")) {
        skip(check, "nobody outside can stop this machine");
        return;
    }
    bool stopped = pv_clock_was_stopped();
    bool again = pv_clock_was_stopped();
    EXPECT(check, !before, "a stop was told that nobody had asked for");
    EXPECT(check, stopped, "the machine was stopped, and nobody told");
    EXPECT(check, !again, "one stop was told twice");
}

static void pair_is_now(struct check *check)
{
    struct pv_clock_pair pair;
    uint64_t tsc = read_tsc(), ns = pv_clock_ns(), unix_ns = 0;
    int status = pv_clock_pair(&pair);
    uint64_t later = pv_clock_ns();
    if (status == PV_E_UNSUPPORTED) {
        skip(check, "the host has no such pair, or no TSC of its own to make one of");
        return;
    }
    if (!EXPECT(check, status == PV_OK && pv_wallclock(&unix_ns) == PV_OK, "status %d", status))
        return;
    EXPECT(check, pair.tsc >= tsc && pair.tsc <= read_tsc(), "another moment by the TSC");
    EXPECT(check, pair.clock_ns >= ns && pair.clock_ns <= later, "%lu, not in %lu to %lu",
           pair.clock_ns, ns, later);
    EXPECT(check, unix_ns - pair.unix_ns < NS_PER_S, "%lu, and the wall clock says %lu",
           pair.unix_ns, unix_ns);
}

#define HALTS      200u
#define SHORT_HALT (NS_PER_MS / 5)

/* How often the host polled while this CPU halted for a moment, again and again. */
static bool polls_while_halting(struct check *check, bool host_polls, uint64_t *polls)
{
    struct outside before, after;
    int status = pv_cpu_halt_poll(host_polls);
    if (!EXPECT(check, status == PV_OK, "status %d", status))
        return false;
    bool looked = outside_look(&before);
    for (unsigned i = 0; i < HALTS; i++)
        sleep_ns(SHORT_HALT);
    looked = outside_look(&after) && looked;
    *polls = after.polls - before.polls;
    return looked;
}

/* With the host's polling a short sleep ends without the CPU having been given away. */
static void polling_is_the_host_s(struct check *check)
{
    uint64_t with = 0, without = 0;
    if (!feature_in_use("poll-control")) {
        EXPECT(check, pv_cpu_halt_poll(true) == PV_E_UNSUPPORTED, "nobody polls, and it worked");
        return;
    }
    (void)outside_do("poll");
    bool looked = polls_while_halting(check, true, &with);
    looked = polls_while_halting(check, false, &without) && looked;
    EXPECT(check, pv_cpu_halt_poll(true) == PV_OK, "it cannot be switched on");
    if (!looked) {
        skip(check, "the register is taken, and nobody outside counts polls");
        return;
    }
    print("# %u halts: the host polls %lu times, and %lu times when asked not to\n", HALTS, with,
          without);
    EXPECT(check, with >= 4 && without <= with / 4, "%lu polls, and %lu", with, without);
}

/* Of the host, which is asked for whole seconds. */
static void wallclock_is_the_host_s(struct check *check)
{
    uint64_t host, unix_ns = 0;
    if (!outside_time(&host)) {
        skip(check, "nobody outside tells what time it is");
        return;
    }
    int status = pv_wallclock(&unix_ns);
    int64_t ahead = (int64_t)(unix_ns / NS_PER_S) - (int64_t)host;
    EXPECT(check, status == PV_OK, "status %d", status);
    EXPECT(check, ahead >= -2 && ahead <= 2, "%ld seconds ahead", ahead);
}

/* By the first CPU's LINT1, once. */
static void nmi_arrives(struct check *check)
{
    uint32_t before = cpus[0].nmis;
    nmis_expected = true;
    bool asked = outside_do("nmi");
    struct limit limit = limit_in(asked ? 20 * NS_PER_S : 0);
    while (cpus[0].nmis == before && !limit_passed(&limit))
        pv_cpu_relax();
    sleep_ns(10 * NS_PER_MS);
    nmis_expected = false;
    if (!asked) {
        skip(check, "nobody outside can send one");
        return;
    }
    EXPECT(check, cpus[0].nmis - before == 1, "%u arrived", cpus[0].nmis - before);
}

/* Machine checks: Intel SDM vol. 3B, 16.3.1 and 16.3.2; the bank is the rig's choice. */
#define MSR_MCG_CAP    0x179u
#define MSR_MCG_STATUS 0x17au
#define MSR_MCG_CTL    0x17bu
#define MSR_MC1_CTL    0x404u
#define MSR_MC1_STATUS 0x405u
#define MCG_CTL_P      (1u << 8)
#define MC_VALID       (1ull << 63)

static volatile uint64_t machine_check_status, machine_check_vector;
static volatile unsigned machine_checks;

static void on_machine_check(struct pv_regs *regs)
{
    uint64_t status = 0;
    machine_checks++;
    machine_check_vector = regs->vector;
    (void)pv_cpu_msr_read(MSR_MC1_STATUS, &status);
    machine_check_status = status;
    (void)pv_cpu_msr_write(MSR_MC1_STATUS, 0);
    (void)pv_cpu_msr_write(MSR_MCG_STATUS, 0);
}

static void machine_check_arrives(struct check *check)
{
    uint64_t capabilities = 0;
    if (pv_cpu_msr_read(MSR_MCG_CAP, &capabilities) != PV_OK || (capabilities & 0xff) < 2) {
        skip(check, "this processor reports no machine checks");
        return;
    }
    if ((capabilities & MCG_CTL_P) != 0)
        (void)pv_cpu_msr_write(MSR_MCG_CTL, UINT64_MAX);
    (void)pv_cpu_msr_write(MSR_MC1_CTL, UINT64_MAX);
    machine_checks = 0;
    trap_hook = on_machine_check;
    bool asked = outside_do("mce");
    struct limit limit = limit_in(asked ? 20 * NS_PER_S : 0);
    while (machine_checks == 0 && !limit_passed(&limit))
        pv_cpu_relax();
    trap_hook = NULL;
    if (!asked) {
        skip(check, "nobody outside can raise one");
        return;
    }
    EXPECT(check, machine_checks == 1 && machine_check_vector == VECTOR_MACHINE_CHECK,
           "%u traps, the last by vector %lu", machine_checks, machine_check_vector);
    EXPECT(check, (machine_check_status & MC_VALID) != 0, "the bank says %lx",
           machine_check_status);
}

static void migration_is_allowed(struct check *check)
{
    int status = pv_cpu_migration_allow(true);
    int due = feature_in_use("migration-control") ? PV_OK : PV_E_UNSUPPORTED;
    EXPECT(check, status == due, "status %d, not %d", status, due);
}

#define HOLD_NS (200 * NS_PER_MS)

static struct pv_spinlock contended = PV_SPINLOCK_FREE;
static volatile bool waiting, served;

static void wait_for_lock(void *argument)
{
    (void)argument;
    struct pv_irqflags flags = pv_irq_save();
    waiting = true;
    pv_spin_lock(&contended);
    served = true;
    pv_spin_unlock(&contended);
    pv_irq_restore(flags);
}

/* The one thing that halts while this CPU spins with the lock held is the CPU that waits for it. */
static void waiter_halts(struct check *check)
{
    struct outside before, after;
    if (skip_without(check, "pv-unhalt"))
        return;
    if (!smp_is_up(1) || !outside_look(&before)) {
        skip(check, "there is one CPU, or nobody outside counts halts");
        return;
    }
    waiting = served = false;
    preempt_off();
    pv_spin_lock(&contended);
    smp_give(1, wait_for_lock, NULL);
    wait_for(&waiting, NS_PER_S);
    spin(HOLD_NS);
    bool looked = outside_look(&after);
    bool early = served;
    pv_spin_unlock(&contended);
    bool in_time = wait_for(&served, NS_PER_S);
    thread_preempt_on();
    bool done = smp_done(1, NS_PER_S);
    print("# %lu halts while a lock was waited for\n", after.halts - before.halts);
    EXPECT(check, looked, "the host has fallen silent");
    EXPECT(check, !early && in_time && done, "early %u, in time %u", early, in_time);
    EXPECT(check, after.halts > before.halts, "the waiter spins for ever");
}

static volatile uint64_t turns;
static volatile bool stop;

/* How long the host may take to swap all that is touched. */
#define SWAP_NS (200 * NS_PER_S)

static void take_turns(void *argument)
{
    (void)argument;
    struct limit limit = limit_in(SWAP_NS);
    while (!stop) {
        if (turns++ % 256 == 0 && !limit_passed(&limit))
            still_going();
        thread_yield();
    }
}

/* The host may read ahead so well that it has few pages left to announce, or none. */
#define TOUCH_TRIES 5
/* The process ends when it has waited for so many. */
#define ENOUGH_WAITS 16

static struct process toucher;

static void touch_here(void *argument)
{
    const struct process_start *start = argument;
    if (!process_run_here(&toucher, start))
        toucher.status = USER_WRONG;
}

static void touch_on(unsigned cpu, const struct process_start *start)
{
    toucher.status = USER_WRONG;
    if (cpu == 0) {
        if (process_create(&toucher, start))
            process_wait(&toucher);
        return;
    }
    struct limit limit = limit_in(SWAP_NS);
    smp_give(cpu, touch_here, (void *)start);
    while (!smp_done(cpu, NS_PER_S) && !limit_passed(&limit))
        still_going();
}

static void touch_often(struct check *check, unsigned cpu)
{
    struct page_waits *waits = &page_waits[cpu], before = *waits;
    struct process_start start = {7, USER_TOUCHER, pages_free() / 16 * 11, NULL};
    waits->enough = before.begun + ENOUGH_WAITS;
    for (unsigned i = 0; i < TOUCH_TRIES && waits->begun < waits->enough; i++) {
        touch_on(cpu, &start);
        if (!EXPECT(check, toucher.status == 7, "no memory, or the process ended with %ld",
                    toucher.status))
            return;
        still_going();
    }
    uint64_t begun = waits->begun - before.begun, ended = waits->ended - before.ended;
    print("# a process of %lu pages on CPU %u waited for %lu, others ran %lu times meanwhile\n",
          start.rounds, cpu, begun, waits->others_ran - before.others_ran);
    EXPECT(check, begun != 0, "the host announced no page");
    EXPECT(check, ended == begun, "%lu pages of %lu came", ended, begun);
    EXPECT(check, cpu != 0 || waits->others_ran != before.others_ran, "nobody else ran");
}

/* Where the host swaps, that is: the rig lends less memory than the machine has. */
static void wait_on(struct check *check, unsigned cpu)
{
    struct thread other;
    struct outside now;
    if (skip_without(check, "asyncpf"))
        return;
    if (!smp_is_up(cpu) || !outside_look(&now) || now.swap == 0) {
        skip(check, "CPU %u does not run here, or the host has all memory at hand", cpu);
        return;
    }
    stop = false;
    if (!EXPECT(check, thread_create(&other, take_turns, NULL), "no memory for a thread"))
        return;
    touch_often(check, cpu);
    stop = true;
    thread_wait(&other);
}

static void page_stops_process(struct check *check)
{
    wait_on(check, 0);
}

/* Another CPU runs nothing else, and serves interrupts meanwhile: those that tell of its pages. */
static void page_comes_elsewhere(struct check *check)
{
    wait_on(check, 1);
}

/* What a feature of KVM saves, or costs where it is not taken. */
static const struct test exits_tests[] = {
    {"the end of an interrupt costs an exit only where there is no PV end", end_is_free},
    {"an interrupt is sent by one hypercall", send_is_a_hypercall},
    {"an interrupt to all CPUs is one hypercall", all_cpus_at_once},
};

const struct test_group exits_group = TEST_GROUP(exits);

/* Apart, since the host has to be short of memory for it. */
static const struct test swap_tests[] = {
    {"a page that the host has to fetch stops a process and not the CPU", page_stops_process},
    {"a page that another CPU waits for comes to that one", page_comes_elsewhere},
};

const struct test_group swap_group = TEST_GROUP(swap);

static const struct test kvm_tests[] = {
    {"a waiter for a lock that is held for long halts, and is woken", waiter_halts},
    {"stolen time grows while the host is busy, and is what the host says", steal_agrees},
    {"a stop of the machine is told once", pause_is_told},
    {"the wall clock is the host's within two seconds", wallclock_is_the_host_s},
    {"the host's clock and this one's are read at one moment", pair_is_now},
    {"who polls is the kernel's choice where the host lets it", polling_is_the_host_s},
    {"an NMI from outside reaches the kernel", nmi_arrives},
    {"a machine check that the host raises reaches the kernel, which goes on",
     machine_check_arrives},
    {"migration is the kernel's choice where the host asks", migration_is_allowed},
};

const struct test_group kvm_group = TEST_GROUP(kvm);
