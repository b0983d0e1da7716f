/* SPDX-License-Identifier: MIT */
/*
 * Whose processor this is, as far as it matters: for the instruction that calls the VMM. VMMs need
 * only understand the one of the processor they run on.
 */
#ifndef PVOPS_LIB_X86_VENDOR_H
#define PVOPS_LIB_X86_VENDOR_H

#include "pvops/types.h"

/* true: VMMCALL (AMD and Hygon). false: VMCALL (all others). Executes CPUID once. */
bool pv_x86_has_vmmcall(void);

#endif
