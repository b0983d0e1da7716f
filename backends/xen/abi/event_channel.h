/* SPDX-License-Identifier: MIT */
/*
 * Event channels: xen/include/public/event_channel.h; virtual interrupts: xen.h, "VIRTUAL
 * INTERRUPTS".
 */
#ifndef PVOPS_XEN_ABI_EVENT_CHANNEL_H
#define PVOPS_XEN_ABI_EVENT_CHANNEL_H

#include <stdint.h>

/* Commands of the hypercall, and their argument. */
#define PV_EVTCHNOP_BIND_INTERDOMAIN 0  /* struct pv_evtchn_bind_interdomain */
#define PV_EVTCHNOP_BIND_VIRQ        1  /* struct pv_evtchn_bind_virq */
#define PV_EVTCHNOP_BIND_PIRQ        2  /* struct pv_evtchn_bind_pirq */
#define PV_EVTCHNOP_CLOSE            3  /* struct pv_evtchn_port */
#define PV_EVTCHNOP_SEND             4  /* struct pv_evtchn_port */
#define PV_EVTCHNOP_STATUS           5  /* struct pv_evtchn_status */
#define PV_EVTCHNOP_ALLOC_UNBOUND    6  /* struct pv_evtchn_alloc_unbound */
#define PV_EVTCHNOP_BIND_IPI         7  /* struct pv_evtchn_bind_ipi */
#define PV_EVTCHNOP_BIND_VCPU        8  /* struct pv_evtchn_bind_vcpu */
#define PV_EVTCHNOP_UNMASK           9  /* struct pv_evtchn_port */
#define PV_EVTCHNOP_RESET            10 /* struct pv_evtchn_reset */
#define PV_EVTCHNOP_INIT_CONTROL     11 /* struct pv_evtchn_init_control */
#define PV_EVTCHNOP_EXPAND_ARRAY     12 /* struct pv_evtchn_expand_array */
#define PV_EVTCHNOP_SET_PRIORITY     13 /* struct pv_evtchn_set_priority */

struct pv_evtchn_bind_interdomain {
    uint16_t remote_domain;
    uint32_t remote_port;
    uint32_t port; /* out */
};

/* What a port is; the rest is filled for a channel between domains. */
#define PV_EVTCHNSTAT_CLOSED      0
#define PV_EVTCHNSTAT_INTERDOMAIN 2
#define PV_EVTCHNSTAT_IPI         5

struct pv_evtchn_status {
    uint16_t domain;
    uint32_t port;
    uint32_t status; /* out, like all that follows */
    uint32_t vcpu;
    uint16_t remote_domain;
    uint32_t remote_port;
};

struct pv_evtchn_bind_virq {
    uint32_t virq; /* PV_VIRQ_* */
    uint32_t vcpu;
    uint32_t port; /* out */
};

struct pv_evtchn_bind_pirq {
    uint32_t pirq;
    uint32_t flags; /* PV_BIND_PIRQ_SHARE */
    uint32_t port;  /* out */
};

/* Other domains may have the line too. */
#define PV_BIND_PIRQ_SHARE 1u

struct pv_evtchn_alloc_unbound {
    uint16_t domain;        /* whose port */
    uint16_t remote_domain; /* who may connect to it */
    uint32_t port;          /* out */
};

struct pv_evtchn_bind_ipi {
    uint32_t vcpu;
    uint32_t port; /* out */
};

/* Not for ports of IPIs and of virtual interrupts that each CPU has. */
struct pv_evtchn_bind_vcpu {
    uint32_t port;
    uint32_t vcpu;
};

struct pv_evtchn_port {
    uint32_t port;
};

/* Closes all ports, and goes back to the two-level scheme. */
struct pv_evtchn_reset {
    uint16_t domain;
};

/* The first one changes to the FIFO scheme; a CPU's block stays where it is until the reset. */
struct pv_evtchn_init_control {
    uint64_t frame;
    uint32_t offset; /* a multiple of 8 */
    uint32_t vcpu;
    uint8_t link_bits; /* out */
    uint8_t padding[7];
};

struct pv_evtchn_expand_array {
    uint64_t frame;
};

struct pv_evtchn_set_priority {
    uint32_t port;
    uint32_t priority; /* 0 comes first, 15 last */
};

/* Each virtual CPU has one: its timer. */
#define PV_VIRQ_TIMER 0

/* ---- the FIFO scheme ("FIFO ABI") ----------------------------------------------------------- */

/* A port's word: flags, and the port behind it in its queue. */
#define PV_EVENT_PENDING   (1u << 31)
#define PV_EVENT_MASKED    (1u << 30)
#define PV_EVENT_LINKED    (1u << 29) /* it is in a queue: the link counts */
#define PV_EVENT_BUSY      (1u << 28) /* Xen changes the link: not to be unmasked now */
#define PV_EVENT_LINK_BITS 17
#define PV_EVENT_LINK      ((1u << PV_EVENT_LINK_BITS) - 1)

#define PV_EVENT_QUEUES           16
#define PV_EVENT_PRIORITY_DEFAULT 7

/* One for each CPU; does not cross a page. */
struct pv_xen_control_block {
    uint32_t ready; /* a bit for each queue that was empty and is not */
    uint32_t reserved;
    uint32_t head[PV_EVENT_QUEUES]; /* first port of a queue that became ready */
};

#endif
