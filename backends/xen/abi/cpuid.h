/* SPDX-License-Identifier: MIT */
/*
 * Xen's CPUID leaves, as distances from the base that detection found:
 * xen/include/public/arch-x86/cpuid.h.
 */
#ifndef PVOPS_XEN_ABI_CPUID_H
#define PVOPS_XEN_ABI_CPUID_H

#define PV_XEN_SIGNATURE "XenVMMXenVMM"

/* Sub-leaf 0, EAX: flags; ECX: frequency of the TSC in kHz. */
#define PV_XEN_LEAF_TIME    3u
#define PV_XEN_TSC_EMULATED (1u << 0) /* RDTSC is Xen's, and exits; no name in older headers */

/* Sub-leaf 0, EAX: flags; EBX: the number of this virtual CPU. */
#define PV_XEN_LEAF_HVM            4u
#define PV_XEN_HVM_APIC_VIRTUAL    (1u << 0) /* registers in memory: most accesses do not exit */
#define PV_XEN_HVM_X2APIC_VIRTUAL  (1u << 1) /* the same of x2APIC mode */
#define PV_XEN_HVM_VCPU_ID_PRESENT (1u << 3)
#define PV_XEN_HVM_EXT_DEST_ID     (1u << 5) /* interrupt messages hold 15 bits of an APIC */
#define PV_XEN_HVM_UPCALL_VECTOR   (1u << 6) /* a CPU's own vector serves pirqs too */

#endif
