/* SPDX-License-Identifier: MIT */
/*
 * The self-test: groups of checks, each a sentence that is true or not. TAP version 13,
 * https://testanything.org/tap-version-13-specification.html.
 */
#ifndef GUEST_SELFTEST_H
#define GUEST_SELFTEST_H

#include "../console.h"
#include "pvops/pvops.h"

enum outcome { CHECK_PASSED, CHECK_FAILED, CHECK_SKIPPED };

struct check {
    enum outcome outcome;
    char why[240];
};

struct test {
    const char *name;
    void (*run)(struct check *check);
};

struct test_group {
    const char *name;
    const struct test *tests;
    unsigned count;
};

#define TEST_GROUP(group)                                                  \
    {                                                                      \
#group, group##_tests, sizeof(group##_tests) / sizeof(struct test) \
    }

extern const struct test_group sites_group, ops_group, halt_group, clock_group, timer_group;
extern const struct test_group irq_group, wx_group, trap_group, switch_group, module_group;
extern const struct test_group registers_group, absent_group, exits_group, swap_group;
extern const struct test_group cpus_group, smp_group, busy_group, pcid_group, debugger_group;
extern const struct test_group live_group, users_group, detect_group, tables_group;
extern const struct test_group refused_group, batch_group, kvm_group, vcpus_group, events_group,
    xen_group, stress_group, memory_group;
extern const struct test_group foreign_group, shutdown_group, races_group, pirq_group, mce_group,
    softreset_group, ldt_group, assist_group, message_group, unplug_group, stopped_group;

/* The first reason to fail is kept. */
void fail(struct check *check, const char *format, ...) PRINTF_LIKE(2, 3);
void skip(struct check *check, const char *format, ...) PRINTF_LIKE(2, 3);

/* Fails with the reason if the condition does not hold; returns the condition. */
#define EXPECT(check, condition, ...) ((condition) ? true : (fail((check), __VA_ARGS__), false))

/* Fails with the library's own words unless status is PV_OK. */
bool expect_ok(struct check *check, const char *what, int status, const struct pv_error *error);

/* For checks of patching: true, and the check is skipped, in a build that has no sites. */
bool skip_if_bound(struct check *check);

/* The same where the machine has no timer that fires, no way to send interrupts, or no ports for
 * this kernel. */
bool skip_without_timer(struct check *check);
bool skip_without_ipi(struct check *check);
bool skip_without_ports(struct check *check);

/* The same where no other CPU runs. */
bool skip_alone(struct check *check);

/* By the name that `info` shows. */
bool feature_in_use(const char *feature);

/* "GenuineIntel", "AuthenticAMD": CPUID leaf 0. */
bool processor_is_by(const char *vendor);

/* For checks that take long: they have come further, and the watchdog begins again. */
void still_going(void);

/* Waits with interrupts on until *flag is set; false after the time. */
bool wait_for(const volatile bool *flag, uint64_t ns);

/* Runs each op that can be run without consequences, through the sites of this file's text; false
 * and a reason if one does not do what it is for. */
bool ops_work(struct check *check);

/* The first site in a small function, and where it is; NULL: there is none. */
const struct pv_site *site_in(uintptr_t function);
uintptr_t site_of(const struct pv_site *record);

/* Writes one byte of text through its alias, and returns what was there. */
uint8_t exchange_text(uintptr_t address, uint8_t value);

/* The backend that a VMM is served best by. */
const char *backend_for(const char *vmm);

/* A page that is both writable and executable, or 0. */
uintptr_t writable_and_executable(void);

#endif
