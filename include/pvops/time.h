/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The time domain: clock, timer, wall clock, steal time.
 */
#ifndef PVOPS_TIME_H
#define PVOPS_TIME_H

#include "pvops/site.h"

PV_BEGIN_DECLS

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

PV_END_DECLS

#endif
