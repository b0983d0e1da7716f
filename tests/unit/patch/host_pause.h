/* SPDX-License-Identifier: MIT */
/*
 * How the library waits when its CPUs are threads: it gives the processor to one that it waits for.
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
#endif

#define PV_RAW_PAUSE() host_pause()

#endif
