/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The time domain: clock, timer, wall clock, steal time.
 */
#ifndef PVOPS_TIME_H
#define PVOPS_TIME_H

#include "pvops/site.h"

PV_BEGIN_DECLS

/** One moment on three scales. */
struct pv_clock_pair {
    uint64_t unix_ns;  /**< the host's wall clock, since 1970-01-01 00:00 UTC */
    uint64_t clock_ns; /**< pv_clock_ns() */
    uint64_t tsc;      /**< this machine's time-stamp counter */
};

#define PV_OP PV_WRAP
#include "pvops/ops/time.h"
#undef PV_OP

/**
 * @brief Frequency of the time-stamp counter that pv_clock_ns() counts with.
 * @return kHz; 0 before pv_init() or without such a clock.
 */
uint32_t pv_tsc_khz(void);

/** @brief Name of the clock in force. @return "none", "tsc", "kvmclock", ... */
const char *pv_clock_name(void);

/**
 * @brief Whether the VMM has stopped this CPU and let it go on since the last time it asked. The
 * clock went on meanwhile: who watches for CPUs that hang forgives one period.
 * @return true once on each CPU for each stop that the VMM tells of. Any context but NMI;
 * preemption off.
 */
bool pv_clock_was_stopped(void);

PV_END_DECLS

#endif
