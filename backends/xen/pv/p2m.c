/* SPDX-License-Identifier: MIT */
/*
 * Two numberings of memory. A PV guest sees its pages as 0, 1, 2, ... (pseudo-physical frames);
 * page tables hold frames of the real machine. The domain builder leaves a list from the first to
 * the second; Xen keeps a table for the opposite direction, readable by all guests
 * (xen/include/public/ arch-x86/xen-x86_64.h, machine_to_phys_mapping; memory.h,
 * XENMEM_machphys_mapping).
 *
 * Both are checked against each other: an answer counts if the way back gives the question. That
 * table has entries of other domains, and places where no memory is.
 */
#include "backends/xen/pv/hypercall.h"
#include "backends/xen/pv/pv.h"

/* Read by ops.S, too. */
uint64_t *pv_xen_p2m_list PV_HIDDEN; /* machine frames, by the guest's own */
uint64_t pv_xen_p2m_pages PV_HIDDEN;
uint64_t pv_xen_table_changes PV_HIDDEN = 1;

/*
 * Frames beyond those that the guest began with, which it takes when it may have more: pages of
 * entries that the platform lends one by one, for a gibibyte in all.
 */
#define EXTRA_ENTRIES (PV_XEN_PAGE / sizeof(uint64_t))
#define EXTRA_TABLES  512u

static uint64_t *extra[EXTRA_TABLES];
static uint64_t frames_known; /* one more than the highest frame that has an entry */

static const uint64_t *from_machine; /* the guest's frames, by those of the machine */
static uint64_t machine_frames;

/* The one page that is Xen's and looks like one of the guest's. */
static uint64_t replaced_pfn = PV_XEN_NO_FRAME;
static uint64_t replaced_mfn = PV_XEN_NO_FRAME;

bool pv_xen_pv_probe(const uint64_t *address, uint64_t *value) PV_HIDDEN;

static int find_table(struct pv_error *error)
{
    struct pv_xen_machphys where = {0, 0, 0};

    if (pv_xen_pv_call(PV_XEN_HC_MEMORY_OP, PV_XENMEM_MACHPHYS_MAPPING, pv_xen_pv_pointer(&where),
                       0, 0) != 0)
        return pv_fail(error, PV_E_HOST, "Xen does not say where its frame table is", 0, -1);
    if (where.start < PV_XEN_VIRT_START || where.end > PV_XEN_VIRT_END ||
        where.end <= where.start || where.start % sizeof(uint64_t) != 0)
        return pv_fail(error, PV_E_HOST, "Xen's frame table lies where it cannot", where.start, -1);
    from_machine = (const uint64_t *)(uintptr_t)where.start;
    machine_frames = (where.end - where.start) / sizeof(uint64_t);
    if (where.max_frame < machine_frames)
        machine_frames = where.max_frame + 1;
    return PV_OK;
}

int pv_xen_p2m_begin(const struct pv_boot_xen_pv *boot, struct pv_error *error)
{
    if (pv_platform->phys_to_virt == NULL)
        return pv_fail(error, PV_E_ARGUMENT, "Xen PV needs pv_platform::phys_to_virt", 0, -1);
    pv_xen_p2m_list = pv_xen_pv_at(boot->list);
    if (pv_xen_p2m_list == NULL || boot->pages == 0)
        return pv_fail(error, PV_E_ARGUMENT, "the list of machine frames is not mapped, at",
                       boot->list, -1);
    pv_xen_p2m_pages = frames_known = boot->pages;
    return find_table(error);
}

uint64_t pv_xen_pages(void)
{
    return frames_known;
}

/* A frame's entry; NULL: it has none. */
static uint64_t *entry_for(uint64_t pfn)
{
    uint64_t beyond = pfn - pv_xen_p2m_pages;

    if (pfn < pv_xen_p2m_pages)
        return &pv_xen_p2m_list[pfn];
    if (beyond >= EXTRA_TABLES * EXTRA_ENTRIES)
        return NULL;
    uint64_t *table = __atomic_load_n(&extra[beyond / EXTRA_ENTRIES], __ATOMIC_ACQUIRE);
    return table != NULL ? &table[beyond % EXTRA_ENTRIES] : NULL;
}

static uint64_t *extra_table(void)
{
    uint64_t phys = pv_platform->page_alloc != NULL ? pv_platform->page_alloc() : 0;
    uint64_t *table = phys != 0 ? pv_xen_pv_at(phys) : NULL;

    for (unsigned i = 0; table != NULL && i < EXTRA_ENTRIES; i++)
        table[i] = PV_XEN_NO_FRAME;
    return table;
}

bool pv_xen_p2m_reach(uint64_t pfn)
{
    uint64_t beyond = pfn - pv_xen_p2m_pages;

    if (entry_for(pfn) == NULL) {
        uint64_t *table = beyond < EXTRA_TABLES * EXTRA_ENTRIES ? extra_table() : NULL;
        if (table == NULL)
            return false;
        __atomic_store_n(&extra[beyond / EXTRA_ENTRIES], table, __ATOMIC_RELEASE);
    }
    if (pfn >= frames_known)
        frames_known = pfn + 1;
    return true;
}

static __attribute__((noinline)) struct pv_xen_mfn beyond_to_machine(uint64_t pfn)
{
    const uint64_t *entry = entry_for(pfn);

    return (struct pv_xen_mfn){entry != NULL ? __atomic_load_n(entry, __ATOMIC_RELAXED)
                                             : PV_XEN_NO_FRAME};
}

struct pv_xen_mfn pv_xen_to_machine(uint64_t pfn)
{
    if (__builtin_expect(pfn >= pv_xen_p2m_pages, 0))
        return beyond_to_machine(pfn);
    return (struct pv_xen_mfn){__atomic_load_n(&pv_xen_p2m_list[pfn], __ATOMIC_RELAXED)};
}

uint64_t pv_xen_from_machine(struct pv_xen_mfn mfn)
{
    uint64_t pfn;

    if (mfn.frame == replaced_mfn)
        return replaced_pfn;
    if (mfn.frame >= machine_frames || !pv_xen_pv_probe(&from_machine[mfn.frame], &pfn))
        return PV_XEN_NO_FRAME;
    return pv_xen_to_machine(pfn).frame == mfn.frame ? pfn : PV_XEN_NO_FRAME;
}

void pv_xen_tables_change(void)
{
    __atomic_fetch_add(&pv_xen_table_changes, 1, __ATOMIC_RELEASE);
}

/* A page that was a table once may be one again, in another frame. */
void pv_xen_p2m_set(uint64_t pfn, struct pv_xen_mfn mfn)
{
    uint64_t *entry = entry_for(pfn);

    if (entry == NULL)
        return;
    __atomic_store_n(entry, mfn.frame, __ATOMIC_RELAXED);
    pv_xen_tables_change();
}

bool pv_xen_is_memory(uint64_t pfn)
{
    return pfn < frames_known && pfn != replaced_pfn;
}

void pv_xen_p2m_replace(uint64_t pfn, struct pv_xen_mfn mfn)
{
    __atomic_store_n(&pv_xen_p2m_list[pfn], mfn.frame, __ATOMIC_RELAXED);
    replaced_pfn = pfn;
    replaced_mfn = mfn.frame;
}
