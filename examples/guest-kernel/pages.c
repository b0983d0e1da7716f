/* SPDX-License-Identifier: MIT */
/*
 * Physical pages. Fresh ones are taken from the memory map in order, so that a page that is never
 * used is never touched (touching costs an exit each under a VMM); freed ones go to a list that is
 * kept in the pages themselves.
 */
#include "commands.h"
#include "console.h"
#include "cpu.h"
#include "memory.h"
#include "string.h"

#define LOW_MEMORY 0x100000ull /* firmware's, and where other CPUs start */

/* The part of it that is lent for that: behind the firmware's own, before video memory. */
#define LOW_MEMORY_START 0x10000ull
#define LOW_MEMORY_END   0xa0000ull

struct region {
    uint64_t next; /* first page not handed out yet */
    uint64_t end;
};

static struct region regions[PV_BOOT_RANGES];
static unsigned region_count;
static struct region low;
static uint64_t free_list; /* physical address of the first freed page, 0 for none */
static uint64_t free_count;
static uint64_t total_count;
uint64_t pages_withheld;
static struct pv_spinlock lock = PV_SPINLOCK_FREE;

static uint64_t round_up(uint64_t address)
{
    return (address + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

static uint64_t round_down(uint64_t address)
{
    return address & ~(PAGE_BYTES - 1);
}

static void add_ram(const struct pv_memory_range *range)
{
    uint64_t start = round_up(range->start);
    uint64_t end = round_down(range->start + range->bytes);
    if (start < LOW_MEMORY)
        start = LOW_MEMORY;
    if (end > PHYSICAL_LIMIT)
        end = PHYSICAL_LIMIT;
    if (start < end)
        regions[region_count++] = (struct region){start, end};
}

/* What lies lowest may be firmware's, whatever it says: the highest range is taken. */
static void add_low_ram(const struct pv_memory_range *range)
{
    uint64_t start = round_up(range->start);
    uint64_t end = round_down(range->start + range->bytes);
    if (start < LOW_MEMORY_START)
        start = LOW_MEMORY_START;
    if (end > LOW_MEMORY_END)
        end = LOW_MEMORY_END;
    if (start < end && end > low.end)
        low = (struct region){start, end};
}

uint64_t low_pages(unsigned pages)
{
    if (low.end - low.next < pages * PAGE_BYTES)
        return 0;
    low.end -= pages * PAGE_BYTES;
    return low.end;
}

void pages_init(const struct pv_boot_info *boot)
{
    for (unsigned i = 0; i < boot->ranges_used; i++)
        if (boot->ranges[i].type == PV_MEMORY_RAM)
            add_ram(&boot->ranges[i]);
    for (unsigned i = 0; i < boot->ranges_used; i++)
        if (boot->ranges[i].type == PV_MEMORY_RAM)
            add_low_ram(&boot->ranges[i]);
    for (unsigned i = 0; i < region_count; i++)
        total_count += (regions[i].end - regions[i].next) / PAGE_BYTES;
    free_count = total_count;
    if (total_count == 0) {
        print_complaints();
        panic("the loader named no memory to use");
    }
}

static uint64_t take_fresh(void)
{
    for (unsigned i = 0; i < region_count; i++) {
        if (regions[i].next == regions[i].end)
            continue;
        uint64_t phys = regions[i].next;
        regions[i].next += PAGE_BYTES;
        return phys;
    }
    return 0;
}

static uint64_t take_freed(void)
{
    uint64_t phys = free_list;
    if (phys != 0)
        free_list = *(uint64_t *)direct(phys);
    return phys;
}

uint64_t page_alloc(void)
{
    struct pv_irqflags flags = lock_irq(&lock);
    bool any = free_count > pages_withheld;
    uint64_t phys = any ? take_freed() : 0;
    if (phys == 0 && any)
        phys = take_fresh();
    if (phys != 0)
        free_count--;
    unlock_irq(&lock, flags);
    if (phys != 0)
        page_clear(direct(phys));
    return phys;
}

void page_free(uint64_t phys)
{
    struct pv_irqflags flags = lock_irq(&lock);
    *(uint64_t *)direct(phys) = free_list;
    free_list = phys;
    free_count++;
    unlock_irq(&lock, flags);
}

uint64_t pages_free(void)
{
    return free_count;
}

uint64_t pages_total(void)
{
    return total_count;
}
