/* SPDX-License-Identifier: MIT */
/*
 * This kernel as its own debugger: breakpoints of its own, in bytes of the text and in debug
 * registers, while the library changes the text around and under them. Each gets what is its own:
 * docs/architecture.md, "A debugger".
 */
#include "selftest.h"
#include "../cpu.h"
#include "../smp.h"
#include "../string.h"
#include "../timer.h"
#include "../traps.h"

#define INT3        0xcc
#define NOP         0x90
#define ROUNDS      20u
#define TRIES       1000u
#define ENOUGH      100u
#define MISSES      100u
#define PATIENCE_NS (10 * NS_PER_S)

/* Intel SDM vol. 3B, 18.2: breakpoint n stops before an instruction where its two fields are 0. */
#define DR6_IDLE    0xffff0ff0u
#define DR7_IDLE    0x400u
#define DR7_ON(n)   (1u << 2 * (n))
#define REGISTERS   4u
#define FLAG_RESUME 0x10000u

void counting_relax(void);
extern volatile uint64_t counted_relaxes;

/*
 * A site between instructions of one byte, and one of another op. Behind the site there are two:
 * QEMU's emulation does not end the resume flag with `pause`, so right behind it nothing stops.
 */
__attribute__((noinline, used)) static void debugged(void)
{
    __asm__ volatile("nop");
    pv_cpu_relax();
    __asm__ volatile("nop\n\tnop");
}

__attribute__((noinline, used)) static bool debugged_too(void)
{
    return pv_vcpu_is_preempted(0);
}

enum { BEFORE, SITE, BEHIND, OTHER, SPOTS };

/* Where breakpoints are set, and where what they stand for ends. */
static uintptr_t spots[SPOTS], ends[SPOTS];
static uint8_t held[SPOTS];

/* On each CPU, by bytes and by registers; and what was met elsewhere. */
static volatile uint64_t broke[MOST_CPUS][SPOTS];
static volatile uint64_t stopped[MOST_CPUS][SPOTS];
static volatile uint64_t turns[MOST_CPUS];
static volatile uint64_t strays;
static volatile bool stop;

static uint8_t byte_at(uintptr_t address)
{
    return *(const volatile uint8_t *)address;
}

static bool find_spots(struct check *check)
{
    const struct pv_site *site = site_in((uintptr_t)debugged);
    const struct pv_site *other = site_in((uintptr_t)debugged_too);
    if (!EXPECT(check, site != NULL && other != NULL, "a function has no site"))
        return false;
    spots[SITE] = site_of(site);
    ends[SITE] = spots[SITE] + site->length;
    spots[BEHIND] = ends[SITE] + 1;
    spots[BEFORE] = spots[SITE] - 1;
    ends[BEFORE] = spots[SITE];
    ends[BEHIND] = spots[BEHIND] + 1;
    spots[OTHER] = site_of(other);
    ends[OTHER] = spots[OTHER] + other->length;
    for (unsigned cpu = 0; cpu < MOST_CPUS; cpu++) {
        turns[cpu] = 0;
        for (unsigned spot = 0; spot < SPOTS; spot++)
            broke[cpu][spot] = stopped[cpu][spot] = 0;
    }
    strays = 0;
    return EXPECT(check, byte_at(spots[BEFORE]) == NOP && byte_at(spots[BEHIND]) == NOP,
                  "the site stands between %x and %x", byte_at(spots[BEFORE]),
                  byte_at(spots[BEHIND]));
}

static unsigned spot_at(uintptr_t address)
{
    unsigned spot = 0;
    while (spot < SPOTS && spots[spot] != address)
        spot++;
    return spot;
}

/* What the byte stands for is done by the debugger: a CPU is never said to be preempted. */
static void on_break(struct pv_regs *regs)
{
    unsigned spot = spot_at(regs->rip - 1);
    if (spot == SPOTS || byte_at(spots[spot]) != INT3) {
        strays++;
        return;
    }
    broke[pv_this_cpu()->number][spot]++;
    regs->rax = 0;
    regs->rip = ends[spot];
}

/* The instruction itself is next. */
static void on_stop(struct pv_regs *regs)
{
    unsigned spot = spot_at(regs->rip);
    uint64_t status = pv_cpu_debug_read(6);
    (void)pv_cpu_debug_write(6, DR6_IDLE);
    regs->rflags |= FLAG_RESUME;
    if (regs->vector == VECTOR_DEBUG && spot < SPOTS && (status >> spot & 1) != 0)
        stopped[pv_this_cpu()->number][spot]++;
    else
        strays++;
}

static void set_byte(unsigned spot)
{
    held[spot] = exchange_text(spots[spot], INT3);
}

static void clear_byte(unsigned spot)
{
    exchange_text(spots[spot], held[spot]);
}

/* Register n watches spot n. Of this CPU. */
static void set_registers(uint32_t control)
{
    for (unsigned i = 0; i < REGISTERS; i++)
        (void)pv_cpu_debug_write(i, control != 0 ? spots[i] : 0);
    (void)pv_cpu_debug_write(7, DR7_IDLE | control);
}

static int override(void (*function)(void), struct pv_error *error)
{
    int status = PV_E_RENDEZVOUS;
    for (unsigned i = 0; i < TRIES && status == PV_E_RENDEZVOUS; i++)
        status = pv_op_override(PV_OPID_cpu_relax, function, error);
    return status;
}

/* ---- one CPU --------------------------------------------------------------------------------- */

/*
 * Where a processor's virtualization is emulated, a CPU that was taken off the processor may run
 * for a while without its debug registers: QEMU's VMRUN loads DR7 and sets no breakpoints by it
 * (target/i386/tcg/sysemu/svm_helper.c). There a stop may be missed.
 */
static bool stops_are_exact(void)
{
    struct pv_facts facts;
    pv_facts(&facts);
    return !privileged() || same_text(facts.vmm, "none");
}

static bool all_stopped(const volatile uint64_t *stops)
{
    unsigned spot = 0;
    while (spot < SPOTS && stops[spot] != 0)
        spot++;
    return spot == SPOTS;
}

/* Once at each spot in each pass; none without registers. */
static void expect_stops(struct check *check, const char *when, bool expected)
{
    volatile uint64_t *stops = stopped[pv_this_cpu()->number];
    unsigned passes = 0, most = !expected || stops_are_exact() ? 1 : MISSES;
    for (unsigned spot = 0; spot < SPOTS; spot++)
        stops[spot] = 0;
    while (passes++ < most && !all_stopped(stops)) {
        debugged();
        (void)debugged_too();
    }
    for (unsigned spot = 0; spot < SPOTS; spot++)
        EXPECT(check, (stops[spot] != 0) == expected && stops[spot] < passes,
               "%s: %lu stops at spot %u in %u passes", when, stops[spot], spot, passes - 1);
}

static void change_by(struct check *check, int (*change)(struct pv_error *error))
{
    struct pv_error error;
    struct pv_irqflags flags = pv_irq_save();
    int status = change(&error);
    pv_irq_restore(flags);
    expect_ok(check, "a change of all sites", status, &error);
}

/* Whatever the site holds. */
static void registers_hold(struct check *check)
{
    struct pv_error error;
    if (skip_if_bound(check) || !find_spots(check))
        return;
    trap_hook = on_stop;
    set_registers(DR7_ON(BEFORE) | DR7_ON(SITE) | DR7_ON(BEHIND) | DR7_ON(OTHER));
    expect_stops(check, "as it was", true);
    uint64_t counted = counted_relaxes;
    expect_ok(check, "replacing", override(counting_relax, &error), &error);
    expect_stops(check, "replaced", true);
    EXPECT(check, counted_relaxes != counted, "the replacement was not called");
    expect_ok(check, "restoring", override(NULL, &error), &error);
    expect_stops(check, "restored", true);
    change_by(check, pv_unpatch);
    expect_stops(check, "unpatched", true);
    change_by(check, pv_patch);
    expect_stops(check, "patched", true);
    set_registers(0);
    expect_stops(check, "without registers", false);
    trap_hook = NULL;
    EXPECT(check, strays == 0, "%lu stops that nobody wanted", strays);
}

/* The byte is the debugger's, and the library finds out before it has changed anything. */
static void byte_in_site_is_named(struct check *check)
{
    struct pv_error error = {0};
    if (skip_if_bound(check) || !find_spots(check))
        return;
    debugger = on_break;
    set_byte(SITE);
    uint64_t counted = counted_relaxes;
    int status = pv_op_override(PV_OPID_cpu_relax, counting_relax, &error);
    debugged();
    pv_cpu_relax();
    EXPECT(check, status == PV_E_SITE && error.where == spots[SITE], "status %d, at %lx", status,
           error.where);
    EXPECT(check, broke[pv_this_cpu()->number][SITE] == 1 && strays == 0,
           "%lu times at the site, %lu elsewhere", broke[pv_this_cpu()->number][SITE], strays);
    EXPECT(check, counted_relaxes == counted, "the op was replaced all the same");
    clear_byte(SITE);
    expect_ok(check, "without it", override(counting_relax, &error), &error);
    debugged();
    EXPECT(check, counted_relaxes != counted, "the op is not replaced");
    expect_ok(check, "restoring", override(NULL, &error), &error);
    debugger = NULL;
}

/* ---- all CPUs -------------------------------------------------------------------------------- */

static void run_debugged(void *argument)
{
    unsigned cpu = pv_this_cpu()->number;
    (void)argument;
    set_registers(DR7_ON(SITE));
    while (!stop) {
        debugged();
        if (debugged_too())
            strays++;
        turns[cpu]++;
    }
    set_registers(0);
}

/* Each other CPU goes on for a while. */
static void expect_turns(struct check *check)
{
    for (unsigned cpu = 1; cpu < smp_count(); cpu++) {
        uint64_t before = turns[cpu];
        struct limit limit = limit_in(PATIENCE_NS);
        while (turns[cpu] - before < ENOUGH && !limit_passed(&limit))
            sleep_ns(NS_PER_MS / 10);
        EXPECT(check, turns[cpu] - before >= ENOUGH, "CPU %u stands still", cpu);
    }
}

/* Until each kind of breakpoint was met. */
static void change_under_them(struct check *check)
{
    struct pv_error error;
    uint32_t before = breakpoints_of_library;
    struct limit limit = limit_in(PATIENCE_NS);
    for (unsigned i = 0; check->outcome == CHECK_PASSED && !limit_passed(&limit) &&
                         (i < ROUNDS || breakpoints_of_library == before);
         i++) {
        expect_ok(check, "replacing", override(counting_relax, &error), &error);
        expect_turns(check);
        expect_ok(check, "restoring", override(NULL, &error), &error);
    }
    EXPECT(check, breakpoints_of_library != before, "nobody met a breakpoint of the library");
    print("# %u breakpoints were the library's\n", breakpoints_of_library - before);
}

static void expect_each_its_own(struct check *check)
{
    bool exact = stops_are_exact();
    for (unsigned cpu = 1; cpu < smp_count(); cpu++) {
        const volatile uint64_t *seen = broke[cpu];
        EXPECT(check,
               seen[BEFORE] == turns[cpu] && seen[BEHIND] == turns[cpu] &&
                   seen[OTHER] == turns[cpu],
               "CPU %u: %lu, %lu and %lu breakpoints in %lu turns", cpu, seen[BEFORE], seen[BEHIND],
               seen[OTHER], turns[cpu]);
        EXPECT(check, seen[SITE] == 0, "CPU %u: %lu of the library's reached the debugger", cpu,
               seen[SITE]);
        EXPECT(check, stopped[cpu][SITE] >= (exact ? turns[cpu] : 1),
               "CPU %u: %lu stops in %lu turns", cpu, stopped[cpu][SITE], turns[cpu]);
    }
    EXPECT(check, strays == 0, "%lu traps were nobody's", strays);
}

/* Next to the site that is changed, and in one of another op. */
static void each_gets_its_own(struct check *check)
{
    if (skip_if_bound(check) || !find_spots(check))
        return;
    if (skip_alone(check))
        return;
    debugger = on_break;
    trap_hook = on_stop;
    set_byte(BEFORE);
    set_byte(BEHIND);
    set_byte(OTHER);
    stop = false;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        smp_give(cpu, run_debugged, NULL);
    change_under_them(check);
    stop = true;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        EXPECT(check, smp_done(cpu, PATIENCE_NS), "CPU %u does not come to an end", cpu);
    clear_byte(BEFORE);
    clear_byte(BEHIND);
    clear_byte(OTHER);
    debugger = NULL;
    trap_hook = NULL;
    expect_each_its_own(check);
}

static const struct test debugger_tests[] = {
    {"a debug register stops before a site, whatever the site holds", registers_hold},
    {"a debugger's breakpoint in a site keeps its op from being changed, and is named",
     byte_in_site_is_named},
    {"a debugger and the library each get their own breakpoints, next to each other",
     each_gets_its_own},
};

const struct test_group debugger_group = TEST_GROUP(debugger);
