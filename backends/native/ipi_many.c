/* SPDX-License-Identifier: MIT */
/*
 * Interrupts to several CPUs, one after the other: by the op, so that a backend on top of this one
 * that knows only how to send to one CPU sends in its own way.
 */
#include "backends/native/native.h"

void pv_native_smp_ipi_many(const struct pv_cpu_set *cpus, uint8_t vector)
{
    unsigned count = pv_platform->cpu_count != NULL ? pv_platform->cpu_count() : 1;

    for (unsigned cpu = 0; cpu < count && cpu < PV_CONFIG_MAX_CPUS; cpu++)
        if (pv_cpu_set_has(cpus, cpu))
            pv_smp_ipi(cpu, vector);
}
