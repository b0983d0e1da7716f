/* SPDX-License-Identifier: MIT */
/*
 * What the files that make page tables share: paging.c, paging_init.c, paging_xen_pv.c, spaces.c.
 */
#ifndef GUEST_PAGING_H
#define GUEST_PAGING_H

#include "memory.h"

#define ENTRIES     512u
#define KERNEL_HALF 256u
#define TOP_LEVEL   4u

/* Rights are the lowest level's business; tables above it allow everything. */
#define TABLE_RIGHTS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)

/* The top-level entries that are the kernel's, by an address in each. */
#define KERNEL_ROOTS 4
extern const uintptr_t kernel_roots[KERNEL_ROOTS];

static inline unsigned index_at(uintptr_t address, unsigned level)
{
    return (unsigned)(address >> (12 + 9 * (level - 1))) % ENTRIES;
}

static inline struct pv_pte *table_of(uint64_t phys)
{
    return direct(phys & PTE_ADDRESS);
}

/* A table of our own behind an entry, and not one that the VMM keeps there for itself. */
static inline bool leads_to_table(uint64_t value)
{
    return (value & (PTE_PRESENT | PV_PTE_MACHINE)) == PTE_PRESENT;
}

/* An empty table, announced; 0 if there is no memory. */
uint64_t table_create(unsigned level);

/* All that the kernel's spaces share, so that copies of the top-level entries stay true; and the
 * tables of the alias of text, which is mapped where no table may be made. */
void make_shared_tables(void);

/* What the image maps read-only must not be writable by its other address. */
uint64_t direct_rights(uint64_t phys);

/* RAM, whoever has it, in whole pages and below PHYSICAL_LIMIT; false for anything else. */
struct ram {
    uint64_t start;
    uint64_t end;
};
bool ram_of(const struct pv_memory_range *range, struct ram *ram);

/* The tables that the Xen PV door left become the kernel's. */
void paging_take_over(const struct pv_boot_info *boot);

#endif
