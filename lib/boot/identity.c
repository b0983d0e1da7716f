/* SPDX-License-Identifier: MIT */
/*
 * Physical memory as seen on the page tables that the doors leave in force (lib/doors/enter.S), or
 * that Xen made for a PV guest (lib/doors/xen_pv.S).
 */
#include "lib/boot/intake.h"

uint64_t pv_door_base;
uint64_t pv_door_bytes = PV_FOUR_GIB;

void *pv_door_phys_to_virt(uint64_t phys)
{
    return phys < pv_door_bytes && phys != 0 ? (void *)(uintptr_t)(pv_door_base + phys) : NULL;
}
