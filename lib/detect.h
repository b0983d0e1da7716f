/* SPDX-License-Identifier: MIT */
/*
 * Looking for VMM interfaces by their CPUID signatures.
 */
#ifndef PVOPS_LIB_DETECT_H
#define PVOPS_LIB_DETECT_H

#include "pvops/pvops.h"

/* Executes CPUID; regs are EAX, EBX, ECX, EDX. A parameter, so that tests can lie. */
typedef void (*pv_cpuid_function)(uint32_t leaf, uint32_t subleaf, uint32_t *regs);

/*
 * A PV guest of Xen runs where CPUID does not trap, and is to ask Xen by a prefix, which is an
 * invalid instruction anywhere else.
 */
extern bool pv_cpuid_by_xen;

/* The processor's own, or Xen's. */
void pv_cpuid_raw(uint32_t leaf, uint32_t subleaf, uint32_t *regs);

/* Whether what was found so far is all that its caller can use. */
typedef bool (*pv_detect_enough)(const struct pv_detection *found);

/*
 * Fills found. Looks at every base if enough is NULL, otherwise no further than to the first that
 * shows nothing new once enough says so. Nothing from leaf 40000000H up is read when the hypervisor
 * bit is clear.
 */
void pv_detect(pv_cpuid_function cpuid, pv_detect_enough enough, struct pv_detection *found);

/* The interface with a signature of twelve characters; NULL: not there. */
const struct pv_interface *pv_detected_interface(const struct pv_detection *found,
                                                 const char *signature);

/* A short name for the VMM: of the interface that says most about it; "none". */
const char *pv_vmm_name(const struct pv_detection *found);

#endif
