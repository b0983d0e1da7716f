/* SPDX-License-Identifier: MIT */
/*
 * Event channels: xen/include/public/event_channel.h; virtual interrupts: xen.h, "VIRTUAL
 * INTERRUPTS".
 */
#ifndef PVOPS_XEN_ABI_EVENT_CHANNEL_H
#define PVOPS_XEN_ABI_EVENT_CHANNEL_H

#include <stdint.h>

/* Commands of the hypercall, and their argument. */
#define PV_EVTCHNOP_BIND_VIRQ 1 /* struct pv_evtchn_bind_virq */
#define PV_EVTCHNOP_CLOSE     3 /* struct pv_evtchn_port */
#define PV_EVTCHNOP_SEND      4 /* struct pv_evtchn_port */
#define PV_EVTCHNOP_BIND_IPI  7 /* struct pv_evtchn_bind_ipi */
#define PV_EVTCHNOP_UNMASK    9 /* struct pv_evtchn_port */

struct pv_evtchn_bind_virq {
    uint32_t virq; /* PV_VIRQ_* */
    uint32_t vcpu;
    uint32_t port; /* out */
};

struct pv_evtchn_bind_ipi {
    uint32_t vcpu;
    uint32_t port; /* out */
};

struct pv_evtchn_port {
    uint32_t port;
};

/* Each virtual CPU has one: its timer. */
#define PV_VIRQ_TIMER 0

#endif
