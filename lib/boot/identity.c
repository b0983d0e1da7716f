/* SPDX-License-Identifier: MIT */
/*
 * Physical memory as seen on the page tables that the doors leave in force (lib/doors/enter.S).
 */
#include "lib/boot/intake.h"

void *pv_door_phys_to_virt(uint64_t phys)
{
    return phys < PV_FOUR_GIB ? (void *)(uintptr_t)phys : NULL;
}
