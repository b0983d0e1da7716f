/* SPDX-License-Identifier: MIT */
/*
 * Names of the doors, for listings, and their numbers as assembly knows them.
 */
#include "pvops/boot.h"
#include "lib/doors/door.h"

_Static_assert(PV_DOOR_PVH == DOOR_PVH, "number for assembly");
_Static_assert(PV_DOOR_MULTIBOOT1 == DOOR_MULTIBOOT1, "number for assembly");
_Static_assert(PV_DOOR_MULTIBOOT2 == DOOR_MULTIBOOT2, "number for assembly");
_Static_assert(PV_DOOR_XEN_PV == DOOR_XEN_PV, "number for assembly");

const char *pv_door_name(enum pv_door door)
{
    switch (door) {
    case PV_DOOR_OWN:
        return "own";
    case PV_DOOR_PVH:
        return "pvh";
    case PV_DOOR_MULTIBOOT1:
        return "multiboot1";
    case PV_DOOR_MULTIBOOT2:
        return "multiboot2";
    case PV_DOOR_XEN_PV:
        return "xen-pv";
    }
    return "?";
}
