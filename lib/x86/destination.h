/* SPDX-License-Identifier: MIT */
/*
 * Which local APIC an interrupt of a device is for: how its identity is written in an entry of an
 * I/O APIC (Intel 82093AA data sheet, 3.2.4) and in the address of a message (Intel SDM vol. 3A,
 * 11.11.1). There is room for eight bits. VMMs that say so take seven more, in bits that are
 * reserved without interrupt remapping: 55 to 49 of the entry and 11 to 5 of the address (Linux,
 * Documentation/virt/kvm/x86/cpuid.rst, KVM_FEATURE_MSI_EXT_DEST_ID; Xen,
 * xen/include/public/arch-x86/cpuid.h, XEN_HVM_CPUID_EXT_DEST_ID).
 */
#ifndef PVOPS_LIB_X86_DESTINATION_H
#define PVOPS_LIB_X86_DESTINATION_H

#include "pvops/types.h"

#define PV_X86_MESSAGE_BASE 0xfee00000u

#define PV_X86_EXTENDED_DESTINATIONS 0x7fffu

/*
 * The highest identity that can be meant: 255, or the above. The backend of the VMM says so, and
 * nobody takes it back: it is true of the VMM, whatever backend is in force.
 * backends/native/ioapic.c
 */
extern uint32_t pv_x86_most_destination;

/* The upper half of an entry, from the address of a message: the same bits, 12 higher. */
static inline uint32_t pv_x86_line_destination(uint64_t address)
{
    return (uint32_t)(address << 12);
}

/* The address of a message: physical destination, no redirection. The identity can be meant. */
static inline uint64_t pv_x86_message_address(uint32_t apic_id)
{
    return PV_X86_MESSAGE_BASE | (apic_id & 0xff) << 12 | (apic_id >> 3 & 0xfe0);
}

#endif
