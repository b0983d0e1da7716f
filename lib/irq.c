/* SPDX-License-Identifier: MIT */
/*
 * Interrupt vectors: given out, dispatched, taken back.
 */
#include "lib/irq.h"

struct vector {
    pv_irq_handler handler;
    void *context;
    uint64_t unended; /* 1: it has no bit in service, so there is no end of interrupt */
    uint64_t padding; /* an index is a shift */
};

static struct vector vectors[256];

static unsigned spurious_vector(void)
{
    return pv_platform->vector_spurious != 0 ? pv_platform->vector_spurious : 255;
}

/* Not inline, even when linking optimises: its caller lies in the text that has no call site. */
__attribute__((noinline)) bool pv_irq_dispatch(unsigned vector, struct pv_regs *regs)
{
    if (vector >= sizeof(vectors) / sizeof(vectors[0]))
        return false;
    struct vector *entry = &vectors[vector];
    pv_irq_handler handler = __atomic_load_n(&entry->handler, __ATOMIC_ACQUIRE);
    /* A spurious interrupt is nobody's and has no bit in service: no end of it (Intel SDM vol. 3A,
     * 11.9). */
    if (__builtin_expect(handler == NULL, 0))
        return pv_platform != NULL && vector == spurious_vector();
    uint64_t unended = entry->unended;
    handler(regs, entry->context);
    if (unended == 0)
        pv_irq_eoi();
    return true;
}

bool pv_irq_run(unsigned vector, struct pv_regs *regs)
{
    if (vector >= sizeof(vectors) / sizeof(vectors[0]))
        return false;
    pv_irq_handler handler = __atomic_load_n(&vectors[vector].handler, __ATOMIC_ACQUIRE);
    if (handler == NULL)
        return false;
    handler(regs, vectors[vector].context);
    return true;
}

PV_COLD static int alloc(pv_irq_handler handler, void *context, bool unended)
{
    unsigned first = pv_platform->vector_first;
    unsigned last = pv_platform->vector_last;

    if (handler == NULL || first < 32 || last < first)
        return PV_E_FULL;
    for (unsigned vector = first; vector <= last; vector++) {
        if (vector == spurious_vector() || vectors[vector].handler != NULL)
            continue;
        vectors[vector].context = context;
        vectors[vector].unended = unended;
        __atomic_store_n(&vectors[vector].handler, handler, __ATOMIC_RELEASE);
        return (int)vector;
    }
    return PV_E_FULL;
}

PV_COLD int pv_irq_alloc(pv_irq_handler handler, void *context)
{
    return alloc(handler, context, false);
}

PV_COLD int pv_irq_alloc_unended(pv_irq_handler handler, void *context)
{
    return alloc(handler, context, true);
}

PV_COLD void pv_irq_free(int vector)
{
    if (vector >= 32 && vector < 256)
        __atomic_store_n(&vectors[vector].handler, NULL, __ATOMIC_RELEASE);
}
