/* SPDX-License-Identifier: MIT */
/*
 * Paths that need more CPUs than one. The boot CPU waits for the others, and waiting is part of the
 * figure: it ends when the slowest is done.
 */
#include "bench.h"
#include "../console.h"
#include "../cpu.h"
#include "../memory.h"
#include "../smp.h"
#include "../timer.h"

#define PATIENCE_NS (10 * NS_PER_S)

static uint8_t vector;

static bool have_vector(const struct bench_path *path)
{
    (void)path;
    return bench_vector_take(&vector);
}

static void free_vector(const struct bench_path *path)
{
    (void)path;
    pv_irq_free(vector);
}

static void interrupt_other(uint32_t turns)
{
    while (turns-- > 0)
        bench_vector_send(1, vector, "an interrupt for CPU 1 is lost");
}

static void do_nothing(void *argument, const struct pv_regs *regs)
{
    (void)argument;
    (void)regs;
}

static void call_others(uint32_t turns)
{
    while (turns-- > 0)
        smp_run_on_others(do_nothing, NULL);
}

static void flush_others(uint32_t turns)
{
    while (turns-- > 0)
        smp_flush_others(SCRATCH_BASE, SCRATCH_BASE + PAGE_BYTES);
}

/* Each CPU takes and leaves the lock as often; what they do under it is next to nothing. */
static struct pv_spinlock lock = PV_SPINLOCK_FREE;
static volatile uint64_t under_lock;

static void take_turns(void *argument)
{
    for (uint64_t turn = 0; turn < *(const uint32_t *)argument; turn++) {
        preempt_off();
        pv_spin_lock(&lock);
        under_lock++;
        pv_spin_unlock(&lock);
        preempt_on();
    }
}

static void contend(uint32_t turns)
{
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        if (smp_is_up(cpu))
            smp_give(cpu, take_turns, &turns);
    take_turns(&turns);
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        if (smp_is_up(cpu) && !smp_done(cpu, PATIENCE_NS))
            panic("a CPU does not come to the end of its turns");
}

const struct bench_path cpu_paths[] = {
    {"interrupt_other", 0, 20, 2, false, have_vector, interrupt_other, free_vector},
    {"call_others", 2, 10, 2, false, NULL, call_others, NULL},
    {"call_others", 3, 10, 3, false, NULL, call_others, NULL},
    {"call_others", 4, 10, 4, false, NULL, call_others, NULL},
    {"flush_others", 2, 10, 2, false, NULL, flush_others, NULL},
    {"flush_others", 3, 10, 3, false, NULL, flush_others, NULL},
    {"flush_others", 4, 10, 4, false, NULL, flush_others, NULL},
    {"lock_contended", 2, 100, 2, false, NULL, contend, NULL},
    {"lock_contended", 3, 100, 3, false, NULL, contend, NULL},
    {"lock_contended", 4, 100, 4, false, NULL, contend, NULL},
};

const unsigned cpu_path_count = sizeof(cpu_paths) / sizeof(cpu_paths[0]);
