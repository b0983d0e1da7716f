/* SPDX-License-Identifier: MIT */
/*
 * The parts of balloon.c and pv/balloon.c to each other.
 */
#ifndef PVOPS_XEN_BALLOON_H
#define PVOPS_XEN_BALLOON_H

#include "backends/xen/xen.h"

/* XENMEM_decrease_reservation and the like for single pages; how many Xen did, from the first on.
 */
int pv_xen_extents(uint32_t command, uint64_t *extents, uint32_t count);

/* A page that is mapped at pv_platform::phys_to_virt. */
void pv_xen_clear_frame(uint64_t frame);

/* How many of a list a PV guest can give or take, from the first on; and that. */
uint32_t pv_xen_pv_given_ok(const uint64_t *frames, uint32_t count);
uint32_t pv_xen_pv_taken_ok(const uint64_t *frames, uint32_t count);
int pv_xen_pv_give(const uint64_t *frames, uint32_t count);
int pv_xen_pv_take(const uint64_t *frames, uint32_t count);

#endif
