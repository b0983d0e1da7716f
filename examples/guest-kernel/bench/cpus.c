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
#include "../string.h"
#include "../timer.h"

#define PATIENCE_NS (10 * NS_PER_S)
#define MOST_WAITS  100000000u
/* So many that what it takes to wake a CPU, tens of thousands of instructions on some VMMs, is
 * little beside it. */
#define CONTENDED 500u

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

static uint32_t called[PV_CONFIG_MAX_CPUS];

static void count_call(void *argument, const struct pv_regs *regs)
{
    (void)argument;
    (void)regs;
    uint32_t *mine = &called[pv_this_cpu()->number];
    __atomic_store_n(mine, *mine + 1, __ATOMIC_RELEASE);
}

static void wait_for_count(const uint32_t *count, uint32_t wanted, const char *lost)
{
    for (unsigned i = 0; i < MOST_WAITS; i++) {
        if (__atomic_load_n(count, __ATOMIC_ACQUIRE) == wanted)
            return;
        pv_cpu_relax();
    }
    panic(lost);
}

/* The next call is made when all have run this one: a kernel keeps a few only. */
static void call_others(uint32_t turns)
{
    memset(called, 0, sizeof(called));
    for (uint32_t turn = 1; turn <= turns; turn++) {
        smp_run_on_others(count_call, NULL);
        for (unsigned cpu = 1; cpu < smp_count(); cpu++)
            if (smp_is_up(cpu))
                wait_for_count(&called[cpu], turn, "a CPU does not run what it was asked for");
    }
}

static void flush_others(uint32_t turns)
{
    while (turns-- > 0)
        smp_flush_others(SCRATCH_BASE, SCRATCH_BASE + PAGE_BYTES);
}

static struct pv_spinlock lock = PV_SPINLOCK_FREE;
static volatile uint64_t under_lock;
static uint32_t came, found_held;

/* Where CPUs share a processor, all have to wait for the lock or none would: each waits a time
 * slice then, unless it can sleep. */
static bool waiters_sleep(const struct bench_path *path)
{
    struct pv_facts facts;
    pv_facts(&facts);
    return path->processors != SHARED_PROCESSORS || !same_text(facts.backend, "native");
}

/* It is held, or has just been left to who waits for it. */
static bool have_to_wait(void)
{
    return __atomic_load_n(&lock.locked, __ATOMIC_RELAXED) != 0 ||
           __atomic_load_n(&lock.tail, __ATOMIC_RELAXED) != 0;
}

/* Each CPU takes and leaves the lock as often. What is done under it is next to nothing, but for a
 * pause, at which an emulator goes on with the next CPU: that one finds the lock held. */
static void take_turns(uint32_t turns)
{
    while (turns-- > 0) {
        preempt_off();
        if (have_to_wait())
            __atomic_fetch_add(&found_held, 1, __ATOMIC_RELAXED);
        pv_spin_lock(&lock);
        under_lock++;
        pv_cpu_relax();
        pv_spin_unlock(&lock);
        preempt_on();
    }
}

static void come_and_take_turns(void *argument)
{
    __atomic_fetch_add(&came, 1, __ATOMIC_RELEASE);
    take_turns(*(const uint32_t *)argument);
}

/* The lock is held until all others have come for it. Whoever leaves it waits behind them then. */
static void contend(uint32_t turns)
{
    uint32_t given = 0;
    came = 0;
    preempt_off();
    pv_spin_lock(&lock);
    for (unsigned cpu = 1; cpu < smp_count(); cpu++) {
        if (!smp_is_up(cpu))
            continue;
        smp_give(cpu, come_and_take_turns, &turns);
        given++;
    }
    wait_for_count(&came, given, "a CPU does not come for a lock");
    pv_spin_unlock(&lock);
    preempt_on();
    take_turns(turns);
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        if (smp_is_up(cpu) && !smp_done(cpu, PATIENCE_NS))
            panic("a CPU does not come to the end of its turns");
}

/* Where CPUs share a processor no turn would be waited for but the first: who is woken for it runs
 * at once, to the end of its turns. */
static void come_for_lock(uint32_t turns)
{
    while (turns-- > 0)
        contend(1);
}

static uint64_t waits_for_lock(void)
{
    return __atomic_exchange_n(&found_held, 0, __ATOMIC_RELAXED);
}

const struct bench_path cpu_paths[] = {
    {"interrupt_other", 0, 20, 2, ANY_PROCESSORS, false, have_vector, interrupt_other, free_vector,
     NULL},
    {"interrupt_running", 0, 20, 2, OWN_PROCESSORS, false, busy_other, interrupt_other, idle_other,
     NULL},
    {"interrupt_others", 2, 10, 2, ANY_PROCESSORS, false, have_vector, interrupt_others,
     free_vector, NULL},
    {"interrupt_others", 3, 10, 3, ANY_PROCESSORS, false, have_vector, interrupt_others,
     free_vector, NULL},
    {"interrupt_others", 4, 10, 4, ANY_PROCESSORS, false, have_vector, interrupt_others,
     free_vector, NULL},
    {"call_others", 2, 10, 2, ANY_PROCESSORS, false, NULL, call_others, NULL, NULL},
    {"call_others", 3, 10, 3, ANY_PROCESSORS, false, NULL, call_others, NULL, NULL},
    {"call_others", 4, 10, 4, ANY_PROCESSORS, false, NULL, call_others, NULL, NULL},
    {"flush_others", 1, 10, 1, ANY_PROCESSORS, true, NULL, flush_others, NULL, NULL},
    {"flush_others", 2, 10, 2, ANY_PROCESSORS, false, NULL, flush_others, NULL, NULL},
    {"flush_others", 3, 10, 3, ANY_PROCESSORS, false, NULL, flush_others, NULL, NULL},
    {"flush_others", 4, 10, 4, ANY_PROCESSORS, false, NULL, flush_others, NULL, NULL},
    {"lock_contended", 1, CONTENDED, 1, ANY_PROCESSORS, true, NULL, contend, NULL, NULL},
    {"lock_contended", 2, CONTENDED, 2, OWN_PROCESSORS, false, NULL, contend, NULL, waits_for_lock},
    {"lock_contended", 3, CONTENDED, 3, OWN_PROCESSORS, false, NULL, contend, NULL, waits_for_lock},
    {"lock_contended", 4, CONTENDED, 4, OWN_PROCESSORS, false, NULL, contend, NULL, waits_for_lock},
    {"lock_awaited", 2, 5, 2, SHARED_PROCESSORS, false, waiters_sleep, come_for_lock, NULL,
     waits_for_lock},
    {"lock_awaited", 3, 5, 3, SHARED_PROCESSORS, false, waiters_sleep, come_for_lock, NULL,
     waits_for_lock},
    {"lock_awaited", 4, 5, 4, SHARED_PROCESSORS, false, waiters_sleep, come_for_lock, NULL,
     waits_for_lock},
};

const unsigned cpu_path_count = sizeof(cpu_paths) / sizeof(cpu_paths[0]);
