/* SPDX-License-Identifier: MIT */
/*
 * The scheduler, and the end of a domain: xen/include/public/sched.h.
 */
#ifndef PVOPS_XEN_ABI_SCHED_H
#define PVOPS_XEN_ABI_SCHED_H

#include <stdint.h>

/* Commands, and their argument. */
#define PV_SCHEDOP_YIELD    0 /* none */
#define PV_SCHEDOP_SHUTDOWN 2 /* struct pv_xen_shutdown */

/* Reasons, for whoever manages the domain. */
#define PV_SHUTDOWN_POWEROFF 0
#define PV_SHUTDOWN_CRASH    3

struct pv_xen_shutdown {
    uint32_t reason;
};

#endif
