/* SPDX-License-Identifier: MIT */
/*
 * Mappings by purpose: what the library borrows through struct pv_platform, kernel stacks with a
 * guard page, and room for code that is made at run time.
 */
#include "console.h"
#include "cpu.h"
#include "memory.h"

#define ALIAS_PAGES 2
#define STACK_PAGES 4
#define STACK_SLOTS 64

static uintptr_t device_next = DEVICE_BASE;
static uintptr_t module_next = MODULE_BASE;
static uint64_t stack_slots_used;
static struct pv_spinlock lock = PV_SPINLOCK_FREE;

static size_t pages_of(uintptr_t address, size_t bytes)
{
    return (address % PAGE_BYTES + bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

/* Where ports are not the kernel's, devices are not either, and only what is RAM has an address
 * that means something. */
static bool is_out_of_reach(uint64_t phys, size_t bytes, bool device)
{
    return !privileged() && (device || bytes > direct_bytes || phys > direct_bytes - bytes);
}

/* Mappings of devices stay for good: a kernel has a handful of them. */
void *map_physical(uint64_t phys, size_t bytes, bool device)
{
    size_t pages = pages_of(phys, bytes);
    if (kernel_space == 0 || bytes == 0 || phys >= PTE_ADDRESS ||
        is_out_of_reach(phys, bytes, device) || pages > (DEVICE_END - device_next) / PAGE_BYTES)
        return NULL;
    uintptr_t start = device_next;
    uint64_t rights = device ? MAP_KERNEL_DEVICE : MAP_KERNEL_DATA;
    for (size_t i = 0; i < pages; i++)
        if (!paging_map(kernel_space, start + i * PAGE_BYTES, (phys & PTE_ADDRESS) + i * PAGE_BYTES,
                        rights))
            return NULL;
    device_next += pages * PAGE_BYTES;
    return (void *)(start + phys % PAGE_BYTES);
}

/* Interrupts may be off and sites half done, so this takes no lock: one alias at a time. Other CPUs
 * are not told: each that uses the alias drops what it knew of it first. */
void *text_alias(uintptr_t text, size_t bytes)
{
    size_t pages = pages_of(text, bytes);
    uintptr_t page = text & ~(PAGE_BYTES - 1);
    if (pages == 0 || pages > ALIAS_PAGES)
        return NULL;
    for (size_t i = 0; i < pages; i++) {
        uint64_t phys = paging_translate(kernel_space, page + i * PAGE_BYTES);
        uintptr_t alias = ALIAS_BASE + i * PAGE_BYTES;
        if (phys == UINT64_MAX || !paging_map(kernel_space, alias, phys, MAP_KERNEL_DATA))
            return NULL;
        pv_tlb_invlpg(alias);
    }
    return (void *)(ALIAS_BASE + text % PAGE_BYTES);
}

void text_unalias(void *alias, size_t bytes)
{
    size_t pages = pages_of((uintptr_t)alias, bytes);
    for (size_t i = 0; i < pages; i++) {
        pv_pte_clear(paging_entry(kernel_space, ALIAS_BASE + i * PAGE_BYTES, false));
        pv_tlb_invlpg(ALIAS_BASE + i * PAGE_BYTES);
    }
}

uint64_t virt_to_phys(const volatile void *address)
{
    uintptr_t virt = (uintptr_t)address;
    if (virt >= KERNEL_BASE && virt < MODULE_BASE)
        return virt - KERNEL_BASE;
    return virt - DIRECT_BASE;
}

void *phys_to_virt(uint64_t phys)
{
    if (direct_bytes == 0)
        return pv_door_phys_to_virt(phys);
    return phys < direct_bytes ? direct(phys) : NULL;
}

static unsigned stack_slot_take(void)
{
    struct pv_irqflags flags = lock_irq(&lock);
    unsigned slot = 0;
    while (slot < STACK_SLOTS && (stack_slots_used >> slot & 1) != 0)
        slot++;
    if (slot < STACK_SLOTS)
        stack_slots_used |= 1ull << slot;
    unlock_irq(&lock, flags);
    return slot;
}

static void stack_slot_give(unsigned slot)
{
    struct pv_irqflags flags = lock_irq(&lock);
    stack_slots_used &= ~(1ull << slot);
    unlock_irq(&lock, flags);
}

/* One page of each slot, its lowest, is never mapped: an overflow is a double fault at once. */
static uintptr_t slot_base(unsigned slot)
{
    return STACK_BASE + (uintptr_t)slot * (STACK_PAGES + 1) * PAGE_BYTES + PAGE_BYTES;
}

static bool map_fresh(uintptr_t address, uint64_t rights)
{
    uint64_t phys = page_alloc();
    if (phys == 0)
        return false;
    if (paging_map(kernel_space, address, phys, rights))
        return true;
    page_free(phys);
    return false;
}

static void unmap_and_free(uintptr_t start, size_t pages)
{
    for (size_t i = 0; i < pages; i++) {
        uint64_t phys = paging_unmap(kernel_space, start + i * PAGE_BYTES);
        if (phys != 0)
            page_free(phys);
    }
}

uintptr_t stack_create(void)
{
    unsigned slot = stack_slot_take();
    if (slot == STACK_SLOTS)
        return 0;
    uintptr_t base = slot_base(slot);
    for (size_t i = 0; i < STACK_PAGES; i++) {
        if (map_fresh(base + i * PAGE_BYTES, MAP_KERNEL_DATA))
            continue;
        unmap_and_free(base, i);
        stack_slot_give(slot);
        return 0;
    }
    return base + STACK_PAGES * PAGE_BYTES;
}

void stack_destroy(uintptr_t top)
{
    uintptr_t base = top - STACK_PAGES * PAGE_BYTES;
    unmap_and_free(base, STACK_PAGES);
    stack_slot_give((unsigned)((base - STACK_BASE) / ((STACK_PAGES + 1) * PAGE_BYTES)));
}

/* Addresses of modules are not used twice: a stale pointer into one faults for ever. */
void *module_alloc(size_t bytes)
{
    size_t pages = pages_of(0, bytes);
    if (pages > (MODULE_END - module_next) / PAGE_BYTES)
        return NULL;
    uintptr_t start = module_next;
    module_next += (pages + 1) * PAGE_BYTES;
    for (size_t i = 0; i < pages; i++) {
        if (map_fresh(start + i * PAGE_BYTES, MAP_KERNEL_CONST))
            continue;
        unmap_and_free(start, i);
        return NULL;
    }
    return (void *)start;
}

void *module_writable(void *module, size_t offset)
{
    return direct(paging_translate(kernel_space, (uintptr_t)module + offset));
}

static void protect_module(void *module, size_t bytes, uint64_t rights, uint64_t direct_rights)
{
    for (size_t i = 0; i < pages_of(0, bytes); i++) {
        uintptr_t page = (uintptr_t)module + i * PAGE_BYTES;
        uint64_t phys = paging_translate(kernel_space, page);
        paging_protect(kernel_space, page, rights);
        paging_protect(kernel_space, (uintptr_t)direct(phys), direct_rights);
    }
}

void module_seal(void *module, size_t bytes)
{
    protect_module(module, bytes, MAP_KERNEL_CODE, MAP_KERNEL_CONST);
}

void module_free(void *module, size_t bytes)
{
    protect_module(module, bytes, MAP_KERNEL_CONST, MAP_KERNEL_DATA);
    unmap_and_free((uintptr_t)module, pages_of(0, bytes));
}
