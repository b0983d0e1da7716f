/* SPDX-License-Identifier: MIT */
/*
 * Memory given back to Xen and taken again: xen/include/public/memory.h,
 * XENMEM_decrease_reservation and XENMEM_populate_physmap, for domains of all kinds. A domain whose
 * page tables Xen owns names machine frames where it gives, and has two tables of frames and a
 * mapping to keep right besides: pv/balloon.c.
 */
#include "backends/xen/balloon.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/memory.h"
#include "backends/xen/pv/pv.h"
#include "lib/patch.h"

static int64_t reservation(uint32_t command)
{
    uint16_t self = PV_XEN_DOMID_SELF;

    return pv_xen_memory_op(command, &self);
}

static int limits(struct pv_memory_limits *limits)
{
    int64_t pages = reservation(PV_XENMEM_CURRENT_RESERVATION);
    int64_t most = reservation(PV_XENMEM_MAXIMUM_RESERVATION);

    if (pages == PV_XEN_ENOSYS || most == PV_XEN_ENOSYS)
        return PV_E_UNSUPPORTED;
    if (pages <= 0 || most < 0)
        return PV_E_HOST;
    *limits = (struct pv_memory_limits){(uint64_t)pages, (uint64_t)most};
    return PV_OK;
}

int pv_xen_extents(uint32_t command, uint64_t *extents, uint32_t count)
{
    struct pv_xen_memory_reservation change = {extents, count, 0, 0, PV_XEN_DOMID_SELF};
    int64_t done = pv_xen_memory_op(command, &change);

    if (done < 0 || done > count)
        return 0;
    return (int)done;
}

static void clear(void *page)
{
    volatile uint64_t *words = page;

    for (unsigned i = 0; i < PV_XEN_PAGE / sizeof(*words); i++)
        words[i] = 0;
}

void pv_xen_clear_frame(uint64_t frame)
{
    clear(pv_platform->phys_to_virt(frame * PV_XEN_PAGE));
}

/* How many of the list can be reached by the kernel, from the first on. */
static uint32_t reachable(const uint64_t *frames, uint32_t count)
{
    uint32_t good = 0;

    while (good < count && pv_platform->phys_to_virt != NULL &&
           frames[good] <= UINT64_MAX / PV_XEN_PAGE &&
           pv_platform->phys_to_virt(frames[good] * PV_XEN_PAGE) != NULL)
        good++;
    return good;
}

/* Where a domain's frames are Xen's business (PVH, HVM). */
static int give_frames(const uint64_t *frames, uint32_t count)
{
    uint64_t extents[PV_HOST_MEMORY_PAGES];

    for (uint32_t i = 0; i < count; i++) {
        pv_xen_clear_frame(frames[i]);
        extents[i] = frames[i];
    }
    return pv_xen_extents(PV_XENMEM_DECREASE_RESERVATION, extents, count);
}

static int take_frames(const uint64_t *frames, uint32_t count)
{
    uint64_t extents[PV_HOST_MEMORY_PAGES];

    for (uint32_t i = 0; i < count; i++)
        extents[i] = frames[i];
    int done = pv_xen_extents(PV_XENMEM_POPULATE_PHYSMAP, extents, count);
    for (int i = 0; i < done; i++)
        pv_xen_clear_frame(frames[i]);
    return done;
}

/* The rest of a list that was done in part only, described. */
static int so_many(int done, uint32_t asked, uint32_t good, const uint64_t *frames, int status,
                   const char *what, struct pv_error *error)
{
    if ((uint32_t)done < good)
        (void)pv_fail(error, status, what, frames[done], -1);
    else if (good < asked)
        (void)pv_fail(error, PV_E_ARGUMENT, "a page is none that can be given or taken; its frame",
                      frames[good], -1);
    return done == 0 && good == 0 ? PV_E_ARGUMENT : done;
}

static int give(const uint64_t *frames, uint32_t count, struct pv_error *error)
{
    uint32_t good = reachable(frames, count);

    if (pv_xen_is_pv())
        good = pv_xen_pv_given_ok(frames, good);
    int done = pv_xen_is_pv() ? pv_xen_pv_give(frames, good) : give_frames(frames, good);
    return so_many(done, count, good, frames, PV_E_HOST, "Xen does not take a page back; its frame",
                   error);
}

static int take(const uint64_t *frames, uint32_t count, struct pv_error *error)
{
    uint32_t good = reachable(frames, count);

    if (pv_xen_is_pv())
        good = pv_xen_pv_taken_ok(frames, good);
    int done = pv_xen_is_pv() ? pv_xen_pv_take(frames, good) : take_frames(frames, good);
    return so_many(done, count, good, frames, PV_E_FULL, "Xen gives no memory for a frame", error);
}

const struct pv_host_memory pv_xen_host_memory = {limits, give, take, pv_xen_machine_memory_map};
