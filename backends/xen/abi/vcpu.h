/* SPDX-License-Identifier: MIT */
/*
 * A virtual CPU's own business: xen/include/public/vcpu.h.
 */
#ifndef PVOPS_XEN_ABI_VCPU_H
#define PVOPS_XEN_ABI_VCPU_H

#include <stdint.h>

/* Commands, and their argument. */
#define PV_VCPUOP_INITIALISE            0 /* how it is to begin: pv_vcpu.h, hvm_vcpu.h; once */
#define PV_VCPUOP_UP                    1 /* none */
#define PV_VCPUOP_DOWN                  2 /* none; the calling CPU comes back when it is up again */
#define PV_VCPUOP_IS_UP                 3 /* none; 1, 0, or negative: there is no such CPU */
#define PV_VCPUOP_GET_RUNSTATE_INFO     4 /* struct pv_xen_runstate, filled */
#define PV_VCPUOP_STOP_PERIODIC_TIMER   7 /* none */
#define PV_VCPUOP_SET_SINGLESHOT_TIMER  8 /* struct pv_xen_singleshot; of the calling CPU only */
#define PV_VCPUOP_STOP_SINGLESHOT_TIMER 9 /* none; of the calling CPU only */

/* A timeout in the past fires at once. */
struct pv_xen_singleshot {
    uint64_t timeout_ns; /* absolute, system time */
    uint32_t flags;
};

/* Where a CPU's time went: indices of pv_xen_runstate::time_ns. */
#define PV_RUNSTATE_RUNNING  0
#define PV_RUNSTATE_RUNNABLE 1 /* it wanted to run, and did not */
#define PV_RUNSTATE_BLOCKED  2
#define PV_RUNSTATE_OFFLINE  3 /* it neither ran nor waited for an event: paused from outside */

struct pv_xen_runstate {
    int32_t state;
    uint64_t since_ns;
    uint64_t time_ns[4];
};

#endif
