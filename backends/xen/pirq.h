/* SPDX-License-Identifier: MIT */
/*
 * Real interrupts, for the hardware domain as a PV guest: what a line or a device's message raises
 * comes by an event channel, and runs the handler of a vector.
 */
#ifndef PVOPS_XEN_PIRQ_H
#define PVOPS_XEN_PIRQ_H

#include "backends/xen/xen.h"

/* pv_irq_message(), which is refused, pv_irq_route() and pv_irq_mask(). */
int pv_xen_irq_message(uint32_t cpu, uint8_t vector, struct pv_irq_message *message);
int pv_xen_irq_route(uint32_t gsi, uint8_t vector, uint32_t flags);
int pv_xen_irq_mask(uint32_t gsi, bool masked);

/*
 * Lets a PCI device's message (MSI) run a vector's handler. Xen writes address and data into the
 * device's capability; to enable it is left to the caller, behind this. Returns what
 * pv_xen_msi_mask() and pv_xen_msi_end() know it by; PV_E_UNSUPPORTED; PV_E_FULL; PV_E_HOST if Xen
 * knows of no such device, or it has no such capability.
 */
int pv_xen_msi_route(uint8_t bus, uint8_t devfn, uint8_t vector);
int pv_xen_msi_mask(int msi, bool masked);
void pv_xen_msi_end(int msi);

/* All of them are given back. */
void pv_xen_pirqs_stop(void);

#endif
