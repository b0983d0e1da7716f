/* SPDX-License-Identifier: MIT */
/*
 * A round-robin scheduler for the CPU that booted; the others do work that they are given (smp.h).
 * Threads stand in a ring; a time slice is armed only while
 * more than one can run, so that an idle or single-minded kernel takes no timer interrupts. Kernel
 * threads are preempted like user code, except while preempt_count says no.
 */
#include "thread.h"
#include "console.h"
#include "cpu.h"
#include "fpu.h"
#include "memory.h"
#include "process.h"
#include "string.h"
#include "timer.h"
#include "traps.h"

#define SLICE_NS       (1 * NS_PER_MS)
#define PAGE_WAIT_NS   (2 * NS_PER_S)
#define RFLAGS_INITIAL 0x202ull

/* What context_switch() pops, in this order. */
struct switch_frame {
    uint64_t r15, r14, r13, r12, rbx, rbp;
    uint64_t rip;
};

void context_switch(uint64_t *save_rsp, uint64_t load_rsp);
void thread_begin(void);
_Noreturn void thread_main(void (*run)(void *), void *argument);

struct page_waits page_waits[MOST_CPUS];

static struct thread idle;
static uint64_t switches;
static bool slices_wanted = true;

struct thread *thread_current(void)
{
    return this_cpu()->current;
}

uint64_t thread_switches(void)
{
    return switches;
}

/* What other CPUs run is not in the ring: it is never switched away from. */
void thread_become(struct thread *thread)
{
    thread->space = kernel_space;
    thread->next = thread;
    this_cpu()->current = thread;
}

void threads_init(void)
{
    idle.space = kernel_space;
    idle.next = &idle;
    this_cpu()->current = &idle;
}

static void ring_add(struct thread *thread)
{
    struct pv_irqflags flags = pv_irq_save();
    thread->next = idle.next;
    idle.next = thread;
    pv_irq_restore(flags);
}

static void ring_remove(struct thread *thread)
{
    struct pv_irqflags flags = pv_irq_save();
    struct thread *before = &idle;
    while (before->next != thread)
        before = before->next;
    before->next = thread->next;
    pv_irq_restore(flags);
}

/* The next ready thread behind `from`; idle if there is none. */
static struct thread *next_ready(struct thread *from)
{
    for (struct thread *t = from->next; t != from; t = t->next)
        if (t != &idle && t->state == THREAD_READY)
            return t;
    return from != &idle && from->state == THREAD_READY ? from : &idle;
}

static void slice_over(void)
{
    this_cpu()->resched = 1;
}

static void arm_slice(struct thread *next)
{
    bool alone = next == &idle || next_ready(next) == next;
    if (alone || !slices_wanted)
        timer_stop(TIMER_SLICE);
    else if (!timer_armed(TIMER_SLICE))
        timer_start(TIMER_SLICE, pv_clock_ns() + SLICE_NS, slice_over);
}

/* In a batch, for a VMM to which all of it is one request. */
static void load_thread_state(const struct thread *from, const struct thread *to)
{
    pv_mmu_batch_begin();
    if (to->stack != 0)
        pv_cpu_kernel_stack_set(to->stack);
    if (to->space != from->space)
        pv_cr3_write(to->space);
    if (to->process != NULL)
        pv_cpu_tls_set(to->tls);
    if (on_boot_cpu())
        fpu_switch(to);
    pv_mmu_batch_end();
}

/* Interrupts off. Comes back when the thread that called is chosen again. */
static void switch_to_next(void)
{
    struct cpu *cpu = this_cpu();
    struct thread *from = cpu->current;
    struct thread *to = next_ready(from);
    cpu->resched = 0;
    arm_slice(to);
    if (to == from)
        return;
    switches++;
    cpu->current = to;
    load_thread_state(from, to);
    context_switch(&from->rsp, to->rsp);
}

/* The same for two threads that are in no ring. */
static void switch_here(struct thread *from, struct thread *to)
{
    this_cpu()->current = to;
    load_thread_state(from, to);
    context_switch(&from->rsp, to->rsp);
}

void thread_yield(void)
{
    struct pv_irqflags flags = pv_irq_save();
    switch_to_next();
    pv_irq_restore(flags);
}

void thread_slices(bool on)
{
    slices_wanted = on;
}

void thread_idle(void)
{
    for (;;) {
        pv_irq_disable();
        if (next_ready(&idle) == &idle)
            pv_irq_enable_halt();
        else
            switch_to_next();
    }
}

void thread_preempt_on(void)
{
    preempt_on();
    if (this_cpu()->resched != 0 && this_cpu()->preempt_count == 0 &&
        pv_irqs_were_on(pv_irq_flags()))
        thread_yield();
}

static bool may_be_left(const struct pv_regs *regs)
{
    return (regs->rflags & 0x200) != 0 && this_cpu()->preempt_count == 0;
}

void thread_trap_exit(struct pv_regs *regs)
{
    struct thread *thread = thread_current();
    if (thread == NULL || this_cpu()->resched == 0 || !may_be_left(regs))
        return;
    thread->preempted = regs;
    thread->preemptions++;
    switch_to_next();
    thread->preempted = NULL;
}

void threads_each_saved_ip(bool (*visit)(uintptr_t ip, void *argument), void *argument)
{
    struct thread *t = &idle;
    do {
        if (t->preempted != NULL && (t->preempted->cs & 3) == 0 &&
            !visit(t->preempted->rip, argument))
            return;
        t = t->next;
    } while (t != &idle);
}

static bool stack_for(struct thread *thread)
{
    *thread = (struct thread){.space = kernel_space};
    thread->stack = stack_create();
    return thread->stack != 0;
}

/* The stack as context_switch() left it, with `above` bytes in use above the frame. */
static struct switch_frame *first_frame(struct thread *thread, size_t above)
{
    struct switch_frame *frame =
        (struct switch_frame *)(thread->stack - above - sizeof(struct switch_frame));
    *frame = (struct switch_frame){0};
    thread->rsp = (uintptr_t)frame;
    return frame;
}

bool thread_create(struct thread *thread, void (*run)(void *argument), void *argument)
{
    if (!stack_for(thread))
        return false;
    struct switch_frame *frame = first_frame(thread, 2 * sizeof(uint64_t));
    frame->rbx = (uintptr_t)run;
    frame->r12 = (uintptr_t)argument;
    frame->rip = (uintptr_t)thread_begin;
    ring_add(thread);
    return true;
}

bool thread_make_user(struct thread *thread, const struct pv_regs *regs)
{
    struct thread wanted = *thread;
    if (!stack_for(thread))
        return false;
    thread->space = wanted.space;
    thread->tls = wanted.tls;
    thread->process = wanted.process;
    struct pv_regs *at_entry = (struct pv_regs *)(thread->stack - sizeof(struct pv_regs));
    *at_entry = *regs;
    uint16_t cs = USER_CS, ss = USER_DS;
    pv_cpu_user_selectors(&cs, &ss);
    at_entry->cs = regs->cs != 0 ? regs->cs : cs;
    at_entry->ss = regs->ss != 0 ? regs->ss : ss;
    at_entry->rflags = regs->rflags | RFLAGS_INITIAL;
    first_frame(thread, sizeof(struct pv_regs))->rip = (uintptr_t)trap_return;
    return true;
}

bool thread_create_user(struct thread *thread, const struct pv_regs *regs)
{
    bool made = thread_make_user(thread, regs);
    if (made)
        ring_add(thread);
    return made;
}

__attribute__((used)) _Noreturn void thread_main(void (*run)(void *), void *argument)
{
    pv_irq_enable();
    run(argument);
    thread_exit();
}

_Noreturn void thread_exit(void)
{
    pv_irq_disable();
    struct thread *thread = thread_current();
    thread->state = THREAD_DEAD;
    if (thread->runs_here)
        switch_here(thread, thread->waiter);
    if (thread->waiter != NULL)
        thread->waiter->state = THREAD_READY;
    switch_to_next();
    panic("a thread that has ended runs");
}

void thread_run_here(struct thread *thread)
{
    struct pv_irqflags flags = pv_irq_save();
    thread->runs_here = true;
    thread->waiter = thread_current();
    switch_here(thread->waiter, thread);
    pv_irq_restore(flags);
    stack_destroy(thread->stack);
}

static void bury(struct thread *thread)
{
    ring_remove(thread);
    stack_destroy(thread->stack);
}

void thread_wait(struct thread *thread)
{
    pv_irq_disable();
    while (thread->state != THREAD_DEAD) {
        thread->waiter = thread_current();
        thread->waiter->state = THREAD_WAITING;
        switch_to_next();
    }
    pv_irq_enable();
    bury(thread);
}

/*
 * Others run meanwhile, or nobody, as on CPUs that run one thing at a time. A page that has not
 * come in time is not waited for any longer: the access is made again, and stops the whole CPU
 * then.
 */
void thread_page_wait(const volatile bool *arrived)
{
    struct page_waits *waits = &page_waits[this_cpu()->pv.number];
    struct limit limit = limit_in(PAGE_WAIT_NS);
    waits->begun++;
    while (!*arrived && !limit_passed(&limit)) {
        uint64_t before = switches;
        if (on_boot_cpu()) {
            switch_to_next();
            waits->others_ran += switches != before;
        }
        pv_irq_enable();
        pv_cpu_relax();
        pv_irq_disable();
    }
    waits->ended += *arrived;
    if (waits->begun == waits->enough)
        *(volatile uint64_t *)(USER_DATA + USER_ENOUGH) = 1;
}

void thread_kill(struct thread *thread)
{
    thread->state = THREAD_DEAD;
    bury(thread);
}
