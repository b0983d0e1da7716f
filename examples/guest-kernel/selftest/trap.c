/* SPDX-License-Identifier: MIT */
/*
 * Who gets a trap: the library what is its own, the kernel and its debugger everything else.
 */
#include "selftest.h"
#include "../cpu.h"
#include "../memory.h"
#include "../traps.h"

/* In nobody's range: Intel SDM vol. 4, AMD APM vol. 2 appendix A, and the VMMs' own. */
#define MSR_NOBODY 0x3fff0000u

static uint64_t seen_rip;
static unsigned seen_count;

static void unknown_msr(struct check *check)
{
    uint64_t value = 77;
    int status = pv_cpu_msr_read(MSR_NOBODY, &value);
    if (status == PV_OK) {
        skip(check, "this machine raises no fault for an unknown register");
        return;
    }
    EXPECT(check, status == PV_E_MSR && value == 77, "status %d, value %lu", status, value);
}

static void unknown_msr_write(struct check *check)
{
    int status = pv_cpu_msr_write(MSR_NOBODY, 0);
    if (status == PV_OK)
        skip(check, "this machine raises no fault for an unknown register");
    else
        EXPECT(check, status == PV_E_MSR, "status %d", status);
}

static void see(struct pv_regs *regs)
{
    seen_rip = regs->rip;
    seen_count++;
}

static void breakpoint_is_declined(struct check *check)
{
    uint64_t expected;
    seen_count = 0;
    debugger = see;
    __asm__ volatile("lea 1f(%%rip), %0\n\tint3\n1:" : "=r"(expected)::"memory");
    debugger = NULL;
    EXPECT(check, seen_count == 1, "seen %u times", seen_count);
    EXPECT(check, seen_rip == expected, "seen at %lx and not at %lx", seen_rip, expected);
}

static void text_is_read_only(struct check *check)
{
    EXPECT(check, !probe_write((void *)(uintptr_t)unknown_msr, 0), "text was written");
}

static void faults_come_back(struct check *check)
{
    uint64_t value;
    for (unsigned i = 0; i < 100; i++)
        EXPECT(check, !probe_read((void *)(SCRATCH_BASE + 0x100000), &value), "no fault");
    EXPECT(check, probe_read(&value, &value), "a mapped address faulted");
}

static const struct test trap_tests[] = {
    {"reading an unknown register gives PV_E_MSR", unknown_msr},
    {"writing an unknown register gives PV_E_MSR", unknown_msr_write},
    {"a debugger sees a breakpoint of its own", breakpoint_is_declined},
    {"a write to the kernel's text faults", text_is_read_only},
    {"page faults that are not the library's reach the kernel", faults_come_back},
};

const struct test_group trap_group = TEST_GROUP(trap);
