/* SPDX-License-Identifier: MIT */
/*
 * The vector of the benchmarks that send interrupts, and whether one has arrived. One of them has
 * it at a time.
 */
#include "bench.h"
#include "../console.h"
#include "../smp.h"
#include "../timer.h"

#define MOST_WAITS 100000000u

/* On each CPU. A set and no count: an emulated machine may deliver an interrupt twice. */
static volatile bool arrived[PV_CONFIG_MAX_CPUS];

static void note_arrival(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
    arrived[pv_this_cpu()->number] = true;
}

bool bench_vector_take(uint8_t *vector)
{
    int given = pv_irq_alloc(note_arrival, NULL);
    if (given < 0)
        return false;
    *vector = (uint8_t)given;
    return true;
}

bool bench_vector_arrives(uint8_t vector)
{
    struct limit limit = limit_in(NS_PER_S);
    arrived[0] = false;
    pv_smp_ipi(0, vector);
    while (!arrived[0] && !limit_passed(&limit))
        pv_cpu_relax();
    return arrived[0];
}

static void wait_for(uint32_t cpu, const char *lost)
{
    for (unsigned i = 0; i < MOST_WAITS; i++) {
        if (arrived[cpu])
            return;
        pv_cpu_relax();
    }
    panic(lost);
}

void bench_vector_send(uint32_t cpu, uint8_t vector, const char *lost)
{
    arrived[cpu] = false;
    pv_smp_ipi(cpu, vector);
    wait_for(cpu, lost);
}

void bench_vector_send_many(const struct pv_cpu_set *cpus, uint8_t vector, const char *lost)
{
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        arrived[cpu] = !pv_cpu_set_has(cpus, cpu);
    pv_smp_ipi_many(cpus, vector);
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        wait_for(cpu, lost);
}
