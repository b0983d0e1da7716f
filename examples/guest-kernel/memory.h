/* SPDX-License-Identifier: MIT */
/*
 * Physical pages, and address spaces made of them.
 */
#ifndef GUEST_MEMORY_H
#define GUEST_MEMORY_H

#include "layout.h"
#include "pvops/pvops.h"

#define PAGE_BYTES 0x1000ull

#define PTE_PRESENT  0x001ull
#define PTE_WRITE    0x002ull
#define PTE_USER     0x004ull
#define PTE_UNCACHED 0x018ull
#define PTE_ACCESSED 0x060ull /* accessed and dirty: set here, so that no walk has to */
#define PTE_LARGE    0x080ull
#define PTE_GLOBAL   0x100ull
#define PTE_NX       (1ull << 63)
#define PTE_ADDRESS  0x000ffffffffff000ull

/* Rights of a mapping. */
#define MAP_KERNEL_CODE   (PTE_PRESENT | PTE_GLOBAL)
#define MAP_KERNEL_CONST  (PTE_PRESENT | PTE_GLOBAL | PTE_NX)
#define MAP_KERNEL_DATA   (PTE_PRESENT | PTE_GLOBAL | PTE_NX | PTE_WRITE)
#define MAP_KERNEL_DEVICE (MAP_KERNEL_DATA | PTE_UNCACHED)
#define MAP_USER_CODE     (PTE_PRESENT | PTE_USER)
#define MAP_USER_DATA     (PTE_PRESENT | PTE_USER | PTE_NX | PTE_WRITE)

/* Physical pages: pages.c. 0 means that none is left. Fresh ones are cleared by direct(), which
 * reaches memory from the beginning of paging_init() on. */
void pages_init(const struct pv_boot_info *boot);
uint64_t page_alloc(void);
void page_free(uint64_t phys);
uint64_t low_pages(unsigned pages); /* consecutive, below 1 MiB, for good; 0: there are none */
uint64_t pages_free(void);
extern uint64_t pages_withheld; /* of those that are free, for tests of what happens without */
uint64_t pages_total(void);

/* DIRECT_BASE; KERNEL_BASE while tables that a door left are being taken over. */
extern uintptr_t direct_base;

/* How much memory is there, beginning with 0; none before paging_init(). */
extern uint64_t direct_bytes;

static inline void *direct(uint64_t phys)
{
    return (void *)(direct_base + phys);
}

/* Page tables and address spaces: paging*.c, spaces.c. A space is the physical address of its
 * top-level table. */
extern uint64_t kernel_space;

/* The kernel's own tables, each page with the rights it needs; the door's are left behind, or
 * become the kernel's where a VMM owns page tables. */
void paging_init(const struct pv_boot_info *boot);

/* The entry of the lowest level for an address; NULL if a table is missing and not to be made, or
 * cannot be made. */
struct pv_pte *paging_entry(uint64_t space, uintptr_t address, bool make_tables);

/* The same for another level, 1 to 4. */
struct pv_pte *paging_entry_at(uint64_t space, uintptr_t address, unsigned level, bool make_tables);

/* Maps one page; false when no page is left for a table. Does not flush: the page was unmapped. */
bool paging_map(uint64_t space, uintptr_t address, uint64_t phys, uint64_t rights);

/* Unmaps one page of the space in force or of the kernel. Returns what was mapped, or 0. */
uint64_t paging_unmap(uint64_t space, uintptr_t address);

/* Drops a translation, on all CPUs. */
void paging_flush(uintptr_t address);

/* Changes the rights of a mapped page. */
void paging_protect(uint64_t space, uintptr_t address, uint64_t rights);

/* Physical address of mapped memory; UINT64_MAX if it is not mapped. */
uint64_t paging_translate(uint64_t space, uintptr_t address);

/* A new space with the kernel in it; 0 if there is no memory. */
uint64_t space_create(void);

/* Maps pages one after another, each of which page() gives; false when it gives 0, or there is no
 * memory for a table. What was mapped until then stays so. */
bool space_map(uint64_t space, uintptr_t address, size_t pages, uint64_t (*page)(size_t index),
               uint64_t rights);

/* Gives back a space with all its user pages and tables. It must not be in force. */
void space_destroy(uint64_t space);

/* Calls visit() for each page that is mapped; large pages too. rights: all levels taken together.
 */
typedef bool (*paging_visitor)(uintptr_t address, uint64_t bytes, uint64_t rights, void *context);
bool paging_walk(uint64_t space, paging_visitor visit, void *context);

/* Mappings by purpose: mappings.c. */
uintptr_t stack_create(void); /* its top, or 0 */
void stack_destroy(uintptr_t top);

void *map_physical(uint64_t phys, size_t bytes, bool device);
void *text_alias(uintptr_t text, size_t bytes);
void text_unalias(void *alias, size_t bytes);
uint64_t virt_to_phys(const volatile void *address);
void *phys_to_virt(uint64_t phys); /* NULL: not mapped */

/* Pages for code that is made at run time, within reach of the kernel: written by the direct map,
 * which module_seal() takes away, and mapped executable then. NULL if there is no memory. */
void *module_alloc(size_t bytes);
void *module_writable(void *module, size_t offset);
void module_seal(void *module, size_t bytes);
void module_free(void *module, size_t bytes);

#endif
