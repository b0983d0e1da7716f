/* SPDX-License-Identifier: MIT */
/*
 * Event channels: xen/include/public/event_channel.h. A port is something that Xen or another
 * domain makes pending; a handler runs for it.
 *
 * What is shared with Xen is not trusted: a port is compared with what exists before anything is
 * done with it, one that nobody asked for is masked and stays so, and one upcall runs each handler
 * once at most, whatever the pages say meanwhile.
 *
 * Ports are taken and given back by one caller at a time. Everything else may be done to a port by
 * any CPU, in any context but NMI.
 */
#ifndef PVOPS_XEN_EVENT_H
#define PVOPS_XEN_EVENT_H

#include "backends/xen/xen.h"

/* Ports that can have handlers. Xen gives out the lowest free one. */
#define PV_XEN_PORTS 8192u

/* What a port runs: interrupts off, on the interrupted stack, in trap context. regs is NULL where a
 * CPU that goes takes what is left. */
typedef void (*pv_xen_event_handler)(struct pv_regs *regs, void *context);

/*
 * At the start, with pv_xen_shared set, on the CPU that boots: all ports masked and without
 * handlers; chooses FIFO where Xen has it, or two levels: where it has not, and by the word
 * "events=2l" of the command line.
 */
void pv_xen_events_start(void);

/* The same for each other CPU, once it runs, before it takes a port. */
int pv_xen_events_cpu_start(struct pv_error *error);

/* Its end: what it took goes to the CPU that boots, and what is on its way to it is delivered. */
void pv_xen_events_cpu_stop(void);

/* The end on the CPU that boots, behind the others': closes what ports there still are. What was a
 * port is none, and an upcall that is on its way finds nothing to do. */
void pv_xen_events_stop(void);

/* Takes back from Xen what is left with it otherwise: the end of this kernel. Closes all ports if
 * that is what it takes; those of console and xenstore are connected again, by the same numbers. */
void pv_xen_events_end(void);

/* "events-fifo" or "events-2-level". */
const char *pv_xen_events_name(void);

/*
 * Takes a virtual interrupt of this CPU. Returns the port; PV_E_HOST if Xen refuses or gives a port
 * that cannot be, PV_E_FULL if there is no memory for it, or it is beyond PV_XEN_PORTS.
 */
int pv_xen_event_bind_virq(uint32_t virq, pv_xen_event_handler handler, void *context);

/* The same for a port that this domain's CPUs send to each other. */
int pv_xen_event_bind_ipi(pv_xen_event_handler handler, void *context);

/* The same for a real interrupt that Xen passes on; flags: PV_BIND_PIRQ_*. */
int pv_xen_event_bind_pirq(uint32_t pirq, uint32_t flags, pv_xen_event_handler handler,
                           void *context);

/* The same for a port that a domain may connect to, and for one connected to a domain's. */
int pv_xen_event_offer(uint16_t domain, pv_xen_event_handler handler, void *context);
int pv_xen_event_connect(uint16_t domain, uint32_t remote_port, pv_xen_event_handler handler,
                         void *context);

/*
 * Takes a port that is there already: the toolstack has connected it, as it does those of console
 * and xenstore. It is there for the next kernel, too: closing it leaves it to Xen, masked. The
 * port; PV_E_ARGUMENT: it is connected to no domain; PV_E_FULL.
 */
int pv_xen_event_adopt(uint32_t port, pv_xen_event_handler handler, void *context);

/*
 * Masks a port, forgets its handler, and gives it back to Xen. A handler that runs on another CPU
 * is waited for, for a bounded time. PV_OK; PV_E_TIMEOUT: it still runs, and what its context
 * points at is in use; PV_E_ARGUMENT.
 */
int pv_xen_event_close(int port);

/* Makes the other end of a port pending. PV_OK, PV_E_ARGUMENT, PV_E_HOST. */
int pv_xen_event_send(int port);

/* While a port is masked its handler does not start; what comes meanwhile is delivered afterwards,
 * as one. Not counted: unmasked is unmasked. PV_OK, PV_E_ARGUMENT. */
int pv_xen_event_mask(int port);
int pv_xen_event_unmask(int port);

/* Forgets that a masked port is pending. */
void pv_xen_event_clear(int port);

/* Which of Xen's CPUs takes a port from now on. Not for virtual interrupts of a CPU and for IPIs.
 * PV_OK; PV_E_ARGUMENT; PV_E_RANGE: none that takes events has this number; PV_E_HOST;
 * PV_E_TIMEOUT: another CPU moves it, and does not come to an end. */
int pv_xen_event_set_vcpu(int port, uint32_t vcpu);

/* 0 comes first, 15 last. PV_OK; PV_E_ARGUMENT; PV_E_UNSUPPORTED in the two-level scheme. */
int pv_xen_event_set_priority(int port, uint32_t priority);

/*
 * For a port at whose other end is somebody who is not trusted: from now on it stays masked from
 * the start of its handler until pv_xen_event_done(). Who says "without work" again and again waits
 * longer each time, up to a second, until the port is unmasked. event_late.c
 */
int pv_xen_event_set_late(int port);
int pv_xen_event_done(int port, bool work);

/* Runs the handlers of what is pending on this CPU: the work of an upcall. Interrupts off. */
void pv_xen_events_run(struct pv_regs *regs);

/* Events that came for ports without handlers, since the start. */
uint64_t pv_xen_events_stray(void);

#endif
