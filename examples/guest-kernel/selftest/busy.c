/* SPDX-License-Identifier: MIT */
/*
 * Text and backends changed while other CPUs run through the call sites in question. Their results
 * are checked all the while: a site that is half rewritten shows as one that is wrong, and as a CPU
 * that is lost.
 */
#include "../smp.h"
#include "selftest.h"
#include "../cpu.h"
#include "../string.h"
#include "../thread.h"
#include "../timer.h"

#define ROUNDS      20u
#define SWITCHES    1000u
#define TRIES       1000u
#define ENOUGH      1000u
#define PATIENCE_NS (10 * NS_PER_S)

/* Between two looks at the others. Where CPUs share a processor and each sleep is a dozen exits,
 * who looks more often leaves them little of it. */
#define LOOK_NS (2 * NS_PER_MS)

extern const struct pv_site __start_pv_sites[], __stop_pv_sites[];

void counting_relax(void);
extern volatile uint64_t counted_relaxes;

static volatile bool stop;
static volatile uint64_t turns[MOST_CPUS];
static volatile uint64_t wrong;

/* One-instruction sites, longer ones, calls, and a lock that is held most of the time. */
static void be_busy(void *argument)
{
    uint64_t last = 0;
    struct pv_spinlock lock = PV_SPINLOCK_FREE;
    (void)argument;
    while (!stop) {
        preempt_off();
        pv_spin_lock(&lock);
        pv_cpu_relax();
        struct pv_irqflags flags = pv_irq_save();
        if (pv_irqs_were_on(pv_irq_flags()))
            wrong++;
        uint64_t now = pv_clock_ns();
        if (now < last || lock.locked != 1)
            wrong++;
        last = now;
        pv_irq_restore(flags);
        if (!pv_irqs_were_on(pv_irq_flags()))
            wrong++;
        (void)pv_vcpu_is_preempted(0); /* a VMM may take any CPU away, and say so */
        pv_tlb_flush();
        pv_spin_unlock(&lock);
        preempt_on();
        if (lock.locked != 0)
            wrong++;
        turns[pv_this_cpu()->number]++;
    }
}

static void begin(void)
{
    stop = false;
    wrong = 0;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        smp_give(cpu, be_busy, NULL);
}

/* Every CPU goes on through its loop. */
static void expect_progress(struct check *check)
{
    for (unsigned cpu = 1; cpu < smp_count(); cpu++) {
        uint64_t before = turns[cpu];
        struct limit limit = limit_in(PATIENCE_NS);
        while (turns[cpu] == before && !limit_passed(&limit))
            pv_cpu_relax();
        EXPECT(check, turns[cpu] != before, "CPU %u stands still", cpu);
    }
    EXPECT(check, wrong == 0, "%lu results were wrong", wrong);
}

static void end(struct check *check)
{
    struct pv_error error;
    stop = true;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        EXPECT(check, smp_done(cpu, PATIENCE_NS), "CPU %u does not come to an end", cpu);
    EXPECT(check, wrong == 0, "%lu results were wrong", wrong);
    expect_ok(check, "pv_sites_check", pv_sites_check(NULL, &error), &error);
}

static bool skip_here(struct check *check)
{
    return skip_if_bound(check) || skip_alone(check);
}

/* All CPUs outside of sites at the same moment: it may take more tries than one call makes. */
static int override(enum pv_op_id op, void (*function)(void), struct pv_error *error)
{
    int status = PV_E_RENDEZVOUS;
    for (unsigned i = 0; i < TRIES && status == PV_E_RENDEZVOUS; i++)
        status = pv_op_override(op, function, error);
    return status;
}

static void grows(struct check *check)
{
    uint64_t before = counted_relaxes;
    struct limit limit = limit_in(PATIENCE_NS);
    while (counted_relaxes - before < ENOUGH && !limit_passed(&limit))
        sleep_ns(LOOK_NS);
    EXPECT(check, counted_relaxes - before >= ENOUGH, "the replacement is not called");
}

/* cpu_relax is one instruction, and so is a call: by breakpoints, and nobody waits. */
static void replaced_by_breakpoints(struct check *check)
{
    struct pv_error error;
    if (skip_here(check))
        return;
    begin();
    for (unsigned i = 0; i < ROUNDS && check->outcome == CHECK_PASSED; i++) {
        int status = override(PV_OPID_cpu_relax, counting_relax, &error);
        if (!expect_ok(check, "replacing", status, &error))
            break;
        grows(check);
        expect_ok(check, "restoring", override(PV_OPID_cpu_relax, NULL, &error), &error);
        expect_progress(check);
        still_going();
    }
    end(check);
}

static unsigned sites_of(enum pv_op_id op)
{
    unsigned count = 0;
    for (const struct pv_site *record = __start_pv_sites; record < __stop_pv_sites; record++)
        count += record->op == op;
    return count;
}

/* Its function is called by each of its sites, or they are inline again. */
static void expect_called(struct check *check, const struct pv_site_counts *first, unsigned sites)
{
    struct pv_site_counts now;
    struct pv_error error;
    expect_ok(check, "pv_sites_check", pv_sites_check(&now, &error), &error);
    EXPECT(check,
           now.form[PV_SITE_INLINE] + sites == first->form[PV_SITE_INLINE] &&
               now.form[PV_SITE_DIRECT] == first->form[PV_SITE_DIRECT] + sites,
           "of %u sites: %u were inline and %u are, %u were calls and %u are", sites,
           first->form[PV_SITE_INLINE], now.form[PV_SITE_INLINE], first->form[PV_SITE_DIRECT],
           now.form[PV_SITE_DIRECT]);
}

/* irq_save is several instructions where it is inline: all CPUs are stopped. */
static void replaced_by_rendezvous(struct check *check)
{
    struct pv_error error;
    struct pv_site_counts first = {0};
    unsigned sites = sites_of(PV_OPID_irq_save);
    struct pv_irqflags (*function)(void) = pv_ops.irq_save;
    if (skip_here(check))
        return;
    expect_ok(check, "pv_sites_check", pv_sites_check(&first, &error), &error);
    EXPECT(check, sites != 0, "no site saves flags");
    begin();
    for (unsigned i = 0; i < ROUNDS && check->outcome == CHECK_PASSED; i++) {
        int status = override(PV_OPID_irq_save, (void (*)(void))(uintptr_t)function, &error);
        expect_ok(check, "replacing", status, &error);
        expect_called(check, &first, sites);
        expect_progress(check);
        expect_ok(check, "restoring", override(PV_OPID_irq_save, NULL, &error), &error);
        expect_called(check, &first, 0);
        expect_progress(check);
        still_going();
    }
    end(check);
}

static bool switch_to(struct check *check, const char *name)
{
    struct pv_error error;
    int status = PV_E_RENDEZVOUS;
    for (unsigned i = 0; i < TRIES && (status == PV_E_RENDEZVOUS || status == PV_E_BUSY); i++) {
        status = pv_switch(name, &error);
        if (status == PV_E_BUSY)
            sleep_ns(LOOK_NS); /* who waits for a lock may have no processor to go on with */
    }
    if (status == PV_E_BACKEND) {
        skip(check, "this machine can serve one backend only");
        return false;
    }
    return expect_ok(check, name, status, &error);
}

static void backends_change_places(struct check *check)
{
    struct pv_facts facts;
    pv_facts(&facts);
    const char *first = facts.backend;
    const char *best = backend_for(facts.vmm);
    const char *second = !same_text(first, "native") ? "native"
                         : same_text(best, "native") ? "kvm"
                                                     : best;
    if (skip_here(check))
        return;
    begin();
    unsigned done = 0;
    uint64_t start = pv_clock_ns();
    while (done < SWITCHES && switch_to(check, done % 2 == 0 ? second : first)) {
        done++;
        if (done % 20 == 0)
            still_going();
        if (done % 100 == 0)
            expect_progress(check);
    }
    uint64_t took = pv_clock_ns() - start;
    end(check);
    print("# %u changes, %lu us each\n", done, done != 0 ? took / done / 1000 : 0);
    EXPECT(check, done == SWITCHES || check->outcome == CHECK_SKIPPED, "after %u changes", done);
    pv_facts(&facts);
    EXPECT(check, same_text(facts.backend, first), "the backend is %s", facts.backend);
}

static const struct test busy_tests[] = {
    {"an op is replaced by breakpoints while other CPUs call it", replaced_by_breakpoints},
    {"an op is replaced while other CPUs that call it are stopped", replaced_by_rendezvous},
    {"two backends change places 1,000 times while all other CPUs are busy",
     backends_change_places},
};

const struct test_group busy_group = TEST_GROUP(busy);
