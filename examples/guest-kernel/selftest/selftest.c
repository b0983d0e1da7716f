/* SPDX-License-Identifier: MIT */
/*
 * Runs the checks and speaks TAP. A check that takes too long ends the run: the watchdog is a
 * deadline on the timer, so it sees everything but a loop with interrupts off, and each loop of
 * that kind has a bound of its own.
 */
#include "selftest.h"
#include "../commands.h"
#include "../cpu.h"
#include "../dump.h"
#include "../smp.h"
#include "../string.h"
#include "../timer.h"

#define CPUID_EDX   3
#define CPUID_APIC  (1u << 9)
#define WATCHDOG_NS (45 * NS_PER_S)
#define LONG_NS     NS_PER_S

static const struct test_group *const groups[] = {
    &detect_group,    &sites_group,   &ops_group,      &pcid_group,   &trap_group,
    &irq_group,       &clock_group,   &timer_group,    &halt_group,   &module_group,
    &live_group,      &users_group,   &cpus_group,     &smp_group,    &absent_group,
    &registers_group, &busy_group,    &debugger_group, &switch_group, &wx_group,
    &tables_group,    &refused_group, &batch_group,    &exits_group,  &swap_group,
    &kvm_group,       &vcpus_group,   &events_group,   &xen_group,    &stress_group,
    &memory_group,    &foreign_group, &shutdown_group, &races_group,  &mce_group,
    &pirq_group,      &message_group, &unplug_group,   &ldt_group,    &assist_group,
    &softreset_group, &stopped_group,
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static const char *running;

static void set_why(struct check *check, enum outcome outcome, const char *format, va_list args)
{
    if (check->outcome == CHECK_FAILED)
        return;
    check->outcome = outcome;
    print_to_args(check->why, sizeof(check->why), format, args);
}

void fail(struct check *check, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_why(check, CHECK_FAILED, format, args);
    va_end(args);
}

void skip(struct check *check, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_why(check, CHECK_SKIPPED, format, args);
    va_end(args);
}

bool expect_ok(struct check *check, const char *what, int status, const struct pv_error *error)
{
    char text[160];
    if (status == PV_OK)
        return true;
    pv_error_text(error, text, sizeof(text));
    fail(check, "%s: %s", what, text);
    return false;
}

bool skip_if_bound(struct check *check)
{
    if (PV_BOUND)
        skip(check, "this kernel is bound to one backend at build time and has no sites");
    return PV_BOUND;
}

bool skip_alone(struct check *check)
{
    bool alone = smp_count() == 1;
    if (alone)
        skip(check, "one CPU runs here, of %u that are listed", smp_listed());
    return alone;
}

bool feature_in_use(const char *feature)
{
    struct pv_facts facts;
    pv_facts(&facts);
    for (unsigned i = 0; facts.features[i] != NULL; i++)
        if (same_text(facts.features[i], feature))
            return true;
    return false;
}

bool processor_is_by(const char *vendor)
{
    uint32_t regs[4];
    char name[13] = {0};
    pv_cpu_cpuid(0, 0, regs);
    memcpy(name, &regs[1], 4);
    memcpy(name + 4, &regs[3], 4);
    memcpy(name + 8, &regs[2], 4);
    return same_text(name, vendor);
}

bool skip_without_timer(struct check *check)
{
    if (!timer_works())
        skip(check, "no timer fires on this machine");
    return !timer_works();
}

/* A kernel that may not touch the hardware has a VMM that sends them. */
bool skip_without_ipi(struct check *check)
{
    uint32_t regs[4];
    pv_cpu_cpuid(1, 0, regs);
    bool none = privileged() && (regs[CPUID_EDX] & CPUID_APIC) == 0;
    if (none)
        skip(check, "this machine has no local APIC");
    return none;
}

bool skip_without_ports(struct check *check)
{
    if (!privileged())
        skip(check, "ports are not this kernel's to touch: it does not run in ring 0");
    return !privileged();
}

bool wait_for(const volatile bool *flag, uint64_t ns)
{
    struct limit limit = limit_in(ns);
    while (!*flag && !limit_passed(&limit))
        pv_cpu_relax();
    return *flag;
}

static void watchdog(void)
{
    char why[200];
    print_to(why, sizeof(why), "the self-test ran out of time: %s", running);
    panic(why);
}

void still_going(void)
{
    timer_start(TIMER_WATCHDOG, pv_clock_ns() + WATCHDOG_NS, watchdog);
}

static bool run_one(const struct test *test, unsigned number)
{
    struct check check = {CHECK_PASSED, ""};
    running = test->name;
    still_going();
    uint64_t begun = pv_clock_ns();
    test->run(&check);
    timer_hook = NULL;
    pv_irq_enable();
    uint64_t ended = pv_clock_ns(); /* less than before, if the check began the library anew */
    if (check.outcome == CHECK_SKIPPED)
        print("ok %u - %s # SKIP %s\n", number, test->name, check.why);
    else
        print("%s %u - %s\n", check.outcome == CHECK_FAILED ? "not ok" : "ok", number, test->name);
    if (check.outcome == CHECK_FAILED)
        print("# %s\n", check.why);
    if (ended > begun + LONG_NS)
        print("# that took %lu ms\n", (ended - begun) / (uint64_t)NS_PER_MS);
    return check.outcome != CHECK_FAILED;
}

static unsigned count_wanted(const struct name_list *wanted)
{
    unsigned count = 0;
    for (unsigned i = 0; i < GROUPS; i++)
        if (list_wants(wanted, groups[i]->name))
            count += groups[i]->count;
    return count;
}

static bool is_a_group(const char *name)
{
    struct name_list one = {1, {name}};
    for (unsigned i = 0; i < GROUPS; i++)
        if (list_wants(&one, groups[i]->name))
            return true;
    return false;
}

static int refuse_unknown(const struct name_list *wanted)
{
    int status = 0;
    for (unsigned i = 0; i < wanted->count; i++) {
        if (is_a_group(wanted->names[i]))
            continue;
        print("# no such group of tests: %s\n", wanted->names[i]);
        status = 1;
    }
    return status;
}

int selftest(const struct name_list *tests)
{
    unsigned number = 0;
    unsigned failed = 0;
    print("TAP version 13\n1..%u\n", count_wanted(tests));
    bail_out_wanted = true;
    if (!timer_works())
        print("# no timer fires on this machine: nothing will end a check that hangs\n");
    for (unsigned i = 0; i < GROUPS; i++)
        for (unsigned j = 0; j < groups[i]->count && list_wants(tests, groups[i]->name); j++)
            if (!run_one(&groups[i]->tests[j], ++number))
                failed++;
    bail_out_wanted = false;
    timer_stop(TIMER_WATCHDOG);
    if (failed != 0)
        print("# %u of %u failed\n", failed, number);
    return refuse_unknown(tests) != 0 || failed != 0 ? 1 : 0;
}
