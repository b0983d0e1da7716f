/* SPDX-License-Identifier: MIT */
/*
 * What Xen does otherwise for a domain that asks for it: xen/include/public/xen.h, VMASST_*.
 */
#ifndef PVOPS_XEN_ABI_VM_ASSIST_H
#define PVOPS_XEN_ABI_VM_ASSIST_H

#define PV_XEN_HC_VM_ASSIST 21 /* command, type */

#define PV_VMASST_ENABLE  0
#define PV_VMASST_DISABLE 1

/* Xen carries out plain writes to page tables that are mapped read-only. PV only. */
#define PV_VMASST_WRITABLE_PAGETABLES 2
/* Runstate records in the guest's memory say when they are being written. */
#define PV_VMASST_RUNSTATE_UPDATE_FLAG 5
/* The table from machine to pseudo-physical frames is out of the users' reach. PV only. */
#define PV_VMASST_M2P_STRICT 32

#endif
