/* SPDX-License-Identifier: MIT */
/*
 * The kernel's page tables: made anew, each page with the rights it needs, where the kernel owns
 * them. Its top-level entries are made before the first space is, and never change again.
 */
#include "console.h"
#include "paging.h"

extern char image_start[], text_start[], text_end[];
extern char rodata_start[], rodata_end[], data_start[], image_end[];

const uintptr_t kernel_roots[KERNEL_ROOTS] = {DIRECT_BASE, DEVICE_BASE, STACK_BASE, KERNEL_BASE};

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

uint64_t direct_rights(uint64_t phys)
{
    uintptr_t image = KERNEL_BASE + phys;
    bool constant = image >= (uintptr_t)image_start && image < (uintptr_t)data_start;
    return constant ? MAP_KERNEL_CONST : MAP_KERNEL_DATA;
}

bool ram_of(const struct pv_memory_range *range, struct ram *ram)
{
    bool is_ram = range->type == PV_MEMORY_RAM || range->type >= PV_MEMORY_KERNEL;
    ram->start = (range->start + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    ram->end = (range->start + range->bytes) & ~(PAGE_BYTES - 1);
    if (ram->end > PHYSICAL_LIMIT)
        ram->end = PHYSICAL_LIMIT;
    return is_ram && ram->start < ram->end;
}

static void map_ram(const struct pv_memory_range *range)
{
    struct ram ram;
    if (!ram_of(range, &ram))
        return;
    for (uint64_t phys = ram.start; phys < ram.end; phys += PAGE_BYTES)
        map_or_panic(DIRECT_BASE + phys, phys, direct_rights(phys));
}

static void tables_or_panic(uintptr_t address)
{
    if (paging_entry(kernel_space, address, true) == NULL)
        panic("no memory for the kernel's page tables");
}

void make_shared_tables(void)
{
    for (unsigned i = 0; i < KERNEL_ROOTS; i++)
        tables_or_panic(kernel_roots[i]);
    tables_or_panic(ALIAS_BASE);
}

/* The door's tables show memory where it is and at KERNEL_BASE. Tables are written at DIRECT_BASE,
 * so memory must be there already while the first are made. */
static void extend_door_tables(void)
{
    struct pv_pte *top = pv_door_phys_to_virt(pv_cr3_read() & PTE_ADDRESS);
    pv_pte_set(&top[index_at(DIRECT_BASE, TOP_LEVEL)], pv_pte_get(&top[0]));
    direct_bytes = PHYSICAL_LIMIT;
}

static void make_tables(const struct pv_boot_info *boot)
{
    extend_door_tables();
    kernel_space = table_create(TOP_LEVEL);
    if (kernel_space == 0)
        panic("no memory for the kernel's page tables");
    make_shared_tables();
    map_image(image_start, text_start, MAP_KERNEL_CONST); /* the doors, done with */
    map_image(text_start, text_end, MAP_KERNEL_CODE);
    map_image(rodata_start, rodata_end, MAP_KERNEL_CONST);
    map_image(data_start, image_end, MAP_KERNEL_DATA);
    for (unsigned i = 0; i < boot->ranges_used; i++)
        map_ram(&boot->ranges[i]);
    pv_cr3_write(kernel_space);
}

void paging_init(const struct pv_boot_info *boot)
{
    if (boot->door == PV_DOOR_XEN_PV)
        paging_take_over(boot);
    else
        make_tables(boot);
}
