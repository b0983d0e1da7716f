/* SPDX-License-Identifier: MIT */
/*
 * The parts of the backend for hardware-virtualized Xen domains (HVM and PVH) to each other.
 */
#ifndef PVOPS_XEN_HVM_HVM_H
#define PVOPS_XEN_HVM_HVM_H

#include "backends/xen/xen.h"

/* shared_info.c: puts Xen's page where pv_xen_shared points, and takes it away again. */
int pv_xen_hvm_shared_info_map(struct pv_error *error);
void pv_xen_hvm_shared_info_unmap(void);

/* upcall.c: how events reach this CPU. */
int pv_xen_hvm_upcall_start(struct pv_error *error);
void pv_xen_hvm_upcall_stop(void);
const char *pv_xen_hvm_upcall_name(void);

#endif
