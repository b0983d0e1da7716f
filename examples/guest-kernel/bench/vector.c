/* SPDX-License-Identifier: MIT */
/*
 * The vector of the benchmarks that send interrupts, and whether one has arrived. One of them has
 * it at a time.
 */
#include "bench.h"
#include "../console.h"
#include "../timer.h"

#define MOST_WAITS 100000000u

static volatile bool arrived;

static void note_arrival(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
    arrived = true;
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
    arrived = false;
    pv_smp_ipi(0, vector);
    while (!arrived && !limit_passed(&limit))
        pv_cpu_relax();
    return arrived;
}

void bench_vector_send(uint32_t cpu, uint8_t vector, const char *lost)
{
    arrived = false;
    pv_smp_ipi(cpu, vector);
    for (unsigned i = 0; i < MOST_WAITS; i++) {
        if (arrived)
            return;
        pv_cpu_relax();
    }
    panic(lost);
}
