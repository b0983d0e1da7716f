/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: each has the kernel's half, which is the same in all of them, and a half of its
 * own. What else stands in the upper half of a top-level table is the VMM's (Xen PV), and left
 * alone.
 *
 * All is done in batches, so that a VMM that owns page tables is asked a few times and not once an
 * entry. A page is free only behind the end of the batch that unmaps it.
 */
#include "cpu.h"
#include "paging.h"

uint64_t space_create(void)
{
    batch_begin();
    uint64_t space = table_create(TOP_LEVEL);
    for (unsigned i = 0; space != 0 && i < KERNEL_ROOTS; i++) {
        unsigned slot = index_at(kernel_roots[i], TOP_LEVEL);
        pv_pte_set(&table_of(space)[slot], pv_pte_get(&table_of(kernel_space)[slot]));
    }
    batch_end();
    return space;
}

bool space_map(uint64_t space, uintptr_t address, size_t pages, uint64_t (*page)(size_t index),
               uint64_t rights)
{
    struct pv_pte *entry = NULL;
    bool done = true;
    batch_begin();
    for (size_t i = 0; i < pages && done; i++, entry++) {
        /* The next table begins where an address has no index in this one. */
        if (entry == NULL || index_at(address + i * PAGE_BYTES, 1) == 0)
            entry = paging_entry(space, address + i * PAGE_BYTES, true);
        uint64_t phys = entry != NULL ? page(i) : 0;
        done = phys != 0;
        if (done)
            pv_pte_set(entry, (struct pv_pte){phys | rights | PTE_ACCESSED});
    }
    batch_end();
    return done;
}

/* Tables that no entry names any more, to be plain pages again together. */
#define MOST_DETACHED 64u

struct detached {
    unsigned count;
    struct {
        uint64_t phys;
        unsigned level;
    } tables[MOST_DETACHED];
};

static void free_detached(struct detached *detached)
{
    batch_begin();
    for (unsigned i = 0; i < detached->count; i++)
        pv_paging_table_remove(detached->tables[i].phys / PAGE_BYTES, detached->tables[i].level);
    batch_end();
    for (unsigned i = 0; i < detached->count; i++)
        page_free(detached->tables[i].phys);
    detached->count = 0;
}

static void detach(struct detached *detached, uint64_t phys, unsigned level)
{
    if (detached->count == MOST_DETACHED)
        free_detached(detached);
    detached->tables[detached->count].phys = phys;
    detached->tables[detached->count++].level = level;
}

/* A table that nobody uses, and all below it. */
static void take_apart(struct detached *detached, uint64_t table, unsigned level)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        uint64_t value = pv_pte_get(&table_of(table)[i]).raw;
        if (!leads_to_table(value))
            continue;
        if (level > 1)
            take_apart(detached, value & PTE_ADDRESS, level - 1);
        else
            page_free(value & PTE_ADDRESS);
    }
    detach(detached, table, level);
}

/* The users' half is cut off at the top; what hangs below is in no space then. */
static unsigned cut_off(uint64_t space, uint64_t *tables)
{
    unsigned count = 0;
    for (unsigned i = 0; i < KERNEL_HALF; i++) {
        uint64_t value = pv_pte_get(&table_of(space)[i]).raw;
        if (leads_to_table(value))
            tables[count++] = value & PTE_ADDRESS;
    }
    batch_begin();
    for (unsigned i = 0; count != 0 && i < KERNEL_HALF; i++)
        if (pv_pte_get(&table_of(space)[i]).raw != 0)
            pv_pte_clear(&table_of(space)[i]);
    batch_end();
    return count;
}

/* Of each CPU, where one space is destroyed at a time. */
static struct wreck {
    uint64_t tables[KERNEL_HALF];
    struct detached detached;
} wrecks[MOST_CPUS];

void space_destroy(uint64_t space)
{
    preempt_off();
    struct wreck *wreck = &wrecks[pv_this_cpu()->number];
    unsigned count = cut_off(space, wreck->tables);
    for (unsigned i = 0; i < count; i++)
        take_apart(&wreck->detached, wreck->tables[i], TOP_LEVEL - 1);
    detach(&wreck->detached, space, TOP_LEVEL);
    free_detached(&wreck->detached);
    thread_preempt_on();
}
