/* SPDX-License-Identifier: MIT */
/*
 * What is measured of Linux (main.c says in which order). run_*() does its work as often as it is
 * told; prepare_*() and finish_*() surround that outside the measurement, and finish_*() sees
 * whether it really happened. A failure ends the program: a figure of something that did not happen
 * is worse than none.
 */
#ifndef PEER_OPERATIONS_H
#define PEER_OPERATIONS_H

#include "user.h"

/* processes.c */
failure run_system_calls(uint32_t count);
failure run_forks(uint32_t count);

/* handover.c */
failure prepare_yielders(uint32_t count);
failure prepare_fifo_yielders(uint32_t count);
failure run_yielders(uint32_t count);
failure finish_yielders(uint32_t count);
failure prepare_pipe(uint32_t count);
failure prepare_far_pipe(uint32_t count);
failure run_pipe(uint32_t count);
failure finish_pipe(uint32_t count);
failure finish_far_pipe(uint32_t count);

/* barrier.c */
failure prepare_barrier(uint32_t count);
failure run_barrier(uint32_t count);
failure finish_barrier(uint32_t count);

/* memory.c */
failure no_huge_pages(void);
failure prepare_untouched(uint32_t pages);
failure run_first_touches(uint32_t pages);
failure finish_pages(uint32_t pages);
failure run_page_by_page(uint32_t pages);
failure run_populate(uint32_t pages);
failure prepare_populated(uint32_t pages);
failure run_unmap(uint32_t pages);
extern uint32_t space_pages;        /* of each process that run_spaces() makes */
failure run_spaces(uint32_t count); /* each is made, gets its pages, and ends */

/* What the above share. Ids are positive; a child that failed is a failure of who awaits it. */
#define SIGCHLD 17u /* asm/signal.h, which is not for freestanding code */
long fork_process(void);
_Noreturn void end_process(int status);
failure await_child(long child);

/* cpus.c */
uint32_t usable_cpus(void);
failure start_second_cpu(void);
failure run_on_cpu(uint32_t cpu);
failure cpu_interrupts(uint64_t *count); /* that CPUs have sent each other */

#endif
