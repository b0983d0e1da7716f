/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: each has the kernel's half, which is the same in all of them, and a half of its
 * own. What else stands in the upper half of a top-level table is the VMM's (Xen PV), and left
 * alone.
 */
#include "paging.h"

uint64_t space_create(void)
{
    uint64_t space = table_create(TOP_LEVEL);
    if (space == 0)
        return 0;
    pv_mmu_batch_begin();
    for (unsigned i = 0; i < KERNEL_ROOTS; i++) {
        unsigned slot = index_at(kernel_roots[i], TOP_LEVEL);
        pv_pte_set(&table_of(space)[slot], pv_pte_get(&table_of(kernel_space)[slot]));
    }
    pv_mmu_batch_end();
    return space;
}

/* Children first: a table may not be given back while an entry names it. */
static void free_below(uint64_t table, unsigned level, unsigned entries)
{
    for (unsigned i = 0; i < entries; i++) {
        struct pv_pte *entry = &table_of(table)[i];
        uint64_t value = pv_pte_get(entry).raw;
        uint64_t child = value & PTE_ADDRESS;
        if (!leads_to_table(value))
            continue;
        if (level > 1)
            free_below(child, level - 1, ENTRIES);
        pv_pte_clear(entry);
        if (level > 1)
            pv_paging_table_remove(child / PAGE_BYTES, level - 1);
        page_free(child);
    }
}

void space_destroy(uint64_t space)
{
    free_below(space, TOP_LEVEL, KERNEL_HALF);
    pv_paging_table_remove(space / PAGE_BYTES, TOP_LEVEL);
    page_free(space);
}
