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
/* So many that what it takes to wake a CPU, tens of thousands of instructions on some VMMs, is
 * little beside it; so few that the VMM hardly ever takes the processor from who has the lock:
 * among more CPUs than processors, without the VMM's help, each turn would cost a time slice from
 * then on. */
#define CONTENDED 2000u

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

/* CPU 1 runs, and does nothing else. */
static volatile bool busy;

static void stay_busy(void *argument)
{
    (void)argument;
    while (busy)
        pv_cpu_relax();
}

static bool busy_other(const struct bench_path *path)
{
    if (!have_vector(path))
        return false;
    busy = true;
    smp_give(1, stay_busy, NULL);
    return true;
}

static void idle_other(const struct bench_path *path)
{
    busy = false;
    if (!smp_done(1, PATIENCE_NS))
        panic("a CPU does not end its work");
    free_vector(path);
}

/* To all at once: some VMMs are asked once for that. */
static void interrupt_others(uint32_t turns)
{
    struct pv_cpu_set others = {{0}};
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        if (smp_is_up(cpu))
            pv_cpu_set_add(&others, cpu);
    while (turns-- > 0)
        bench_vector_send_many(&others, vector, "an interrupt for other CPUs is lost");
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
    {"interrupt_other", 0, 20, 2, false, false, have_vector, interrupt_other, free_vector},
    {"interrupt_running", 0, 20, 2, true, false, busy_other, interrupt_other, idle_other},
    {"interrupt_others", 2, 10, 2, false, false, have_vector, interrupt_others, free_vector},
    {"interrupt_others", 3, 10, 3, false, false, have_vector, interrupt_others, free_vector},
    {"interrupt_others", 4, 10, 4, false, false, have_vector, interrupt_others, free_vector},
    {"call_others", 2, 10, 2, false, false, NULL, call_others, NULL},
    {"call_others", 3, 10, 3, false, false, NULL, call_others, NULL},
    {"call_others", 4, 10, 4, false, false, NULL, call_others, NULL},
    {"flush_others", 1, 10, 1, false, false, NULL, flush_others, NULL},
    {"flush_others", 2, 10, 2, false, false, NULL, flush_others, NULL},
    {"flush_others", 3, 10, 3, false, false, NULL, flush_others, NULL},
    {"flush_others", 4, 10, 4, false, false, NULL, flush_others, NULL},
    {"lock_contended", 1, CONTENDED, 1, false, false, NULL, contend, NULL},
    {"lock_contended", 2, CONTENDED, 2, false, false, NULL, contend, NULL},
    {"lock_contended", 3, CONTENDED, 3, false, false, NULL, contend, NULL},
    {"lock_contended", 4, CONTENDED, 4, false, false, NULL, contend, NULL},
};

const unsigned cpu_path_count = sizeof(cpu_paths) / sizeof(cpu_paths[0]);
