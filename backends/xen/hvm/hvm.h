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

/* upcall.c: how events reach the CPU that boots, and each further one. */
int pv_xen_hvm_upcall_start(struct pv_error *error);
void pv_xen_hvm_upcall_stop(void);
int pv_xen_hvm_upcall_cpu_start(struct pv_error *error);
const char *pv_xen_hvm_upcall_name(void);

/* smp.c */
uint32_t pv_xen_hvm_smp_list(uint32_t *hardware_ids, uint32_t room);
int pv_xen_hvm_smp_start(const struct pv_smp_start *start, struct pv_error *error);
void pv_xen_hvm_smp_park(uint32_t *parked);
void pv_xen_hvm_smp_cpu_enter(void);
bool pv_xen_hvm_started_by_xen(uint32_t vcpu); /* and not by messages */

/* hint.c: what Xen says about itself in leaf 4; and whether a message to another CPU had better be
 * an event, because the local APIC is emulated register by register. */
bool pv_xen_hvm_hint(uint32_t flag);
bool pv_xen_hvm_prefers_event_ipis(void);

/* unplug.c: emulated devices that are to go; false: there are none, or it is not wanted. Once, the
 * other one does what the command line says. */
#define PV_XEN_UNPLUG_DISKS 0x1u
#define PV_XEN_UNPLUG_NICS  0x2u
#define PV_XEN_UNPLUG_NVME  0x8u
bool pv_xen_hvm_unplug(uint16_t devices);
void pv_xen_hvm_unplug_as_asked(void);

#endif
