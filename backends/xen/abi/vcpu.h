/* SPDX-License-Identifier: MIT */
/*
 * A virtual CPU's own business: xen/include/public/vcpu.h.
 */
#ifndef PVOPS_XEN_ABI_VCPU_H
#define PVOPS_XEN_ABI_VCPU_H

/* Commands, and their argument. */
#define PV_VCPUOP_INITIALISE        0 /* how it is to begin: pv_vcpu.h, hvm_vcpu.h; once */
#define PV_VCPUOP_UP                1 /* none */
#define PV_VCPUOP_DOWN              2 /* none; the calling CPU comes back when it is up again */
#define PV_VCPUOP_IS_UP             3 /* none; 1, 0, or negative: there is no such CPU */
#define PV_VCPUOP_GET_RUNSTATE_INFO 4 /* struct pv_xen_runstate, filled */
/* struct pv_xen_runstate_area: kept up to date there from now on; of any CPU */
#define PV_VCPUOP_REGISTER_RUNSTATE_AREA 5
#define PV_VCPUOP_STOP_PERIODIC_TIMER    7 /* none */
#define PV_VCPUOP_SET_SINGLESHOT_TIMER   8 /* struct pv_xen_singleshot; of the calling CPU only */
#define PV_VCPUOP_STOP_SINGLESHOT_TIMER  9 /* none; of the calling CPU only */
/* struct pv_xen_register_vcpu_info; of a CPU that is down or the calling one; once */
#define PV_VCPUOP_REGISTER_VCPU_INFO 10

/* Where a CPU's time went: indices of pv_xen_runstate::time_ns. */
#define PV_RUNSTATE_RUNNING  0
#define PV_RUNSTATE_RUNNABLE 1 /* it wanted to run, and did not */
#define PV_RUNSTATE_BLOCKED  2
#define PV_RUNSTATE_OFFLINE  3 /* it neither ran nor waited for an event: paused from outside */

#define PV_XEN_RUNSTATE_STATE 0 /* offset of `state` for assembly */

#ifndef __ASSEMBLER__

#include <stdint.h>

/* Where a CPU's struct vcpu_info shall lie; it does not cross a page. */
struct pv_xen_register_vcpu_info {
    uint64_t frame; /* PV: machine frame */
    uint32_t offset;
    uint32_t reserved;
};

/* A timeout in the past fires at once. */
struct pv_xen_singleshot {
    uint64_t timeout_ns; /* absolute, system time */
    uint32_t flags;
};

/* While Xen writes the one in a guest's memory; needs PV_VMASST_RUNSTATE_UPDATE_FLAG. */
#define PV_XEN_RUNSTATE_UPDATE (1ull << 63)

struct pv_xen_runstate {
    int32_t state;
    uint64_t since_ns; /* and PV_XEN_RUNSTATE_UPDATE */
    uint64_t time_ns[4];
};

/* Where it is to lie: an address that is mapped whenever the CPU is in the kernel; 0: nowhere. */
struct pv_xen_runstate_area {
    uint64_t address;
};

#endif
#endif
