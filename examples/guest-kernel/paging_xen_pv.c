/* SPDX-License-Identifier: MIT */
/*
 * The kernel's page tables where it does not own them: behind the Xen PV door. Those in force hold
 * all that Xen made of the domain (xen/include/public/xen.h, "Start-of-day memory layout"), so they
 * are taken over: the beginning of memory is mapped at KERNEL_BASE, page by page, writable and
 * executable but for the page tables themselves.
 *
 * A page that becomes a page table may have no writable mapping left. So there is one only: the
 * table of level 2 that serves KERNEL_BASE serves DIRECT_BASE too, and one entry is behind both
 * addresses of a page. This is why KERNEL_BASE is a multiple of 1 GiB and PHYSICAL_LIMIT no more
 * than that.
 */
#include "console.h"
#include "paging.h"

#define LEVEL_DIRECT 2u /* the level of the tables that are shared */
#define TABLE_SPAN   (ENTRIES * PAGE_BYTES)

_Static_assert(KERNEL_BASE % (ENTRIES * TABLE_SPAN) == 0, "begins a table of level 2");
_Static_assert(DIRECT_BASE % (ENTRIES * TABLE_SPAN) == 0, "begins a table of level 2");
_Static_assert(PHYSICAL_LIMIT <= ENTRIES * TABLE_SPAN, "one table of level 2");

extern char text_start[], text_end[];

/* Until it is there, memory is reached at KERNEL_BASE. */
static void make_direct_map(void)
{
    struct pv_pte *kernel = paging_entry_at(kernel_space, KERNEL_BASE, LEVEL_DIRECT + 1, false);
    struct pv_pte *direct = paging_entry_at(kernel_space, DIRECT_BASE, LEVEL_DIRECT + 1, true);
    if (kernel == NULL || direct == NULL)
        panic("no memory for the kernel's page tables");
    pv_pte_set(direct, pv_pte_get(kernel));
    direct_base = DIRECT_BASE;
}

/* What is read-only now stays so: it is a page table, or a descriptor table that Xen was given. */
static uint64_t final_rights(uint64_t phys, uint64_t now, uint32_t type)
{
    uintptr_t image = KERNEL_BASE + phys;
    if (image >= (uintptr_t)text_start && image < (uintptr_t)text_end)
        return MAP_KERNEL_CODE;
    bool mapped = (now & PTE_PRESENT) != 0;
    bool constant = mapped ? (now & PTE_WRITE) == 0 : type == PV_MEMORY_TABLES;
    return constant ? MAP_KERNEL_CONST : direct_rights(phys);
}

/* Some pages of one table of level 1. A frame of the real machine that was put into the image (a
 * page that is shared with Xen) stays where it is. */
static void settle(struct pv_pte *entry, uint64_t phys, uint64_t end, uint32_t type)
{
    pv_mmu_batch_begin();
    for (; phys < end; phys += PAGE_BYTES, entry++) {
        uint64_t now = pv_pte_get(entry).raw;
        uint64_t frame = (now & PTE_PRESENT) != 0 ? now & (PTE_ADDRESS | PV_PTE_MACHINE) : phys;
        pv_pte_set(entry, (struct pv_pte){frame | final_rights(phys, now, type) | PTE_ACCESSED});
    }
    pv_mmu_batch_end();
}

/* In ascending order: the pages that one table more opens are enough for all tables to come. */
static void settle_range(const struct pv_memory_range *range)
{
    struct ram ram;
    if (!ram_of(range, &ram))
        return;
    for (uint64_t phys = ram.start; phys < ram.end;) {
        uint64_t end = (phys | (TABLE_SPAN - 1)) + 1;
        if (end > ram.end)
            end = ram.end;
        struct pv_pte *entry = paging_entry(kernel_space, DIRECT_BASE + phys, true);
        if (entry == NULL)
            panic("no memory for the kernel's page tables");
        settle(entry, phys, end, range->type);
        direct_bytes = end > direct_bytes ? end : direct_bytes;
        phys = end;
    }
}

void paging_take_over(const struct pv_boot_info *boot)
{
    direct_base = KERNEL_BASE;
    direct_bytes = boot->xen_pv.mapped_bytes;
    kernel_space = pv_cr3_read() & PTE_ADDRESS;
    make_direct_map();
    for (unsigned i = 0; i < boot->ranges_used; i++)
        settle_range(&boot->ranges[i]);
    pv_tlb_flush_all();
    make_shared_tables();
}
