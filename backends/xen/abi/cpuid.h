/* SPDX-License-Identifier: MIT */
/*
 * Xen's CPUID leaves, as distances from the base that detection found:
 * xen/include/public/arch-x86/cpuid.h.
 */
#ifndef PVOPS_XEN_ABI_CPUID_H
#define PVOPS_XEN_ABI_CPUID_H

#define PV_XEN_SIGNATURE "XenVMMXenVMM"

/* Sub-leaf 0, EAX: flags; EBX: the number of this virtual CPU. */
#define PV_XEN_LEAF_HVM            4u
#define PV_XEN_HVM_VCPU_ID_PRESENT (1u << 3)

#endif
