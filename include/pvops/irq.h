/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The irq domain: interrupts on and off, end of interrupt, routing, vectors.
 */
#ifndef PVOPS_IRQ_H
#define PVOPS_IRQ_H

#include "pvops/site.h"
#include "pvops/trap.h"

PV_BEGIN_DECLS

/** pv_irq_route(): the line is level-triggered. */
#define PV_IRQ_LEVEL 0x1u
/** pv_irq_route(): the line is active low. */
#define PV_IRQ_ACTIVE_LOW 0x2u

/** What a device writes, and where, to interrupt a CPU (PCI Local Bus 3.0, 6.8.1: MSI). */
struct pv_irq_message {
    uint64_t address; /**< below 4 GiB, a multiple of 4 */
    uint32_t data;    /**< 16 bits */
};

#define PV_OP PV_WRAP
#include "pvops/ops/irq.h"
#undef PV_OP

/**
 * @brief Whether a saved state says that interrupts were on.
 * @param flags  From pv_irq_save() or pv_irq_flags().
 * @return true if on. A backend that has no interrupt flag of its own (Xen PV) encodes its state in
 *         the same bit.
 */
PV_INLINE bool pv_irqs_were_on(struct pv_irqflags flags)
{
    return (flags.raw & 0x200u) != 0;
}

/**
 * @brief What an interrupt runs. Interrupts off, on the interrupted stack, in trap context.
 * @param regs     The interrupted state; may be changed.
 * @param context  As given to pv_irq_alloc().
 */
typedef void (*pv_irq_handler)(struct pv_regs *regs, void *context);

/**
 * @brief Takes a vector for a handler. The library ends the interrupt after the handler returns.
 * @param handler  What to run.
 * @param context  Passed on.
 * @return the vector, or PV_E_FULL. The vectors are those of pv_platform::vector_first to
 *         vector_last, and the kernel's table must send each of them to pv_trap().
 */
int pv_irq_alloc(pv_irq_handler handler, void *context);

/**
 * @brief Gives a vector back.
 * @param vector  From pv_irq_alloc(), masked or silent by now.
 */
void pv_irq_free(int vector);

PV_END_DECLS

#endif
