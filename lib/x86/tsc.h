/* SPDX-License-Identifier: MIT */
/*
 * Reading the time-stamp counter in program order. RDTSC alone may be executed before earlier loads
 * (Intel SDM vol. 2, RDTSC); LFENCE in front of it stops that, on AMD processors too (AMD APM
 * vol. 3, LFENCE: dispatch serialising, as every current kernel and firmware configures it).
 */
#ifndef PVOPS_LIB_X86_TSC_H
#define PVOPS_LIB_X86_TSC_H

#include <stdint.h>

static inline uint64_t pv_tsc_read(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

#endif
