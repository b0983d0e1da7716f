/* SPDX-License-Identifier: MIT */
/*
 * Hypercall numbers and who is meant by "me": xen/include/public/xen.h, "HYPERCALLS" and the
 * DOMID_* list. A hypercall returns 0 or more on success and a negative errno.h number otherwise.
 */
#ifndef PVOPS_XEN_ABI_HYPERCALL_H
#define PVOPS_XEN_ABI_HYPERCALL_H

#define PV_XEN_HC_MEMORY_OP        12
#define PV_XEN_HC_XEN_VERSION      17
#define PV_XEN_HC_CONSOLE_IO       18
#define PV_XEN_HC_VCPU_OP          24
#define PV_XEN_HC_SCHED_OP         29
#define PV_XEN_HC_EVENT_CHANNEL_OP 32
#define PV_XEN_HC_PHYSDEV_OP       33
#define PV_XEN_HC_HVM_OP           34

/* The calling domain. */
#define PV_XEN_DOMID_SELF 0x7ff0u

/* To who may not make a hypercall, and of one that is not there: xen/include/public/errno.h,
 * negated. */
#define PV_XEN_EPERM  (-1)
#define PV_XEN_ENOSYS (-38)

#endif
