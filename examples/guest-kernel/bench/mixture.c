/* SPDX-License-Identifier: MIT */
/*
 * What ops are for: system calls, page mappings, address-space switches and timer interrupts: what
 * twice as many of each take without what so many do. A kernel that is bound to one backend at
 * build time does the same work, so the two can be compared. No time slice is armed: threads change
 * places when they ask to.
 */
#include "bench.h"
#include "../console.h"
#include "../cpu.h"
#include "../memory.h"
#include "../process.h"
#include "../timer.h"

#define TRIES       3u
#define FIRST_TIMES 10u /* what is made at the first use only */

struct part {
    const char *name;
    bool (*run)(unsigned times, int64_t *ticks);
};

static struct process first, second;

static bool start_process(struct process *process, uint64_t program, uint64_t rounds)
{
    struct process_start start = {1, program, rounds, NULL};
    return process_create(process, &start);
}

static bool system_calls(unsigned times, int64_t *ticks)
{
    if (!start_process(&first, USER_CALLER, times))
        return false;
    uint64_t start = read_tsc();
    thread_wait(&first.thread);
    *ticks = (int64_t)(read_tsc() - start);
    space_destroy(first.space);
    return first.system_calls == times + 1;
}

static bool space_switches(unsigned times, int64_t *ticks)
{
    if (!start_process(&first, USER_YIELDER, times / 2))
        return false;
    if (!start_process(&second, USER_YIELDER, times / 2)) {
        process_wait(&first);
        return false;
    }
    uint64_t before = thread_switches();
    uint64_t start = read_tsc();
    thread_wait(&first.thread);
    thread_wait(&second.thread);
    *ticks = (int64_t)(read_tsc() - start);
    space_destroy(first.space);
    space_destroy(second.space);
    return thread_switches() - before >= times;
}

static bool mappings(unsigned times, int64_t *ticks)
{
    uint64_t phys = page_alloc();
    if (phys == 0)
        return false;
    /* The tables that the address needs are made once, and not part of what is compared. */
    paging_map(kernel_space, SCRATCH_BASE, phys, MAP_KERNEL_DATA);
    paging_unmap(kernel_space, SCRATCH_BASE);
    uint64_t start = read_tsc();
    for (unsigned i = 0; i < times; i++) {
        batch_begin();
        paging_map(kernel_space, SCRATCH_BASE, phys, MAP_KERNEL_DATA);
        batch_end();
        *(volatile uint64_t *)SCRATCH_BASE = i;
        paging_unmap(kernel_space, SCRATCH_BASE);
    }
    *ticks = (int64_t)(read_tsc() - start);
    page_free(phys);
    return true;
}

static bool one_timer_interrupt(void)
{
    uint64_t before = timer_interrupts();
    pv_irq_disable();
    pv_timer_set(0);
    pv_irq_enable();
    for (unsigned i = 0; i < 100000000 && timer_interrupts() == before; i++)
        pv_cpu_relax();
    return timer_interrupts() != before;
}

static bool timer_part(unsigned times, int64_t *ticks)
{
    bool good = true;
    uint64_t start = read_tsc();
    for (unsigned i = 0; i < times && good; i++)
        good = one_timer_interrupt();
    *ticks = (int64_t)(read_tsc() - start);
    return good;
}

static const struct part parts[] = {
    {"workload_syscalls", system_calls},
    {"workload_mappings", mappings},
    {"workload_switches", space_switches},
    {"workload_timer", timer_part},
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

static bool shortest(const struct part *part, unsigned times, int64_t *least)
{
    int64_t ticks, all = 0;
    *least = INT64_MAX;
    for (unsigned i = 0; !bench_runs_enough(i, all); i++) {
        if (!part->run(times, &ticks))
            return false;
        *least = ticks < *least ? ticks : *least;
        all += ticks;
    }
    return true;
}

/* Where other work of the machine was more than the difference, it is tried again. */
static bool difference(const struct part *part, unsigned times, int64_t *ticks)
{
    int64_t once, twice;
    *ticks = 0;
    for (unsigned i = 0; i < TRIES && *ticks <= 0; i++) {
        if (!shortest(part, times, &once) || !shortest(part, 2 * times, &twice))
            return false;
        *ticks = twice - once;
    }
    return true;
}

static int run_mode(enum bench_mode mode, unsigned times, bool json)
{
    int64_t total = 0;
    int64_t ticks[PARTS];
    int status = bench_set_mode(mode);
    for (unsigned i = 0; i < PARTS && status == PV_OK; i++) {
        if (!parts[i].run(FIRST_TIMES, &ticks[i]) || !difference(&parts[i], times, &ticks[i])) {
            print("# %s did not do its work\n", parts[i].name);
            return 1;
        }
        total += ticks[i];
    }
    for (unsigned i = 0; i < PARTS && status == PV_OK; i++)
        bench_report(parts[i].name, bench_mode_name(mode), (struct bench_result){times, ticks[i]},
                     json);
    if (status == PV_OK)
        bench_report("workload", bench_mode_name(mode), (struct bench_result){times, total}, json);
    return status;
}

int bench_workload(unsigned times, bool json)
{
    thread_slices(false);
    int status = run_mode(BENCH_PATCHED, times, json);
    if (status == 0 && !PV_BOUND)
        status = run_mode(BENCH_UNPATCHED, times, json);
    if (bench_set_mode(BENCH_PATCHED) != PV_OK)
        status = 1;
    thread_slices(true);
    return status;
}
