/* SPDX-License-Identifier: MIT */
/*
 * Vectors that were given out, seen from the trap path.
 */
#ifndef PVOPS_LIB_IRQ_H
#define PVOPS_LIB_IRQ_H

#include "lib/backend.h"

/* Runs the handler of a vector and ends the interrupt; false: nobody has the vector. */
bool pv_irq_dispatch(unsigned vector, struct pv_regs *regs);

/* The same for one that did not come by an interrupt controller: there is nothing to end. */
bool pv_irq_run(unsigned vector, struct pv_regs *regs);

/* As pv_irq_alloc(), for interrupts that pass by the local APIC: they are not ended. */
int pv_irq_alloc_unended(pv_irq_handler handler, void *context);

#endif
