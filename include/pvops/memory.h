/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief Memory that this machine has of its VMM, given back and taken again while it runs.
 *
 * Frames are those of this machine's memory, from 0 on, of 4096 bytes. What is called ballooning:
 * the kernel takes pages that it has no use for out of its allocator, gives them, and asks for them
 * when it needs them again; the VMM may have lent them to others then.
 */
#ifndef PVOPS_MEMORY_H
#define PVOPS_MEMORY_H

#include "pvops/status.h"

PV_BEGIN_DECLS

/** How much memory this machine has, and may have. */
struct pv_memory_limits {
    uint64_t pages; /**< that it has, of 4096 bytes */
    uint64_t most;  /**< that the VMM lets it have; may be fewer than it has, and more than exist */
};

/**
 * @brief Asks the VMM how much memory this machine has, and may have.
 * @param limits  Filled; undefined on error.
 * @return PV_OK; PV_E_UNSUPPORTED where the VMM does not tell; PV_E_HOST.
 *
 * Any context but NMI. ABI: xen/include/public/memory.h, XENMEM_current_reservation and
 * XENMEM_maximum_reservation.
 */
int pv_memory_limits(struct pv_memory_limits *limits);

struct pv_memory_range;

/**
 * @brief Reads the memory map of the real machine, where this one may know it: the hardware domain
 * of Xen, which finds registers of devices and firmware's tables by it.
 * @param ranges  Filled, in machine addresses: what is mapped with PV_PTE_MACHINE.
 * @param room    How many fit; Xen wants room for all of them, and up to 128 are asked for.
 * @return how many there are; PV_E_UNSUPPORTED where this machine may not know; PV_E_HOST.
 *
 * Any context but NMI. ABI: xen/include/public/memory.h, XENMEM_machine_memory_map.
 */
int pv_machine_memory_map(struct pv_memory_range *ranges, unsigned room);

/**
 * @brief Gives pages back to the VMM. They are cleared first, for somebody else is to have them.
 * @param frames  Which, each once. Nobody uses them, and they have no mapping but that at
 *                pv_platform::phys_to_virt; where a VMM owns page tables, that one is taken away.
 * @param count   How many.
 * @param error   Filled if fewer than all are given; may be NULL.
 * @return how many, from the first on, the VMM has now; or PV_E_UNSUPPORTED, PV_E_ARGUMENT for a
 *         list of which the first page is none of this machine's.
 *
 * On any CPU, by one caller at a time; interrupts on or off; preemption is off meanwhile. Not
 * inside a batch. ABI: XENMEM_decrease_reservation.
 */
int pv_memory_give(const uint64_t *frames, uint32_t count, struct pv_error *error);

/**
 * @brief Takes memory for frames that were given before, or that are beyond what the machine began
 * with, where the VMM lets it have more. It is cleared.
 * @param frames  Which, each once. New ones are such as pv_platform::phys_to_virt names an address
 *                for; where a VMM owns page tables, one that the kernel has page tables for, with
 *                nothing in the entry, and no more than a gibibyte beyond the beginning.
 * @param count   How many.
 * @param error   Filled if fewer than all have memory again: PV_E_FULL if the VMM gives no more.
 *                May be NULL.
 * @return how many, from the first on, have memory, and where a VMM owns page tables are mapped
 *         writable at pv_platform::phys_to_virt again; or PV_E_UNSUPPORTED, PV_E_ARGUMENT for a
 *         list of which the first page has memory or cannot have any.
 *
 * As pv_memory_give(). That there is no memory is an answer like another: nothing has changed for
 * the frames that got none. ABI: XENMEM_populate_physmap.
 */
int pv_memory_take(const uint64_t *frames, uint32_t count, struct pv_error *error);

PV_END_DECLS

#endif
