/* SPDX-License-Identifier: MIT */
/*
 * The page that Xen shares with a domain: xen/include/public/xen.h, struct shared_info and struct
 * vcpu_info; the architecture's part is in xen/include/public/arch-x86/xen.h and xen-x86_64.h.
 * Only what is used has a name of its own here.
 *
 * Xen writes everything in it at any time, and other domains cause it to: nothing in it may be
 * read twice and believed to be the same.
 */
#ifndef PVOPS_XEN_ABI_SHARED_INFO_H
#define PVOPS_XEN_ABI_SHARED_INFO_H

#include "lib/clock.h"

/* CPUs that have a struct vcpu_info in this page: XEN_LEGACY_MAX_VCPUS. */
#define PV_XEN_SHARED_VCPUS 32

/* What the words of the two-level event scheme hold: event_channel.h, EVTCHN_2L_NR_CHANNELS. */
#define PV_XEN_EVENT_WORDS     64
#define PV_XEN_EVENT_WORD_BITS 64
#define PV_XEN_EVENT_PORTS     (PV_XEN_EVENT_WORDS * PV_XEN_EVENT_WORD_BITS)

/* One CPU, 64 bytes. */
struct pv_xen_vcpu_info {
    uint8_t upcall_pending;    /* Xen sets it, the guest clears it before it looks for work */
    uint8_t upcall_mask;       /* PV only: no upcalls while it is not 0 */
    uint8_t padding[6];        /* */
    uint64_t pending_selector; /* a bit for each word of shared_info::pending to look at */
    uint64_t arch_cr2;         /* PV only: address of the last page fault */
    uint64_t arch_padding;     /* */
    struct pv_pvclock_record time;
};

struct pv_xen_shared_info {
    struct pv_xen_vcpu_info vcpu[PV_XEN_SHARED_VCPUS];
    uint64_t pending[PV_XEN_EVENT_WORDS]; /* Xen sets a port's bit, the guest clears it */
    uint64_t mask[PV_XEN_EVENT_WORDS];    /* only the guest writes it */
    struct pv_pvclock_wall wall;          /* wall clock at system time 0 */
    uint32_t wall_sec_high;               /* bits 63:32 of wall.sec */
    /* struct arch_shared_info follows. */
};

#endif
