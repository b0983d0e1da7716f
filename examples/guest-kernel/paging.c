/* SPDX-License-Identifier: MIT */
/*
 * Page tables, four levels with 4 KiB pages (Intel SDM vol. 3A, 4.5). Every entry is read by
 * pv_pte_get() and written by pv_pte_set() and pv_pte_clear(), every table is announced by
 * pv_paging_table_add(): a VMM may own the tables, and then sees each change, and shows its own
 * frame numbers to nobody else.
 *
 * There is no lock: the thread that runs the commands is the only one that changes the kernel's
 * tables, but for the alias of text, which has its tables from the start. A space without users is
 * whoever's who made it.
 */
#include "paging.h"
#include "smp.h"

uint64_t kernel_space;
uintptr_t direct_base = DIRECT_BASE;
uint64_t direct_bytes;

uint64_t table_create(unsigned level)
{
    uint64_t phys = page_alloc();
    if (phys == 0 || pv_paging_table_add(phys / PAGE_BYTES, level) == PV_OK)
        return phys;
    page_free(phys);
    return 0;
}

/* What the entry holds then; 0: no memory. */
static uint64_t table_attach(struct pv_pte *entry, unsigned level)
{
    uint64_t phys = table_create(level);
    if (phys == 0)
        return 0;
    pv_pte_set(entry, (struct pv_pte){phys | TABLE_RIGHTS});
    return phys | TABLE_RIGHTS;
}

/* Inlined with the level known: that of pages is looked for at every mapping. */
static inline __attribute__((always_inline)) struct pv_pte *
find_entry(uint64_t space, uintptr_t address, unsigned level, bool make_tables)
{
    struct pv_pte *entry = &table_of(space)[index_at(address, TOP_LEVEL)];
    for (unsigned below = TOP_LEVEL - 1; below >= level; below--) {
        uint64_t value = pv_pte_get(entry).raw;
        if (!leads_to_table(value)) {
            value = value == 0 && make_tables ? table_attach(entry, below) : 0;
            if (value == 0)
                return NULL;
        }
        entry = &table_of(value)[index_at(address, below)];
    }
    return entry;
}

struct pv_pte *paging_entry(uint64_t space, uintptr_t address, bool make_tables)
{
    return find_entry(space, address, 1, make_tables);
}

struct pv_pte *paging_entry_at(uint64_t space, uintptr_t address, unsigned level, bool make_tables)
{
    return find_entry(space, address, level, make_tables);
}

bool paging_map(uint64_t space, uintptr_t address, uint64_t phys, uint64_t rights)
{
    struct pv_pte *entry = paging_entry(space, address, true);
    if (entry == NULL)
        return false;
    pv_pte_set(entry, (struct pv_pte){phys | rights | PTE_ACCESSED});
    return true;
}

uint64_t paging_unmap(uint64_t space, uintptr_t address)
{
    struct pv_pte *entry = paging_entry(space, address, false);
    uint64_t value = entry != NULL ? pv_pte_get(entry).raw : 0;
    if ((value & PTE_PRESENT) == 0)
        return 0;
    pv_pte_clear(entry);
    paging_flush(address);
    return value & PTE_ADDRESS;
}

void paging_flush(uintptr_t address)
{
    pv_tlb_invlpg(address);
    smp_flush_others(address, address + PAGE_BYTES);
}

void paging_protect(uint64_t space, uintptr_t address, uint64_t rights)
{
    struct pv_pte *entry = paging_entry(space, address, false);
    uint64_t value = entry != NULL ? pv_pte_get(entry).raw : 0;
    if ((value & PTE_PRESENT) == 0)
        return;
    pv_pte_set(entry, (struct pv_pte){(value & PTE_ADDRESS) | rights | PTE_ACCESSED});
    paging_flush(address);
}

uint64_t paging_translate(uint64_t space, uintptr_t address)
{
    struct pv_pte *entry = paging_entry(space, address, false);
    uint64_t value = entry != NULL ? pv_pte_get(entry).raw : 0;
    if ((value & PTE_PRESENT) == 0)
        return UINT64_MAX;
    return (value & PTE_ADDRESS) | (address % PAGE_BYTES);
}

struct walk {
    paging_visitor visit;
    void *context;
};

static uint64_t combined(uint64_t above, uint64_t entry)
{
    uint64_t all = above & entry & (PTE_PRESENT | PTE_WRITE | PTE_USER);
    return all | ((above | entry) & PTE_NX) | (entry & PTE_LARGE);
}

static bool walk_table(const struct walk *walk, uint64_t table, unsigned level, uintptr_t base,
                       uint64_t above)
{
    uint64_t bytes = PAGE_BYTES << (9 * (level - 1));
    for (unsigned i = 0; i < ENTRIES; i++) {
        uint64_t value = pv_pte_get(&table_of(table)[i]).raw;
        bool leaf = level == 1 || (level < TOP_LEVEL && (value & PTE_LARGE) != 0);
        if ((value & PTE_PRESENT) == 0 || (!leaf && !leads_to_table(value)))
            continue;
        uintptr_t address = base + i * bytes;
        if (level == TOP_LEVEL && i >= KERNEL_HALF)
            address |= 0xffff000000000000; /* canonical */
        uint64_t rights = combined(above, value);
        bool go_on = leaf ? walk->visit(address, bytes, rights, walk->context)
                          : walk_table(walk, value, level - 1, address, rights & ~PTE_LARGE);
        if (!go_on)
            return false;
    }
    return true;
}

bool paging_walk(uint64_t space, paging_visitor visit, void *context)
{
    struct walk walk = {visit, context};
    return walk_table(&walk, space & PTE_ADDRESS, TOP_LEVEL, 0, PTE_PRESENT | PTE_WRITE | PTE_USER);
}
