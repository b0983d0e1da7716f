/* SPDX-License-Identifier: MIT */
/*
 * The clock of plain hardware: the time-stamp counter, scaled, from 0 at initialisation on.
 */
#include "backends/native/native.h"
#include "lib/x86/tsc.h"

/* CPUID.80000007H:EDX[8], invariant TSC: Intel SDM vol. 3B, 18.17.1. */
#define LEAF_POWER        0x80000007u
#define INVARIANT_TSC     (1u << 8)
#define LEAF_EXTENDED_MAX 0x80000000u

static struct pv_clock_rate rate; /* multiplier 0: no frequency, no clock */
static uint64_t start_tsc;
static uint64_t frequency_hz;
/* Counters that stop or drift with a CPU's sleep states may differ between CPUs. */
static bool invariant;
static uint64_t latest_ns;

static bool tsc_is_invariant(void)
{
    uint32_t regs[4];

    pv_native_cpu_cpuid(LEAF_EXTENDED_MAX, 0, regs);
    if (regs[0] < LEAF_POWER)
        return false;
    pv_native_cpu_cpuid(LEAF_POWER, 0, regs);
    return (regs[3] & INVARIANT_TSC) != 0;
}

PV_COLD void pv_native_tsc_init(void)
{
    frequency_hz = pv_native_tsc_hz();
    if (frequency_hz == 0) {
        pv_log("no clock: nothing tells the TSC frequency, and there is no timer to measure it");
        return;
    }
    invariant = tsc_is_invariant();
    start_tsc = pv_tsc_read();
    rate = pv_clock_rate(frequency_hz, PV_NS_PER_SECOND);
    pv_tsc_khz_value = (uint32_t)(frequency_hz / 1000);
}

PV_COLD uint64_t pv_native_tsc_frequency(void)
{
    return frequency_hz;
}

uint64_t pv_native_clock_ns(void)
{
    if (rate.multiplier == 0)
        return 0;
    uint64_t count = pv_tsc_read() - start_tsc;
    /* Another CPU's counter may be a little behind the one that the start was read from. */
    if ((int64_t)count < 0)
        count = 0;
    uint64_t ns =
        pv_clock_scale(count, rate) + __atomic_load_n(&pv_clock_skipped_ns, __ATOMIC_RELAXED);
    return invariant ? ns : pv_clock_monotonic(&latest_ns, ns);
}

PV_COLD uint64_t pv_native_steal_ns(void)
{
    return 0;
}
