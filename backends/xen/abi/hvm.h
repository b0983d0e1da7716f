/* SPDX-License-Identifier: MIT */
/*
 * Calls and parameters that only hardware-virtualized domains have (HVM and PVH):
 * xen/include/public/hvm/hvm_op.h and hvm/params.h.
 */
#ifndef PVOPS_XEN_ABI_HVM_H
#define PVOPS_XEN_ABI_HVM_H

#include <stdint.h>

/* Commands, and their argument. */
#define PV_HVMOP_SET_PARAM                0  /* struct pv_xen_hvm_param */
#define PV_HVMOP_GET_PARAM                1  /* struct pv_xen_hvm_param */
#define PV_HVMOP_SET_EVTCHN_UPCALL_VECTOR 23 /* struct pv_xen_upcall_vector */

struct pv_xen_hvm_param {
    uint16_t domain;
    uint16_t padding;
    uint32_t index; /* PV_HVM_PARAM_* */
    uint64_t value;
};

/*
 * The vector is an interrupt of the virtual CPU's local APIC, edge-triggered, and wants its end of
 * interrupt. It is preferred to PV_HVM_PARAM_CALLBACK_IRQ and cannot be taken back.
 */
struct pv_xen_upcall_vector {
    uint32_t vcpu;
    uint8_t vector; /* 10H and up */
};

/* How events reach CPU 0, or all CPUs: the type in bits 63:56, 0 for none. */
#define PV_HVM_PARAM_CALLBACK_IRQ 0
/*
 * Type: a vector (bits 7:0) on every CPU. It passes by the local APIC, comes for as long as
 * upcall_pending is set, and has no end of interrupt.
 */
#define PV_HVM_CALLBACK_VECTOR (2ull << 56)

/* The console's ring and event channel; 0 for none. */
#define PV_HVM_PARAM_CONSOLE_PFN    17
#define PV_HVM_PARAM_CONSOLE_EVTCHN 18

/* Xenstore's event channel. */
#define PV_HVM_PARAM_STORE_EVTCHN 2

#endif
