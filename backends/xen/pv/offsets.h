/* SPDX-License-Identifier: MIT */
/*
 * Where this CPU's struct vcpu_info lies as seen from %gs, for assembly; checked in pv.c.
 */
#ifndef PVOPS_XEN_PV_OFFSETS_H
#define PVOPS_XEN_PV_OFFSETS_H

#include "pvops/config.h"

/* Those of struct pv_cpu: checked in pvops/percpu.h. */
#define CPU_BACKEND   (PV_CONFIG_CPU_OFFSET + 104)
#define CPU_VMM_STATE (PV_CONFIG_CPU_OFFSET + 192)

#define UPCALL_PENDING (CPU_VMM_STATE + 0)
#define UPCALL_MASK    (CPU_VMM_STATE + 1)
#define UPCALL_CR2     (CPU_VMM_STATE + 16)

/* pv_cpu::backend of a PV guest: word 0 is the address space in force. */
#define CPU_CR3 CPU_BACKEND

#endif
