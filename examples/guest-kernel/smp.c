/* SPDX-License-Identifier: MIT */
/*
 * CPUs other than the one that booted. See smp.h, and "CPUs" in docs/architecture.md for what the
 * library does and what is left to a kernel: blocks, stacks and tables for each, and the interrupt
 * by which one asks another for something.
 */
#include "smp.h"
#include "console.h"
#include "cpu.h"
#include "memory.h"
#include "thread.h"
#include "timer.h"
#include "traps.h"

#define START_NS    (5 * NS_PER_S)
#define AGAIN_NS    (10 * NS_PER_MS)
#define CALLS       8u
#define ERROR_CHARS 160

struct other {
    uint32_t hardware_id;
    uintptr_t stack;
    struct thread thread;
    void (*work)(void *argument); /* NULL: none, or done */
    void *argument;
    volatile bool up;
    bool leave;      /* it is asked to go */
    uint32_t parked; /* it has gone */
    int status;      /* PV_OK, or why it did not come */
    struct pv_error error;
};

/* The first is the CPU that booted, which has no use for most of it. */
static struct other others[MOST_CPUS] = {{.up = true}};
static unsigned listed = 1;
/* One more than the highest number of a CPU that was ever asked to come. */
static unsigned tried = 1;
static int vector = PV_E_FULL;

/*
 * What each CPU asked all others for last. A CPU that comes so late that its turn was overwritten
 * was given up by who asked.
 */
struct call {
    void (*function)(void *argument, const struct pv_regs *regs);
    void *argument;
};

struct outbox {
    struct call calls[CALLS];
    uint32_t sent;
} __attribute__((aligned(64)));

static struct outbox outboxes[MOST_CPUS];
static uint32_t seen[MOST_CPUS][MOST_CPUS]; /* by the receiver, then the sender */

unsigned smp_listed(void)
{
    return listed;
}

bool smp_is_up(unsigned number)
{
    return number < MOST_CPUS && others[number].up;
}

unsigned smp_count(void)
{
    unsigned count = tried;
    while (count > 1 && !others[count - 1].up)
        count--;
    return count;
}

struct pv_cpu *smp_block(unsigned number)
{
    return smp_is_up(number) ? &cpus[number].pv : NULL;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static bool take_call(unsigned sender, struct call *call)
{
    struct outbox *box = &outboxes[sender];
    uint32_t *last = &seen[this_cpu()->pv.number][sender];
    uint32_t sent = __atomic_load_n(&box->sent, __ATOMIC_ACQUIRE);
    if (*last == sent)
        return false;
    if (sent - *last > CALLS)
        *last = sent - CALLS;
    *call = box->calls[*last % CALLS];
    ++*last;
    return true;
}

static void on_call(struct pv_regs *regs, void *context)
{
    struct call call;
    (void)context;
    for (unsigned sender = 0; sender < MOST_CPUS; sender++)
        while (take_call(sender, &call))
            call.function(call.argument, regs);
}

void smp_run_on_others(void (*function)(void *argument, const struct pv_regs *regs), void *argument)
{
    preempt_off();
    unsigned self = this_cpu()->pv.number;
    struct outbox *box = &outboxes[self];
    box->calls[box->sent % CALLS] = (struct call){function, argument};
    __atomic_store_n(&box->sent, box->sent + 1, __ATOMIC_RELEASE);
    struct pv_cpu_set others_up = {{0}};
    for (unsigned cpu = 0; cpu < smp_count(); cpu++)
        if (cpu != self && smp_is_up(cpu))
            pv_cpu_set_add(&others_up, cpu);
    pv_smp_ipi_many(&others_up, (uint8_t)vector);
    preempt_on();
}

void smp_flush_others(uintptr_t start, uintptr_t end)
{
    struct pv_cpu_set all = {{0}};
    if (smp_count() == 1)
        return;
    for (unsigned cpu = 0; cpu < MOST_CPUS; cpu++)
        pv_cpu_set_add(&all, cpu);
    preempt_off();
    if (pv_tlb_flush_others(&all, start, end) != PV_OK)
        panic("another CPU does not drop a translation");
    thread_preempt_on();
}

/* ---- what each of them runs ------------------------------------------------------------------ */

static void do_work(struct other *self)
{
    pv_irq_enable();
    self->work(self->argument);
    pv_irq_disable();
    __atomic_store_n(&self->work, NULL, __ATOMIC_RELEASE);
}

static bool has_work(const struct other *self)
{
    return __atomic_load_n(&self->work, __ATOMIC_ACQUIRE) != NULL;
}

static void wait_for_work(struct other *self)
{
    while (!__atomic_load_n(&self->leave, __ATOMIC_ACQUIRE)) {
        if (has_work(self))
            do_work(self);
        else
            pv_irq_enable_halt();
        pv_irq_disable();
    }
}

/* Interrupts off, on its own stack and page tables; the descriptor tables are another CPU's. */
static void cpu_main(void *argument)
{
    struct other *self = argument;
    cpu_tables_init();
    traps_load();
    cpu_features_init();
    thread_become(&self->thread);
    for (unsigned sender = 0; sender < MOST_CPUS; sender++)
        seen[self - others][sender] = __atomic_load_n(&outboxes[sender].sent, __ATOMIC_ACQUIRE);
    self->status = pv_cpu_online(&self->error);
    if (self->status == PV_OK) {
        self->up = true;
        wait_for_work(self);
        self->up = false;
        pv_cpu_offline();
    }
    pv_smp_park(&self->parked);
}

/* ---- starting and stopping ------------------------------------------------------------------- */

static bool has_parked(const struct other *other)
{
    return __atomic_load_n(&other->parked, __ATOMIC_ACQUIRE) != 0;
}

static int cannot_start(struct pv_error *error, int status, const char *what, uint64_t where)
{
    *error = (struct pv_error){status, what, where, -1};
    return status;
}

int smp_online(unsigned number, struct pv_error *error)
{
    struct other *other = &others[number];
    if (other->stack == 0)
        other->stack = stack_create();
    if (other->stack == 0)
        return cannot_start(error, PV_E_FULL, "no memory for the stack of a CPU", number);
    if (number >= tried)
        tried = number + 1;
    other->leave = false;
    other->parked = 0;
    pv_cpu_setup(&cpus[number].pv, number);
    struct pv_smp_start start = {
        .hardware_id = other->hardware_id,
        .space = kernel_space,
        .gs_base = (uintptr_t)&cpus[number],
        .stack = other->stack,
        .entry = cpu_main,
        .argument = other,
    };
    int status = pv_smp_start(&start, error);
    if (status != PV_OK)
        return status;
    struct limit limit = limit_in(START_NS);
    while (!other->up && !has_parked(other) && !limit_passed(&limit))
        pv_cpu_relax();
    if (has_parked(other))
        *error = other->error;
    else if (!other->up)
        return cannot_start(error, PV_E_TIMEOUT, "a CPU started and did not come up", number);
    return other->status;
}

/* A halted CPU can miss a wake-up on some processors (selftest/halt.c): it is woken until it has
 * done what it is to do. */
static void wake(unsigned number)
{
    if (smp_is_up(number))
        pv_smp_ipi(number, (uint8_t)vector);
}

static bool wake_until(bool (*done)(const struct other *other), unsigned number, uint64_t ns)
{
    struct limit limit = limit_in(ns);
    while (!done(&others[number])) {
        struct limit again = limit_in(AGAIN_NS);
        if (limit_passed(&limit))
            return false;
        wake(number);
        while (!done(&others[number]) && !limit_passed(&again))
            pv_cpu_relax();
    }
    return true;
}

void smp_bid_leave(unsigned number)
{
    __atomic_store_n(&others[number].leave, true, __ATOMIC_RELEASE);
}

int smp_offline(unsigned number)
{
    if (!smp_is_up(number))
        return PV_E_RANGE;
    smp_bid_leave(number);
    return wake_until(has_parked, number, START_NS) ? PV_OK : PV_E_TIMEOUT;
}

void smp_forget(unsigned number)
{
    others[number].up = false;
    __atomic_store_n(&others[number].work, NULL, __ATOMIC_RELEASE);
}

void smp_give(unsigned number, void (*work)(void *argument), void *argument)
{
    others[number].argument = argument;
    __atomic_store_n(&others[number].work, work, __ATOMIC_RELEASE);
    wake(number);
}

static bool is_idle(const struct other *other)
{
    return !has_work(other);
}

bool smp_done(unsigned number, uint64_t ns)
{
    return wake_until(is_idle, number, ns);
}

static void start_one(unsigned number)
{
    char text[ERROR_CHARS];
    struct pv_error error;
    if (smp_online(number, &error) == PV_OK)
        return;
    pv_error_text(&error, text, sizeof(text));
    print("# CPU %u: %s\n", number, text);
}

void smp_start(unsigned most)
{
    uint32_t ids[MOST_CPUS];
    listed = pv_smp_list(ids, MOST_CPUS);
    vector = listed > 1 ? pv_irq_alloc(on_call, NULL) : PV_E_FULL;
    for (unsigned cpu = 1; cpu < listed && vector >= 0; cpu++) {
        others[cpu].hardware_id = ids[cpu];
        if (cpu < most)
            start_one(cpu);
    }
}
