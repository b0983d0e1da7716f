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

/* Write protection for the kernel too, and paging: Intel SDM vol. 3A, 2.5. */
#define CR0_WP (1ul << 16)
#define CR0_PG (1ul << 31)

static void write_protection_is_cr0s(struct check *check)
{
    volatile uint64_t *at = (volatile uint64_t *)SCRATCH_BASE;
    uint64_t cr0 = pv_cpu_cr0_read();
    EXPECT(check, (cr0 & CR0_PG) != 0, "CR0 is %lx", cr0);
    if (!privileged()) {
        skip(check, "protection is the VMM's where the kernel does not run in ring 0");
        return;
    }
    uint64_t page = page_alloc();
    if (!EXPECT(check, page != 0 && paging_map(kernel_space, SCRATCH_BASE, page, MAP_KERNEL_CONST),
                "no memory"))
        return;
    struct pv_irqflags flags = pv_irq_save();
    bool before = probe_write(at, 1);
    pv_cpu_cr0_write(cr0 & ~CR0_WP);
    bool without = probe_write(at, 2);
    pv_cpu_cr0_write(cr0);
    bool after = probe_write(at, 3);
    pv_irq_restore(flags);
    EXPECT(check, !before && without && !after && *at == 2, "written: %u %u %u, last %lu", before,
           without, after, *at);
    EXPECT(check, pv_cpu_cr0_read() == cr0, "CR0 is %lx and not %lx", pv_cpu_cr0_read(), cr0);
    paging_unmap(kernel_space, SCRATCH_BASE);
    page_free(page);
}

static void faults_come_back(struct check *check)
{
    uint64_t value;
    for (unsigned i = 0; i < 100; i++)
        EXPECT(check, !probe_read((void *)(SCRATCH_BASE + 0x100000), &value), "no fault");
    EXPECT(check, probe_read(&value, &value), "a mapped address faulted");
}

/* ---- debug registers and machine checks -------------------------------------------------------
 */

/* Breakpoint 0: on, for this CPU; at writes, of eight bytes (Intel SDM vol. 3B, 18.2.4). */
#define DR7_WATCH_WRITES 0x90001u
/* What is set in any case: 18.2.3 and 18.2.4. */
#define DR6_IDLE 0xffff0ff0u
#define DR7_IDLE 0x400u
#define DR6_HIT  1u

static volatile uint64_t watched __attribute__((aligned(8)));
static volatile unsigned hits;
static volatile uint64_t hit_status;
static volatile uint64_t hit_vector;

static void on_hit(struct pv_regs *regs)
{
    hits++;
    hit_vector = regs->vector;
    hit_status = pv_cpu_debug_read(6);
    (void)pv_cpu_debug_write(6, DR6_IDLE);
}

static void writes_are_watched(struct check *check)
{
    hits = 0;
    hit_status = 0;
    trap_hook = on_hit;
    preempt_off();
    int status = pv_cpu_debug_write(0, (uintptr_t)&watched);
    if (status == PV_OK)
        status = pv_cpu_debug_write(7, DR7_IDLE | DR7_WATCH_WRITES);
    uint64_t address = pv_cpu_debug_read(0);
    watched = 1;
    unsigned first = hits;
    (void)pv_cpu_debug_write(7, DR7_IDLE);
    (void)pv_cpu_debug_write(0, 0);
    watched = 2;
    preempt_on();
    trap_hook = NULL;
    EXPECT(check, status == PV_OK && address == (uintptr_t)&watched, "status %d, address %lx",
           status, address);
    EXPECT(check, first == 1 && hits == 1, "%u traps, then %u", first, hits);
    EXPECT(check, hit_vector == VECTOR_DEBUG && (hit_status & DR6_HIT) != 0,
           "vector %lu, status %lx", hit_vector, hit_status);
}

static void debug_registers_that_are_not(struct check *check)
{
    for (uint32_t index = 4; index < 20; index += index == 5 ? 3 : 1)
        EXPECT(check, pv_cpu_debug_write(index, 0) == PV_E_RANGE && pv_cpu_debug_read(index) == 0,
               "register %u", index);
    EXPECT(check, pv_cpu_debug_write(7, 1ull << 32) == PV_E_RANGE, "bit 32 was taken");
}

static void machine_check(struct check *check)
{
    if (!privileged()) {
        skip(check, "only the VMM can raise one where the kernel does not run in ring 0");
        return;
    }
    hits = 0;
    trap_hook = on_hit;
    __asm__ volatile("int %0" : : "i"(VECTOR_MACHINE_CHECK) : "memory");
    trap_hook = NULL;
    EXPECT(check, hits == 1 && hit_vector == VECTOR_MACHINE_CHECK,
           "%u traps, the last by vector %lu", hits, hit_vector);
}

static const struct test trap_tests[] = {
    {"reading an unknown register gives PV_E_MSR", unknown_msr},
    {"writing an unknown register gives PV_E_MSR", unknown_msr_write},
    {"a debugger sees a breakpoint of its own", breakpoint_is_declined},
    {"a write to the kernel's text faults", text_is_read_only},
    {"what is mapped to be read can be written only while CR0.WP is clear",
     write_protection_is_cr0s},
    {"a debug register traps the write that it watches, and none later", writes_are_watched},
    {"debug registers that do not exist are refused", debug_registers_that_are_not},
    {"a machine check reaches the kernel, on a stack of its own", machine_check},
    {"page faults that are not the library's reach the kernel", faults_come_back},
};

const struct test_group trap_group = TEST_GROUP(trap);
