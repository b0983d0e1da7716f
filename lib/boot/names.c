/* SPDX-License-Identifier: MIT */
/*
 * Names of the doors, for listings.
 */
#include "pvops/boot.h"

const char *pv_door_name(enum pv_door door) {
    switch (door) {
    case PV_DOOR_OWN:
        return "own";
    case PV_DOOR_PVH:
        return "pvh";
    }
    return "?";
}
