/* SPDX-License-Identifier: MIT */
/*
 * struct pv_platform of this kernel. This file and main.c are what a kernel writes to use pvops.
 */
#include "platform.h"
#include "console.h"
#include "cpu.h"
#include "memory.h"
#include "smp.h"
#include "thread.h"
#include "timer.h"
#include "traps.h"

extern char text_start[], text_end[];

void (*volatile log_listener)(const char *line);

/* Test output is a protocol; its comments begin with a number sign. */
static void log_line(const char *line)
{
    if (log_listener != NULL)
        log_listener(line);
    else
        print("# pvops: %s\n", line);
}

static void library_panic(const char *why)
{
    panic(why);
}

static void library_preempt_off(void)
{
    preempt_off();
}

const struct pv_platform platform = {
    .log = log_line,
    .panic = library_panic,
    .text_start = (uintptr_t)text_start,
    .text_end = (uintptr_t)text_end,
    .text_alias = text_alias,
    .text_unalias = text_unalias,
    .virt_to_phys = virt_to_phys,
    .phys_to_virt = phys_to_virt,
    .page_alloc = page_alloc,
    .page_free = page_free,
    .map_physical = map_physical,
    .low_pages = low_pages,
    .cpu_count = smp_count,
    .cpu = smp_block,
    .run_on_others = smp_run_on_others,
    .each_saved_ip = threads_each_saved_ip,
    .preempt_off = library_preempt_off,
    .preempt_on = thread_preempt_on,
    .timer = timer_interrupt,
    .page_wait = thread_page_wait,
    .vector_first = VECTOR_FIRST_IRQ,
    .vector_last = VECTOR_LAST_IRQ,
    .vector_spurious = VECTOR_SPURIOUS,
};
