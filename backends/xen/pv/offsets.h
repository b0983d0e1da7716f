/* SPDX-License-Identifier: MIT */
/*
 * Where this CPU's struct vcpu_info lies as seen from %gs, and numbers of hypercalls, for assembly;
 * checked in pv.c.
 */
#ifndef PVOPS_XEN_PV_OFFSETS_H
#define PVOPS_XEN_PV_OFFSETS_H

#include "pvops/config.h"

/* Those of struct pv_cpu: checked in pvops/percpu.h. */
#define CPU_BACKEND   (PV_CONFIG_CPU_OFFSET + 96)
#define CPU_VMM_STATE (PV_CONFIG_CPU_OFFSET + 256)

#define UPCALL_PENDING (CPU_VMM_STATE + 0)
#define UPCALL_MASK    (CPU_VMM_STATE + 1)
#define UPCALL_CR2     (CPU_VMM_STATE + 16)

/* Words of pv_cpu::backend: enum pv_xen_word in queue.h, checked in queue.c. */
#define CPU_CR3     CPU_BACKEND
#define CPU_NEXT    (CPU_BACKEND + 8)
#define CPU_END     (CPU_BACKEND + 16)
#define CPU_TABLE   (CPU_BACKEND + 24)
#define CPU_MACHINE (CPU_BACKEND + 32)
#define CPU_BITS    (CPU_BACKEND + 40)
#define CPU_ADD     (CPU_BACKEND + 48)
#define CPU_WRITTEN (CPU_BACKEND + 56)
#define CPU_RETURNS (CPU_BACKEND + 80)
#define CPU_RECENT  (CPU_BACKEND + 88)

/* struct pv_xen_recent, of which there are as many as fit the mask: checked in queue.c. */
#define RECENT_TABLE   0
#define RECENT_MACHINE 8
#define RECENT_BIT     16
#define RECENT_CHANGES 24
#define RECENT_SHIFT   5
#define RECENT_MASK    0x1e0

#define HC_XEN_VERSION 17
#define HC_SCHED_OP    29
#define SCHEDOP_BLOCK  1

/* The last entry of a table, in bytes. */
#define LAST_ENTRY 0xff8

#endif
