/* SPDX-License-Identifier: MIT */
/*
 * What Xen does with RDTSC (xen/include/public/arch-x86/cpuid.h, leaf 4 of it, 40000x03H; docs/man/
 * xen-tscmode.7): the processor's own counter, or one of Xen's that costs an exit each time. Xen's
 * clock records fit either. Which it is says nothing about what is right, only about what it costs.
 */
#include "backends/xen/xen.h"
#include "backends/xen/abi/cpuid.h"

const char *pv_xen_tsc_mode(void)
{
    uint32_t regs[4];

    if (!pv_xen_cpuid(PV_XEN_LEAF_TIME, 0, regs))
        return NULL;
    return regs[0] & PV_XEN_TSC_EMULATED ? "tsc-emulated" : "tsc-native";
}
