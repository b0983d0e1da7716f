/* SPDX-License-Identifier: MIT */
/*
 * Memory that a PV guest gives back to Xen and takes again. Xen has a page only when nothing maps
 * it any more; and a page that comes is another one of the machine, which Xen enters in its own
 * table, and the guest in the list of its frames. Mappings change in one batch for each piece of a
 * list.
 */
#include "backends/xen/balloon.h"
#include "backends/xen/abi/memory.h"
#include "backends/xen/pv/pv.h"
#include "backends/xen/pv/queue.h"

static void *page_at(uint64_t frame)
{
    return pv_xen_pv_at(frame * PV_XEN_PAGE);
}

/* Xen's shared page stands in for one that has no memory of its own. */
uint32_t pv_xen_pv_given_ok(const uint64_t *frames, uint32_t count)
{
    uint32_t good = 0;

    while (good < count && pv_xen_to_machine(frames[good]).frame != PV_XEN_NO_FRAME &&
           pv_xen_is_memory(frames[good]) && pv_xen_pv_is_mapped(page_at(frames[good])))
        good++;
    return good;
}

uint32_t pv_xen_pv_taken_ok(const uint64_t *frames, uint32_t count)
{
    uint32_t good = 0;

    while (good < count && pv_xen_to_machine(frames[good]).frame == PV_XEN_NO_FRAME &&
           pv_xen_pv_has_entry(page_at(frames[good])) && pv_xen_p2m_reach(frames[good]))
        good++;
    return good;
}

/* On the other CPUs, too: a page must not be written by who still knows it. */
static void unmap_all(const uint64_t *frames, uint32_t count)
{
    struct pv_xen_queue own, *queue = pv_xen_queue_get(&own);

    for (uint32_t i = 0; i < count; i++)
        (void)pv_xen_pv_queue_unmap(queue, page_at(frames[i]));
    pv_xen_queue_ext(queue, PV_MMUEXT_TLB_FLUSH_ALL, 0);
    pv_xen_queue_put(queue);
    pv_xen_pv_flush();
}

static void map_all(const uint64_t *frames, uint32_t count)
{
    struct pv_xen_queue own, *queue = pv_xen_queue_get(&own);

    for (uint32_t i = 0; i < count; i++)
        if (!pv_xen_pv_queue_remap(queue, page_at(frames[i]), frames[i], true))
            pv_log_number("Xen PV: no table maps a page that was taken, frame", frames[i]);
    pv_xen_queue_put(queue);
    pv_xen_pv_flush();
}

/* A batch, as the kernel's are, but for the call sites. */
static void begin(void)
{
    if (pv_platform->preempt_off != NULL)
        pv_platform->preempt_off();
    pv_cpu_count_batch(1);
    pv_xen_pv_c_paging_batch_open();
}

static void end(void)
{
    pv_cpu_count_batch(-1);
    pv_xen_pv_c_paging_batch_close();
    if (pv_platform->preempt_on != NULL)
        pv_platform->preempt_on();
}

int pv_xen_pv_give(const uint64_t *frames, uint32_t count)
{
    uint64_t extents[PV_HOST_MEMORY_PAGES];

    if (count == 0)
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        pv_xen_clear_frame(frames[i]);
        extents[i] = pv_xen_to_machine(frames[i]).frame;
    }
    begin();
    unmap_all(frames, count);
    int done = pv_xen_extents(PV_XENMEM_DECREASE_RESERVATION, extents, count);
    for (int i = 0; i < done; i++)
        pv_xen_p2m_set(frames[i], (struct pv_xen_mfn){PV_XEN_NO_FRAME});
    map_all(frames + done, count - (uint32_t)done);
    end();
    return done;
}

int pv_xen_pv_take(const uint64_t *frames, uint32_t count)
{
    uint64_t extents[PV_HOST_MEMORY_PAGES];

    if (count == 0)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        extents[i] = frames[i];
    int done = pv_xen_extents(PV_XENMEM_POPULATE_PHYSMAP, extents, count);
    for (int i = 0; i < done; i++)
        pv_xen_p2m_set(frames[i], (struct pv_xen_mfn){extents[i]});
    begin();
    map_all(frames, (uint32_t)done);
    end();
    for (int i = 0; i < done; i++)
        pv_xen_clear_frame(frames[i]);
    return done;
}
