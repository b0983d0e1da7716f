/* SPDX-License-Identifier: MIT */
/*
 * The scheduler, and the end of a domain: xen/include/public/sched.h.
 */
#ifndef PVOPS_XEN_ABI_SCHED_H
#define PVOPS_XEN_ABI_SCHED_H

#include <stdint.h>

/* Commands, and their argument. */
#define PV_SCHEDOP_YIELD    0 /* none */
#define PV_SCHEDOP_BLOCK    1 /* none; events may come from now on */
#define PV_SCHEDOP_SHUTDOWN 2 /* struct pv_xen_shutdown */
#define PV_SCHEDOP_POLL     3 /* struct pv_xen_poll */

/* Reasons, for whoever manages the domain. */
#define PV_SHUTDOWN_POWEROFF   0
#define PV_SHUTDOWN_CRASH      3
#define PV_SHUTDOWN_SOFT_RESET 5

struct pv_xen_shutdown {
    uint32_t reason;
};

/* Blocks until one of the ports is pending, masked or not, an event is to be delivered, or the time
 * has come. */
struct pv_xen_poll {
    const uint32_t *ports;
    uint32_t count;
    uint64_t timeout_ns; /* absolute, system time; 0: none */
};

#endif
