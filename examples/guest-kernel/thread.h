/* SPDX-License-Identifier: MIT */
/*
 * Threads and their scheduler.
 */
#ifndef GUEST_THREAD_H
#define GUEST_THREAD_H

#include "cpu.h"

enum thread_state { THREAD_READY, THREAD_WAITING, THREAD_DEAD };

struct process;

struct thread {
    uint64_t rsp;              /* of the switch that left it */
    uintptr_t stack;           /* top of its kernel stack; 0 for the boot stack */
    uint64_t space;            /* address space */
    uint64_t tls;              /* user thread pointer */
    struct pv_regs *preempted; /* what the timer interrupted, while another thread runs instead */
    struct process *process;   /* NULL for a kernel thread */
    struct thread *waiter;     /* who waits for its end */
    struct thread *next;       /* ring of all threads */
    enum thread_state state;
    bool runs_here;       /* alone, until it ends: thread_run_here() */
    uint32_t preemptions; /* switches that it did not ask for */
};

/* Turns the running code into the idle thread. */
void threads_init(void);

/* Turns what runs on a further CPU into a thread that it never leaves. */
void thread_become(struct thread *thread);

/* What the idle thread does. */
_Noreturn void thread_idle(void);

/* Whether threads are preempted after a while. On from the start. */
void thread_slices(bool on);

/* A kernel thread, ready to run. false if there is no memory. */
bool thread_create(struct thread *thread, void (*run)(void *argument), void *argument);

/* A thread that begins in user mode with these registers. */
bool thread_create_user(struct thread *thread, const struct pv_regs *regs);

/* The same for thread_run_here(), which runs it on this CPU until it ends, and nothing else: for
 * CPUs that have no other threads. It does not use the floating-point unit. */
bool thread_make_user(struct thread *thread, const struct pv_regs *regs);
void thread_run_here(struct thread *thread);

/* Gives the CPU to the next thread that can use it. */
void thread_yield(void);

/* Ends the running thread. Its stack is given back by who waits for it. */
_Noreturn void thread_exit(void);

/* Waits until a thread has ended, and frees its stack. */
void thread_wait(struct thread *thread);

/* Ends a thread that is not running, and frees its stack. */
void thread_kill(struct thread *thread);

/* Switches, if the trap that ends here asked for it and what it interrupted may be left. */
void thread_trap_exit(struct pv_regs *regs);

/* pv_platform::each_saved_ip. */
void threads_each_saved_ip(bool (*visit)(uintptr_t ip, void *argument), void *argument);

/* pv_platform::page_wait, and how it went so far on each CPU. */
struct page_waits {
    uint64_t begun;
    uint64_t ended;      /* because the page came */
    uint64_t others_ran; /* how often somebody else had the CPU meanwhile */
    uint64_t enough;     /* when so many have begun the process is told that they are (user.h) */
};

void thread_page_wait(const volatile bool *arrived);
extern struct page_waits page_waits[MOST_CPUS];

struct thread *thread_current(void);

/* Switches between threads so far. */
uint64_t thread_switches(void);

#endif
