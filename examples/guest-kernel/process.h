/* SPDX-License-Identifier: MIT */
/*
 * Processes: a thread in user mode with an address space of its own.
 */
#ifndef GUEST_PROCESS_H
#define GUEST_PROCESS_H

#include "fpu.h"
#include "thread.h"
#include "user.h"

struct process {
    struct thread thread;
    uint64_t space;
    uint64_t number;
    uint64_t system_calls;
    uintptr_t entry_stack; /* top of the stack that its last system call came in on */
    int64_t status;        /* what it exited with */
    bool killed;
    uint64_t area_pages; /* from USER_AREA on, that come when they are first used */
    uint64_t fault_address;
    struct fpu_state fpu; /* while another process has the unit */
};

/* What the data page of a new process says; see user.h. */
struct process_start {
    uint64_t number;
    uint64_t program; /* enum user_program */
    uint64_t rounds;
    const struct pv_regs *frame; /* it begins with what is not 0 of rip, cs, rflags, rsp and ss */
};

/* Makes a process and lets it run. false: no memory; nothing is left behind. */
bool process_create(struct process *process, const struct process_start *start);

/* Makes a process, runs it on this CPU until it ends, and gives back everything it had; on a CPU
 * that has no other threads. false: no memory. */
bool process_run_here(struct process *process, const struct process_start *start);

/* Waits for its end and gives back everything it had. */
void process_wait(struct process *process);

/* A page fault of user code: whether it was the first use of a page, which is there now. Interrupts
 * off. */
bool process_page_in(uint64_t address);

/* A trap that user code caused: ends the process. */
_Noreturn void process_fault(const struct pv_regs *regs, uint64_t address);

/* The same from a stack that cannot be left. */
void process_condemn(struct pv_regs *regs);

_Noreturn void process_exit(int64_t status);

#endif
