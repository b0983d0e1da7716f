/* SPDX-License-Identifier: MIT */
/*
 * How the library waits when its CPUs are threads: it gives the processor to one that it waits for.
 */
#ifndef PVOPS_TESTS_HOST_PAUSE_H
#define PVOPS_TESTS_HOST_PAUSE_H

#ifndef __ASSEMBLER__
#include <sched.h>
#endif

#define PV_RAW_PAUSE() ((void)sched_yield())

#endif
