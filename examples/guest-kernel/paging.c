/* SPDX-License-Identifier: MIT */
/*
 * Page tables, four levels with 4 KiB pages (Intel SDM vol. 3A, 4.5). Every entry is written by
 * pv_pte_set() and pv_pte_clear(), every table is announced by pv_paging_table_add(): a VMM may own
 * the tables, and then sees each change.
 *
 * The kernel's half is shared by all spaces: its top-level entries are made before the first space
 * is, and never change again. There is no lock: the thread that runs the commands is the only one
 * that changes tables, but for the alias of text, which has its tables from the start.
 */
#include "console.h"
#include "cpu.h"
#include "memory.h"
#include "string.h"

#define ENTRIES     512u
#define KERNEL_HALF 256u
#define TOP_LEVEL   4u

/* Rights are the lowest level's business; tables above it allow everything. */
#define TABLE_RIGHTS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)

extern char image_start[], text_start[], text_end[];
extern char rodata_start[], rodata_end[], data_start[], image_end[];

uint64_t kernel_space;

static struct pv_pte *table_of(uint64_t phys)
{
    return direct(phys & PTE_ADDRESS);
}

static unsigned index_at(uintptr_t address, unsigned level)
{
    return (unsigned)(address >> (12 + 9 * (level - 1))) % ENTRIES;
}

static uint64_t table_create(unsigned level)
{
    uint64_t phys = page_alloc();
    if (phys != 0)
        pv_paging_table_add(phys / PAGE_BYTES, level);
    return phys;
}

static bool table_attach(struct pv_pte *entry, unsigned level)
{
    uint64_t phys = table_create(level);
    if (phys == 0)
        return false;
    pv_pte_set(entry, (struct pv_pte){phys | TABLE_RIGHTS});
    return true;
}

struct pv_pte *paging_entry(uint64_t space, uintptr_t address, bool make_tables)
{
    struct pv_pte *entry = &table_of(space)[index_at(address, TOP_LEVEL)];
    for (unsigned level = TOP_LEVEL - 1; level > 0; level--) {
        bool there = (entry->raw & PTE_PRESENT) != 0;
        if (!there && (!make_tables || !table_attach(entry, level)))
            return NULL;
        entry = &table_of(entry->raw)[index_at(address, level)];
    }
    return entry;
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
    if (entry == NULL || (entry->raw & PTE_PRESENT) == 0)
        return 0;
    uint64_t phys = entry->raw & PTE_ADDRESS;
    pv_pte_clear(entry);
    pv_tlb_invlpg(address);
    return phys;
}

void paging_protect(uint64_t space, uintptr_t address, uint64_t rights)
{
    struct pv_pte *entry = paging_entry(space, address, false);
    if (entry == NULL || (entry->raw & PTE_PRESENT) == 0)
        return;
    pv_pte_set(entry, (struct pv_pte){(entry->raw & PTE_ADDRESS) | rights | PTE_ACCESSED});
    pv_tlb_invlpg(address);
}

uint64_t paging_translate(uint64_t space, uintptr_t address)
{
    struct pv_pte *entry = paging_entry(space, address, false);
    if (entry == NULL || (entry->raw & PTE_PRESENT) == 0)
        return UINT64_MAX;
    return (entry->raw & PTE_ADDRESS) | (address % PAGE_BYTES);
}

static void map_or_panic(uintptr_t address, uint64_t phys, uint64_t rights)
{
    if (!paging_map(kernel_space, address, phys, rights))
        panic("no memory for the kernel's page tables");
}

static void map_image(const char *start, const char *end, uint64_t rights)
{
    for (uintptr_t at = (uintptr_t)start; at < (uintptr_t)end; at += PAGE_BYTES)
        map_or_panic(at, at - KERNEL_BASE, rights);
}

/* What the image maps read-only must not be writable by its other address. */
static uint64_t direct_rights(uint64_t phys)
{
    uintptr_t image = KERNEL_BASE + phys;
    bool constant = image >= (uintptr_t)image_start && image < (uintptr_t)data_start;
    return constant ? MAP_KERNEL_CONST : MAP_KERNEL_DATA;
}

static bool is_ram(const struct pv_memory_range *range)
{
    return range->type == PV_MEMORY_RAM || range->type == PV_MEMORY_KERNEL ||
           range->type == PV_MEMORY_MODULE;
}

static void map_ram(const struct pv_memory_range *range)
{
    uint64_t start = (range->start + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    uint64_t end = (range->start + range->bytes) & ~(PAGE_BYTES - 1);
    if (end > PHYSICAL_LIMIT)
        end = PHYSICAL_LIMIT;
    for (uint64_t phys = start; phys < end; phys += PAGE_BYTES)
        map_or_panic(DIRECT_BASE + phys, phys, direct_rights(phys));
}

/* All top-level entries that the kernel will ever use, so that copies of them stay true. */
static void make_shared_tables(void)
{
    static const uintptr_t roots[] = {DIRECT_BASE, DEVICE_BASE, STACK_BASE, KERNEL_BASE};
    for (unsigned i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
        if (paging_entry(kernel_space, roots[i], true) == NULL)
            panic("no memory for the kernel's page tables");
}

/* The door's tables show memory where it is and at KERNEL_BASE. Tables are written at DIRECT_BASE,
 * so memory must be there already while the first are made. */
static void extend_door_tables(void)
{
    struct pv_pte *top = pv_door_phys_to_virt(pv_cr3_read() & PTE_ADDRESS);
    pv_pte_set(&top[index_at(DIRECT_BASE, TOP_LEVEL)], top[0]);
}

void paging_init(const struct pv_boot_info *boot)
{
    extend_door_tables();
    kernel_space = table_create(TOP_LEVEL);
    if (kernel_space == 0)
        panic("no memory for the kernel's page tables");
    pv_mmu_batch_begin();
    make_shared_tables();
    map_image(image_start, text_start, MAP_KERNEL_CONST); /* the doors, done with */
    map_image(text_start, text_end, MAP_KERNEL_CODE);
    map_image(rodata_start, rodata_end, MAP_KERNEL_CONST);
    map_image(data_start, image_end, MAP_KERNEL_DATA);
    for (unsigned i = 0; i < boot->ranges_used; i++)
        if (is_ram(&boot->ranges[i]))
            map_ram(&boot->ranges[i]);
    pv_mmu_batch_end();
    pv_cr3_write(kernel_space);
}

uint64_t space_create(void)
{
    uint64_t space = table_create(TOP_LEVEL);
    if (space == 0)
        return 0;
    pv_mmu_batch_begin();
    for (unsigned i = KERNEL_HALF; i < ENTRIES; i++)
        if (table_of(kernel_space)[i].raw != 0)
            pv_pte_set(&table_of(space)[i], table_of(kernel_space)[i]);
    pv_mmu_batch_end();
    return space;
}

/* Children first: a table may not be given back while an entry names it. */
static void free_below(uint64_t table, unsigned level, unsigned entries)
{
    for (unsigned i = 0; i < entries; i++) {
        struct pv_pte *entry = &table_of(table)[i];
        uint64_t child = entry->raw & PTE_ADDRESS;
        if ((entry->raw & PTE_PRESENT) == 0)
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
        uint64_t raw = table_of(table)[i].raw;
        if ((raw & PTE_PRESENT) == 0)
            continue;
        uintptr_t address = base + i * bytes;
        if (level == TOP_LEVEL && i >= KERNEL_HALF)
            address |= 0xffff000000000000; /* canonical */
        uint64_t rights = combined(above, raw);
        bool leaf = level == 1 || (level < TOP_LEVEL && (raw & PTE_LARGE) != 0);
        bool go_on = leaf ? walk->visit(address, bytes, rights, walk->context)
                          : walk_table(walk, raw, level - 1, address, rights & ~PTE_LARGE);
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
