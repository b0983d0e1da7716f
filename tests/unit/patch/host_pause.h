/* SPDX-License-Identifier: MIT */
/*
 * What is different for the library on the host. Its CPUs are threads: it gives the processor to
 * one that it waits for. They run in ring 3, and a test may say otherwise; so may it of how long
 * an answer is waited for.
 */
#ifndef PVOPS_TESTS_HOST_PAUSE_H
#define PVOPS_TESTS_HOST_PAUSE_H

#ifndef __ASSEMBLER__
#include <sched.h>

/* Now and then: who waits for nobody that could come shall not wait much longer than by spinning.
 */
static inline void host_pause(void)
{
    static __thread unsigned pauses;

    if (++pauses % 64 != 0)
        __builtin_ia32_pause();
    else
        sched_yield();
}

extern unsigned host_kernel_rpl;
extern unsigned host_patience;
#endif

#define PV_RAW_PAUSE()       host_pause()
#define PV_KERNEL_RPL        host_kernel_rpl
#define PV_STOP_ANSWER_SPINS host_patience

#endif
