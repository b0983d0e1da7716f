/* SPDX-License-Identifier: MIT */
/*
 * Types of Xen's ELF notes, for assembly. ABI: xen/include/public/elfnote.h.
 */
#ifndef PVOPS_LIB_DOORS_XEN_NOTES_H
#define PVOPS_LIB_DOORS_XEN_NOTES_H

#define PV_XEN_NOTE_ENTRY         1
#define PV_XEN_NOTE_VIRT_BASE     3
#define PV_XEN_NOTE_PADDR_OFFSET  4
#define PV_XEN_NOTE_XEN_VERSION   5
#define PV_XEN_NOTE_GUEST_OS      6
#define PV_XEN_NOTE_GUEST_VERSION 7
#define PV_XEN_NOTE_LOADER        8
#define PV_XEN_NOTE_PHYS32_ENTRY  18

#endif
