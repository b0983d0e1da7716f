/* SPDX-License-Identifier: MIT */
/*
 * What lies where in the domain's memory: xen/include/public/memory.h.
 */
#ifndef PVOPS_XEN_ABI_MEMORY_H
#define PVOPS_XEN_ABI_MEMORY_H

#include <stdint.h>

/* More RAM for the domain: struct pv_xen_memory_reservation. PV: extents are filled with machine
 * frames, which have no pseudo-physical ones. Like all of its kind returns how many were done. */
#define PV_XENMEM_INCREASE_RESERVATION 0
/* Less: extents are frames as Xen knows them, machine frames for PV. */
#define PV_XENMEM_DECREASE_RESERVATION 1
/* Pages that a domain, named by a uint16_t, has and may have. */
#define PV_XENMEM_CURRENT_RESERVATION 3
#define PV_XENMEM_MAXIMUM_RESERVATION 4
/* Gives RAM to frames: struct pv_xen_memory_reservation; returns how many extents were done. */
#define PV_XENMEM_POPULATE_PHYSMAP 6
/* Makes a page of another kind appear at a frame: struct pv_xen_add_to_physmap. */
#define PV_XENMEM_ADD_TO_PHYSMAP 7
/* The domain's memory map: struct pv_xen_memory_map. */
#define PV_XENMEM_MEMORY_MAP 9
/* The same of the real machine, for the hardware domain. */
#define PV_XENMEM_MACHINE_MEMORY_MAP 10
/* Takes what is at a frame away: struct pv_xen_remove_from_physmap. */
#define PV_XENMEM_REMOVE_FROM_PHYSMAP 15

/* Kinds of pages: XENMAPSPACE_*. */
#define PV_XENMAPSPACE_SHARED_INFO 0

struct pv_xen_memory_reservation {
    uint64_t *extents; /* frame numbers; PV: filled with machine frames by populate_physmap */
    uint64_t count;
    uint32_t order; /* each extent is 2^order frames */
    uint32_t flags;
    uint16_t domain;
};

/* As the firmware of PCs has it: types of ACPI 6.5, 15.1. */
struct pv_xen_memory_map_entry {
    uint64_t start;
    uint64_t bytes;
    uint32_t type;
} __attribute__((packed));

struct pv_xen_memory_map {
    uint32_t count; /* in: entries of room; out: entries filled */
    struct pv_xen_memory_map_entry *entries;
};

struct pv_xen_add_to_physmap {
    uint16_t domain;
    uint16_t size; /* of a range; unused for single pages */
    uint32_t space;
    uint64_t index; /* which page of that kind */
    uint64_t frame; /* where it shall appear */
};

struct pv_xen_remove_from_physmap {
    uint16_t domain;
    uint64_t frame;
};

#endif
