/* SPDX-License-Identifier: MIT */
/*
 * What to say when Xen refuses. It tells the guest no more than an errno; the reason is almost
 * always one of two: a page is a table and mapped writable at the same time, or it is no page of
 * this domain. The address space in force is searched for the mapping, and named with the remedy.
 * That takes long, and comes after something that should never happen.
 */
#include "backends/xen/pv/pv.h"
#include "backends/xen/pv/queue.h"

#define ENTRIES   512u
#define TOP_LEVEL 4u
/* Xen's own entries of a top-level table: ROOT_PAGETABLE_FIRST_XEN_SLOT and LAST. */
#define FIRST_XEN_SLOT 256u
#define LAST_XEN_SLOT  271u

/* Error code of a page fault: Intel SDM vol. 3A, 4.7. */
#define FAULT_PRESENT 0x1u
#define FAULT_WRITE   0x2u
#define FAULT_USER    0x4u

/* What a search is for and has found. */
struct search {
    uint64_t pfn;
    uint64_t writable_at; /* an address; NONE: it is not mapped writable */
    unsigned table_level; /* as which table it is used; 0: as none */
};

#define NONE UINT64_MAX

static uint64_t canonical(uint64_t address)
{
    return address >> 47 != 0 ? address | 0xffff000000000000ull : address;
}

static void look_at(struct search *search, struct pv_pte entry, unsigned level, uint64_t address)
{
    if ((entry.raw & PTE_FRAME) / PV_XEN_PAGE != search->pfn)
        return;
    if (level > 1)
        search->table_level = level - 1;
    else if (entry.raw & PTE_WRITE)
        search->writable_at = canonical(address);
}

/* Each level is a function's depth: at most four. */
static void search_table(struct search *search, uint64_t table, unsigned level, uint64_t base)
{
    const struct pv_pte *entries = pv_xen_pv_at(table);

    for (uint64_t i = 0; entries != NULL && i < ENTRIES; i++) {
        uint64_t address = base + (i << (12 + 9 * (level - 1)));
        if (level == TOP_LEVEL && i >= FIRST_XEN_SLOT && i <= LAST_XEN_SLOT)
            continue;
        struct pv_pte entry = pv_xen_pv_c_pte_get(&entries[i]);
        if ((entry.raw & PTE_PRESENT) == 0 || (entry.raw & PV_PTE_MACHINE) != 0)
            continue;
        look_at(search, entry, level, address);
        if (level > 1)
            search_table(search, entry.raw & PTE_FRAME, level - 1, address);
    }
}

static struct search search_for(uint64_t pfn)
{
    struct search search = {pfn, NONE, 0};
    uint64_t root = pv_this_cpu()->backend[PV_XEN_WORD_CR3];

    if (root / PV_XEN_PAGE == pfn)
        search.table_level = TOP_LEVEL;
    search_table(&search, root, TOP_LEVEL, 0);
    return search;
}

static bool name_mapping(uint64_t pfn)
{
    struct search search = search_for(pfn);

    if (search.writable_at == NONE)
        return false;
    pv_log_number("Xen PV:   this page is mapped writable at", search.writable_at);
    pv_log("Xen PV:   make that mapping read-only or remove it before the page becomes a table");
    return true;
}

void pv_xen_pv_report_table(uint64_t pfn, uint32_t level, int64_t result)
{
    pv_log_number("Xen PV: a page is refused as a page table of level", level);
    pv_log_number("Xen PV:   its frame is", pfn);
    pv_log_number("Xen PV:   errno", (uint64_t)-result);
    if (pv_xen_pv_at(pfn * PV_XEN_PAGE) == NULL)
        pv_log("Xen PV:   pv_platform::phys_to_virt does not map it");
    else if (!name_mapping(pfn))
        pv_log("Xen PV:   an entry in it, or in a table below, may name memory that is not this "
               "domain's");
}

static void report_target(struct pv_pte value)
{
    uint64_t pfn = (value.raw & PTE_FRAME) / PV_XEN_PAGE;

    pv_log_number("Xen PV:   the page that it names is", pfn);
    if (value.raw & PV_PTE_MACHINE) {
        pv_log("Xen PV:   that is none of this domain's memory");
        return;
    }
    struct search search = search_for(pfn);
    if (search.table_level != 0 && (value.raw & PTE_WRITE) != 0) {
        pv_log_number("Xen PV:   that page is a page table of level", search.table_level);
        pv_log("Xen PV:   map it read-only, or end its use by pv_paging_table_remove() first");
        return;
    }
    if (!name_mapping(pfn))
        pv_log("Xen PV:   the bits, or an entry in a table that it names, are not allowed");
}

void pv_xen_pv_report_entry(uint64_t machine_address, uint64_t raw, int64_t result)
{
    uint64_t table = pv_xen_from_machine((struct pv_xen_mfn){machine_address / PV_XEN_PAGE});

    pv_log_number("Xen PV: a page-table entry is refused, errno", (uint64_t)-result);
    pv_log_number("Xen PV:   it lies in frame", table);
    pv_log_number("Xen PV:   its index is", machine_address % PV_XEN_PAGE / sizeof(uint64_t));
    pv_log_number("Xen PV:   value", raw);
    report_target(pv_xen_pte_from_machine(raw));
}

void pv_xen_pv_report_fault(const struct pv_regs *regs)
{
    uint64_t address = pv_cr2_read();
    uint64_t phys = pv_xen_pv_phys((const void *)(uintptr_t)address);

    if ((regs->error & (FAULT_PRESENT | FAULT_WRITE)) != (FAULT_PRESENT | FAULT_WRITE) ||
        (regs->cs & 3) != 0 || phys / PV_XEN_PAGE >= pv_xen_pages())
        return;
    struct search search = search_for(phys / PV_XEN_PAGE);
    if (search.table_level == 0)
        return;
    pv_log_number("Xen PV: a write to a page table, at", address);
    pv_log_number("Xen PV:   it is a table of level", search.table_level);
    pv_log("Xen PV:   entries are written by pv_pte_set() and pv_pte_clear() only");
}
