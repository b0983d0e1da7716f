/* SPDX-License-Identifier: MIT */
/*
 * Event channels in the two-level scheme: xen/include/public/xen.h, struct shared_info, and
 * event_channel.h. A port is one bit that Xen or another domain sets; a handler runs for it.
 *
 * The shared page is not trusted: a port is compared with what exists before anything is done with
 * it, one that nobody asked for is masked and stays so, and one upcall runs each handler once at
 * most, whatever the page says meanwhile.
 */
#ifndef PVOPS_XEN_EVENT_H
#define PVOPS_XEN_EVENT_H

#include "backends/xen/xen.h"

/* Ports that can have handlers. Xen gives out the lowest free one. */
#define PV_XEN_PORTS 1024u

/* What a port runs: interrupts off, on the interrupted stack, in trap context. */
typedef void (*pv_xen_event_handler)(struct pv_regs *regs, void *context);

/* All ports masked and without handlers: at the start, with pv_xen_shared set. */
void pv_xen_events_start(void);

/*
 * Takes a virtual interrupt of this CPU. Returns the port; PV_E_HOST if Xen refuses or gives a port
 * that cannot be, PV_E_FULL if it is beyond PV_XEN_PORTS.
 */
int pv_xen_event_bind_virq(uint32_t virq, pv_xen_event_handler handler, void *context);

/* The same for a port that this domain's CPUs send to each other. */
int pv_xen_event_bind_ipi(pv_xen_event_handler handler, void *context);

/* Masks a port, forgets its handler, and gives it back to Xen. Interrupts off. */
void pv_xen_event_close(int port);

/* Runs the handlers of what is pending on this CPU: the work of an upcall. Interrupts off. */
void pv_xen_events_run(struct pv_regs *regs);

/* Events that came for ports without handlers, since the start. */
uint64_t pv_xen_events_stray(void);

#endif
