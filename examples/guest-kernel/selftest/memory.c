/* SPDX-License-Identifier: MIT */
/*
 * Memory that is given back to the VMM and taken again, and what becomes of a machine that runs
 * against its limit. Reaching that limit is no part of what the library offers to kernels, so like
 * events.c this file looks into its own headers.
 */
#include "pvops/memory.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/memory.h"
#include "backends/xen/xen.h"
#include "selftest.h"
#include "../commands.h"
#include "../memory.h"
#include "../smp.h"
#include "../string.h"
#include "../timer.h"
#include "../traps.h"

#define PAGES    300u /* more than one hypercall's worth */
#define FEW      64u
#define PATTERN  0xfeedull
#define MEALS    512u /* pieces that all of the VMM's memory is eaten in */
#define TOP_MEAL 9u   /* the largest are 2 MiB */

#define PATIENCE_NS (20 * NS_PER_S)

static uint64_t frames[PAGES];

static bool take_from_allocator(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t phys = page_alloc();
        frames[i] = phys / PAGE_BYTES;
        if (phys == 0)
            return false;
        *(uint64_t *)direct(phys) = PATTERN + i;
    }
    return true;
}

static void give_to_allocator(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        page_free(frames[i] * PAGE_BYTES);
}

static bool skip_without(struct check *check, struct pv_memory_limits *limits)
{
    int status = pv_memory_limits(limits);
    if (status == PV_E_UNSUPPORTED)
        skip(check, "this VMM neither gives nor takes memory");
    else
        EXPECT(check, status == PV_OK, "status %d", status);
    return status != PV_OK;
}

static bool unmaps_what_is_given(void)
{
    return boot_info.door == PV_DOOR_XEN_PV;
}

/* Of those that are given, on the CPU that runs this. */
static volatile unsigned readable;

static void read_all(void *argument)
{
    const unsigned *count = argument;
    uint64_t value;
    readable = 0;
    for (unsigned i = 0; i < *count; i++)
        readable += probe_read(direct(frames[i] * PAGE_BYTES), &value);
}

/* On each CPU in turn: before, so that it knows the translations, and behind it. */
static void read_everywhere(struct check *check, unsigned count, unsigned wanted)
{
    for (unsigned cpu = 0; cpu < smp_count() && unmaps_what_is_given(); cpu++) {
        if (!smp_is_up(cpu))
            continue;
        if (cpu == 0)
            read_all(&count);
        else
            smp_give(cpu, read_all, &count);
        EXPECT(check, cpu == 0 || smp_done(cpu, PATIENCE_NS), "CPU %u does not come to an end",
               cpu);
        EXPECT(check, readable == wanted, "CPU %u can read %u pages", cpu, readable);
    }
}

static void expect_gone(struct check *check, unsigned count)
{
    read_everywhere(check, count, 0);
}

static void expect_back(struct check *check, unsigned from, unsigned count)
{
    for (unsigned i = from; i < count; i++) {
        uint64_t *page = direct(frames[i] * PAGE_BYTES), value = 1;
        bool there = probe_read(page, &value) && value == 0 && probe_write(page, PATTERN);
        EXPECT(check, there && *page == PATTERN, "page %u: there %u, value %lx", i, there, value);
    }
}

static void expect_pages(struct check *check, uint64_t wanted)
{
    struct pv_memory_limits now = {0, 0};
    int status = pv_memory_limits(&now);
    EXPECT(check, status == PV_OK && now.pages == wanted, "status %d, %lu pages and not %lu",
           status, now.pages, wanted);
}

static void given_and_taken(struct check *check)
{
    struct pv_memory_limits before;
    struct pv_error error = {0};
    if (skip_without(check, &before))
        return;
    print("# this machine has %lu pages and may have %lu\n", before.pages, before.most);
    if (!EXPECT(check, take_from_allocator(PAGES), "no memory"))
        return;
    read_everywhere(check, PAGES, PAGES);
    int given = pv_memory_give(frames, PAGES, &error);
    if (!EXPECT(check, given == (int)PAGES, "given: %d: %s", given, error.what))
        return;
    expect_pages(check, before.pages - PAGES);
    expect_gone(check, PAGES);
    int taken = pv_memory_take(frames, PAGES, &error);
    if (!EXPECT(check, taken == (int)PAGES, "taken: %d: %s", taken, error.what))
        return;
    expect_pages(check, before.pages);
    expect_back(check, 0, PAGES);
    give_to_allocator(PAGES);
}

static void given_twice(struct check *check)
{
    struct pv_memory_limits before;
    struct pv_error error = {0};
    uint64_t none = PTE_ADDRESS / PAGE_BYTES;
    if (skip_without(check, &before) || !EXPECT(check, take_from_allocator(2), "no memory"))
        return;
    int far = pv_memory_give(&none, 1, &error);
    EXPECT(check, far == PV_E_ARGUMENT && error.status == far && error.where == none,
           "a page beyond memory: %d, %lx", far, error.where);
    if (!unmaps_what_is_given()) {
        give_to_allocator(2);
        skip(check, "where the VMM owns no page tables it is not known what was given");
        return;
    }
    int had = pv_memory_take(frames, 1, &error);
    EXPECT(check, had == PV_E_ARGUMENT && error.where == frames[0], "a page that is there: %d",
           had);
    uint64_t twice[3] = {frames[0], frames[1], frames[0]};
    EXPECT(check, pv_memory_give(&frames[0], 1, &error) == 1, "%s", error.what);
    int again = pv_memory_give(twice, 3, &error);
    EXPECT(check, again == PV_E_ARGUMENT && error.where == frames[0], "given twice: %d", again);
    EXPECT(check, pv_memory_take(&frames[0], 1, &error) == 1, "%s", error.what);
    expect_pages(check, before.pages);
    expect_back(check, 0, 1);
    give_to_allocator(2);
}

/* Behind the end of memory: the kernel makes room for it in its map of all memory, and the VMM may
 * have some to spare. Afterwards it is memory like all other. */
static void more_than_at_first(struct check *check)
{
    struct pv_memory_limits before;
    struct pv_error error = {0};
    uint64_t first = direct_bytes / PAGE_BYTES;
    if (skip_without(check, &before))
        return;
    if (!unmaps_what_is_given() || before.most < before.pages + FEW ||
        direct_bytes + FEW * PAGE_BYTES > PHYSICAL_LIMIT) {
        skip(check, "this machine may not have more, or has no entries for it");
        return;
    }
    for (unsigned i = 0; i < FEW; i++) {
        frames[i] = first + i;
        EXPECT(check,
               paging_entry(kernel_space, DIRECT_BASE + frames[i] * PAGE_BYTES, true) != NULL,
               "no memory for a table");
    }
    direct_bytes += FEW * PAGE_BYTES;
    int taken = pv_memory_take(frames, FEW, &error);
    if (!EXPECT(check, taken == (int)FEW, "taken: %d: %s", taken, error.what))
        return;
    expect_pages(check, before.pages + FEW);
    expect_back(check, 0, FEW);
    /* As a page table, too, of which Xen has to know. */
    uint64_t table = frames[0];
    memset(direct(table * PAGE_BYTES), 0, PAGE_BYTES);
    pv_paging_table_add(table, 4);
    EXPECT(check, !probe_write(direct(table * PAGE_BYTES), 1), "it is no page table");
    pv_paging_table_remove(table, 4);
    EXPECT(check, pv_memory_give(frames, FEW, &error) == (int)FEW, "%s", error.what);
    direct_bytes -= FEW * PAGE_BYTES;
    expect_pages(check, before.pages);
}

/* ---- the limit ------------------------------------------------------------------------------- */

/* Memory of the machine without a frame of this domain's. */
static struct {
    uint64_t machine;
    unsigned order;
} meals[MEALS];

static int64_t reserve(uint32_t command, uint64_t *machine, unsigned order)
{
    struct pv_xen_memory_reservation change = {machine, 1, order, 0, PV_XEN_DOMID_SELF};
    return pv_xen_memory_op(command, &change);
}

/* All that Xen gives, in large pieces first. */
static unsigned eat(void)
{
    unsigned eaten = 0;
    for (unsigned order = TOP_MEAL + 1; order-- != 0;)
        while (eaten < MEALS &&
               reserve(PV_XENMEM_INCREASE_RESERVATION, &meals[eaten].machine, order) == 1)
            meals[eaten++].order = order;
    return eaten;
}

static void give_back_meals(struct check *check, unsigned eaten)
{
    for (unsigned i = 0; i < eaten; i++) {
        uint64_t machine = meals[i].machine;
        int64_t done = reserve(PV_XENMEM_DECREASE_RESERVATION, &machine, meals[i].order);
        EXPECT(check, done == 1, "Xen does not take back what it gave: %ld", done);
    }
}

static void at_the_limit(struct check *check)
{
    struct pv_error error = {0};
    unsigned eaten = eat();
    int taken = pv_memory_take(frames, FEW, &error);
    print("# with all else eaten in %u pieces, %d of %u pages were to be had\n", eaten, taken, FEW);
    EXPECT(check, eaten != 0 && eaten < MEALS, "%u pieces were eaten", eaten);
    EXPECT(check, taken >= 0 && taken < (int)FEW && error.status == PV_E_FULL,
           "taken: %d, status %d", taken, error.status);
    EXPECT(check, taken < 0 || error.where == frames[taken], "at frame %lx", error.where);
    expect_back(check, 0, taken > 0 ? (unsigned)taken : 0);
    give_back_meals(check, eaten);
    int rest = pv_memory_take(frames + taken, FEW - (unsigned)taken, &error);
    EXPECT(check, rest == (int)FEW - taken, "afterwards %d of %d: %s", rest, (int)FEW - taken,
           error.what);
    expect_back(check, (unsigned)taken, FEW);
}

static void limit_is_survived(struct check *check)
{
    struct pv_memory_limits before;
    struct pv_error error = {0};
    if (skip_without(check, &before))
        return;
    if (!unmaps_what_is_given()) {
        skip(check, "only a PV guest can eat memory that it has no frames for");
        return;
    }
    if (!EXPECT(check, take_from_allocator(FEW), "no memory"))
        return;
    int given = pv_memory_give(frames, FEW, &error);
    if (!EXPECT(check, given == (int)FEW, "given: %d: %s", given, error.what))
        return;
    at_the_limit(check);
    expect_pages(check, before.pages);
    give_to_allocator(FEW);
}

static uint64_t ram_bytes(const struct pv_memory_range *ranges, int count)
{
    uint64_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += ranges[i].type == PV_MEMORY_RAM ? ranges[i].bytes : 0;
    return bytes;
}

/* What the VMM calls RAM holds what this machine has. */
static void map_holds_memory(struct check *check)
{
    static struct pv_memory_range ranges[PV_BOOT_RANGES];
    struct pv_memory_limits limits;
    if (skip_without(check, &limits))
        return;
    int count = pv_xen_memory_map(ranges, PV_BOOT_RANGES);
    if (count == PV_E_UNSUPPORTED) {
        skip(check, "Xen has no map for this domain");
        return;
    }
    uint64_t bytes = ram_bytes(ranges, count);
    print("# %d ranges, %lu KiB of RAM\n", count, bytes / 1024);
    EXPECT(check, count > 0 && bytes >= pages_total() * PAGE_BYTES, "%d ranges, %lu bytes", count,
           bytes);
}

static bool same_ranges(const struct pv_boot_info *a, const struct pv_boot_info *b)
{
    bool same = a->ranges_used == b->ranges_used;
    for (unsigned i = 0; same && i < a->ranges_used; i++)
        same = a->ranges[i].start == b->ranges[i].start &&
               a->ranges[i].bytes == b->ranges[i].bytes && a->ranges[i].type == b->ranges[i].type;
    return same;
}

/* The map that xl tells Xen of a PV domain is of `maxmem`; less of it is lent until xl is asked. */
static void expect_map_of_more(struct check *check)
{
    static struct pv_memory_range ranges[PV_BOOT_RANGES];
    int count = pv_xen_memory_map(ranges, PV_BOOT_RANGES);
    uint64_t named = ram_bytes(ranges, count), bytes = boot_info.xen_pv.pages * PAGE_BYTES;
    if (count <= 0)
        return;
    print("# the VMM's map names %lu KiB of RAM more than this machine began with\n",
          (unsigned long)((named - bytes) / 1024));
    EXPECT(check, named >= bytes, "%lu bytes of RAM, %lu at first", named, bytes);
}

static void boot_map_is_of_what_it_has(struct check *check)
{
    static struct pv_boot_info asked;
    struct pv_memory_limits limits;
    uint64_t pages = boot_info.xen_pv.pages;
    if (boot_info.door != PV_DOOR_XEN_PV) {
        skip(check, "there is one map only");
        return;
    }
    if (skip_without(check, &limits))
        return;
    const struct pv_memory_range *last = &boot_info.ranges[boot_info.ranges_used - 1];
    EXPECT(check, last->start + last->bytes == pages * PAGE_BYTES,
           "the last range ends at %lx, memory with page %lx", last->start + last->bytes, pages);
    EXPECT(check, limits.pages == pages, "it has %lu pages, and began with %lu", limits.pages,
           pages);
    asked = boot_info;
    int status = pv_boot_ask_memory(&asked);
    EXPECT(check, status == PV_OK && same_ranges(&asked, &boot_info),
           "to be asked for a map changes it: %d, %u ranges and not %u", status, asked.ranges_used,
           boot_info.ranges_used);
    expect_map_of_more(check);
}

static const struct test memory_tests[] = {
    {"memory that is given back is gone, and comes back cleared", given_and_taken},
    {"a page that is not there is not given, and one that is there not taken", given_twice},
    {"a machine takes more memory than it began with", more_than_at_first},
    {"against its limit a machine gets an error, and goes on", limit_is_survived},
    {"the VMM's memory map holds what this machine has", map_holds_memory},
    {"memory at boot is what this machine has, and not what it may have",
     boot_map_is_of_what_it_has},
};

const struct test_group memory_group = TEST_GROUP(memory);
