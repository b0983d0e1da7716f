/* SPDX-License-Identifier: MIT */
/*
 * Interrupts to several CPUs, one after the other: by the op, so that a backend on top of this one
 * that knows only how to send to one CPU sends in its own way.
 */
#include "backends/native/native.h"
#include "lib/live.h"

PV_COLD void pv_native_smp_ipi_many(const struct pv_cpu_set *cpus, uint8_t vector)
{
    for (uint32_t cpu = 0; cpu <= pv_other_cpus() && cpu < PV_CONFIG_MAX_CPUS; cpu++)
        if (pv_cpu_set_has(cpus, cpu) && pv_cpu_of(cpu) != NULL)
            pv_smp_ipi(cpu, vector);
}
