/* SPDX-License-Identifier: MIT */
/*
 * Memory, as Xen sees it: frames, and the domain's memory map by hypercall (xen/include/public/
 * memory.h, XENMEM_memory_map) for domains whose start_info has none.
 */
#include "backends/xen/xen.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/memory.h"
#include "backends/xen/pv/pv.h"

/* Xen cuts what does not fit. */
#define MOST_ENTRIES 128u

static int read_map(uint32_t command, struct pv_memory_range *ranges, unsigned room)
{
    struct pv_xen_memory_map_entry entries[MOST_ENTRIES];
    struct pv_xen_memory_map map = {room < MOST_ENTRIES ? room : MOST_ENTRIES, entries};
    uint32_t most = map.count;

    int64_t result = pv_xen_memory_op(command, &map);
    if (result == PV_XEN_ENOSYS || result == PV_XEN_EPERM)
        return PV_E_UNSUPPORTED;
    if (result != 0 || map.count > most)
        return PV_E_HOST;
    for (uint32_t i = 0; i < map.count; i++)
        ranges[i] =
            (struct pv_memory_range){entries[i].start, entries[i].bytes, entries[i].type, 0};
    return (int)map.count;
}

int pv_xen_memory_map(struct pv_memory_range *ranges, unsigned room)
{
    return read_map(PV_XENMEM_MEMORY_MAP, ranges, room);
}

/* Of the real machine, for who may have its devices. */
int pv_xen_machine_memory_map(struct pv_memory_range *ranges, unsigned room)
{
    return read_map(PV_XENMEM_MACHINE_MEMORY_MAP, ranges, room);
}

uint64_t pv_xen_phys(const volatile void *address)
{
    return pv_platform->virt_to_phys != NULL ? pv_platform->virt_to_phys(address)
                                             : (uintptr_t)address;
}

uint64_t pv_xen_frame_of(uint64_t phys)
{
    uint64_t frame = phys / PV_XEN_PAGE;

    return pv_xen_is_pv() ? pv_xen_to_machine(frame).frame : frame;
}
