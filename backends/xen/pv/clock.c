/* SPDX-License-Identifier: MIT */
/*
 * What a PV guest's clock goes on with if Xen's records cannot be: the time-stamp counter at the
 * rate that they last had. There is no hardware below to fall back to, and a clock that stands
 * would hold up everybody who waits for a time.
 */
#include "backends/xen/pv/pv.h"
#include "backends/xen/abi/cpuid.h"
#include "lib/pvclock.h"
#include "lib/x86/tsc.h"

/* Where Xen does not say how fast the counter is, a guess: time that passes too fast or too slowly.
 */
#define SOME_HZ 2000000000ull

static struct pv_clock_rate rate; /* multiplier 0: not begun */
static uint64_t start_tsc;
static uint64_t latest_ns; /* counters of two CPUs may differ */

static uint64_t told_hz(void)
{
    uint32_t regs[4];
    uint64_t hz = pv_pvclock_tsc_hz(&pv_xen_clock_source);

    if (hz == 0 && pv_xen_cpuid(PV_XEN_LEAF_TIME, 0, regs))
        hz = regs[2] * 1000ull;
    return hz >= PV_CLOCK_MIN_HZ && hz <= PV_CLOCK_MAX_HZ ? hz : SOME_HZ;
}

void pv_xen_pv_clock_begin(void)
{
    rate = pv_clock_rate(told_hz(), PV_NS_PER_SECOND);
    start_tsc = pv_tsc_read();
    latest_ns = 0;
}

uint64_t pv_xen_pv_base_clock_ns(void)
{
    uint64_t count = pv_tsc_read() - start_tsc;

    if (rate.multiplier == 0)
        return 0;
    if ((int64_t)count < 0)
        count = 0;
    return pv_clock_monotonic(&latest_ns,
                              pv_clock_scale(count, rate) +
                                  __atomic_load_n(&pv_clock_skipped_ns, __ATOMIC_RELAXED));
}
