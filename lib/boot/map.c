/* SPDX-License-Identifier: MIT */
/*
 * The memory map: ranges sorted by address, disjoint, neighbours of one type merged, from entries
 * that come in any order, overlap, and are more than there is room for.
 *
 * Where entries overlap the more careful type wins, and RAM always loses. So room is the only
 * difficulty: a reserved range that were forgotten for lack of it could later be called RAM by
 * another entry. When the table is full the smallest ranges of RAM are given up. When there are
 * none a reserved range is left out; but then there is no RAM in the table and never will be, since
 * nothing makes room in it any more.
 */
#include "lib/boot/intake.h"
#include "pvops/status.h"

/* A range may split one of the others and then stand between the halves. */
#define ROOM_NEEDED 2u

static uint32_t rank_of(uint32_t type)
{
    switch (type) {
    case PV_MEMORY_RAM:
        return 0;
    case PV_MEMORY_KERNEL:
    case PV_MEMORY_MODULE:
        return 1;
    case PV_MEMORY_ACPI:
        return 2;
    case PV_MEMORY_NVS:
        return 3;
    case PV_MEMORY_BAD:
        return 5;
    default:
        return 4;
    }
}

static uint64_t end_of(const struct pv_memory_range *range)
{
    return range->start + range->bytes;
}

static void set(struct pv_memory_range *range, uint64_t start, uint64_t end, uint32_t type)
{
    range->start = start;
    range->bytes = end - start;
    range->type = type;
    range->zero = 0;
}

static void remove_at(struct pv_boot_info *boot, uint32_t index)
{
    boot->ranges_used--;
    for (uint32_t i = index; i < boot->ranges_used; i++)
        boot->ranges[i] = boot->ranges[i + 1];
}

/* In its place by address. The caller has seen to the room. */
static void insert(struct pv_boot_info *boot, uint64_t start, uint64_t end, uint32_t type)
{
    uint32_t index = boot->ranges_used++;
    while (index != 0 && boot->ranges[index - 1].start > start) {
        boot->ranges[index] = boot->ranges[index - 1];
        index--;
    }
    set(&boot->ranges[index], start, end, type);
}

static void clear(struct pv_boot_info *boot, uint64_t start, uint64_t end)
{
    uint32_t i = 0;
    while (i < boot->ranges_used) {
        struct pv_memory_range *range = &boot->ranges[i];
        uint64_t range_end = end_of(range);
        if (range_end <= start || range->start >= end) {
            i++;
        } else if (range->start >= start && range_end <= end) {
            remove_at(boot, i);
        } else if (range->start >= start) {
            set(range, end, range_end, range->type);
            i++;
        } else {
            set(range, range->start, start, range->type);
            if (range_end > end)
                insert(boot, end, range_end, range->type);
            i++;
        }
    }
}

static void merge_neighbours(struct pv_boot_info *boot)
{
    uint32_t i = 0;
    while (i + 1 < boot->ranges_used) {
        struct pv_memory_range *range = &boot->ranges[i];
        const struct pv_memory_range *next = range + 1;
        if (end_of(range) != next->start || range->type != next->type) {
            i++;
            continue;
        }
        range->bytes += next->bytes;
        remove_at(boot, i + 1);
    }
}

/* Gives up the smallest range of RAM that is smaller than `bytes`. */
static bool give_up_ram(struct pv_boot_info *boot, uint64_t bytes)
{
    uint32_t found = boot->ranges_used;
    for (uint32_t i = 0; i < boot->ranges_used; i++) {
        if (boot->ranges[i].type == PV_MEMORY_RAM && boot->ranges[i].bytes < bytes) {
            found = i;
            bytes = boot->ranges[i].bytes;
        }
    }
    if (found == boot->ranges_used)
        return false;
    pv_intake_drop(boot, "The memory map has too many ranges; a small one of RAM is given up",
                   boot->ranges[found].start);
    remove_at(boot, found);
    return true;
}

static bool make_room(struct pv_boot_info *boot, uint64_t more_than)
{
    while (boot->ranges_used > PV_BOOT_RANGES - ROOM_NEEDED)
        if (!give_up_ram(boot, more_than))
            return false;
    return true;
}

/* A range over which nothing of its own rank or a higher one lies. */
static void place(struct pv_boot_info *boot, uint64_t start, uint64_t end, uint32_t type)
{
    if (make_room(boot, type == PV_MEMORY_RAM ? end - start : UINT64_MAX)) {
        clear(boot, start, end);
        insert(boot, start, end, type);
    } else if (type == PV_MEMORY_RAM) {
        pv_intake_drop(boot, "The memory map has too many ranges; one of RAM is left out", start);
    } else {
        pv_intake_drop(boot, "The memory map has too many ranges; one that is not RAM is left out",
                       start);
    }
    merge_neighbours(boot);
}

/* First range from `from` on that gives way to none of rank `rank`. */
static const struct pv_memory_range *first_obstacle(const struct pv_boot_info *boot, uint64_t from,
                                                    uint32_t rank)
{
    for (uint32_t i = 0; i < boot->ranges_used; i++)
        if (end_of(&boot->ranges[i]) > from && rank_of(boot->ranges[i].type) >= rank)
            return &boot->ranges[i];
    return NULL;
}

void pv_map_add(struct pv_boot_info *boot, uint64_t start, uint64_t end, uint32_t type)
{
    while (start < end) {
        const struct pv_memory_range *obstacle = first_obstacle(boot, start, rank_of(type));
        if (obstacle != NULL && obstacle->start <= start) {
            start = end_of(obstacle);
            continue;
        }
        uint64_t piece_end = obstacle != NULL && obstacle->start < end ? obstacle->start : end;
        place(boot, start, piece_end, type);
        start = piece_end;
    }
}

static const struct pv_memory_range *first_ram(const struct pv_boot_info *boot, uint64_t from)
{
    for (uint32_t i = 0; i < boot->ranges_used; i++)
        if (end_of(&boot->ranges[i]) > from && boot->ranges[i].type == PV_MEMORY_RAM)
            return &boot->ranges[i];
    return NULL;
}

void pv_map_take_from_ram(struct pv_boot_info *boot, uint64_t start, uint64_t end, uint32_t type)
{
    const struct pv_memory_range *ram;
    while (start < end && (ram = first_ram(boot, start)) != NULL && ram->start < end) {
        uint64_t piece = ram->start > start ? ram->start : start;
        uint64_t piece_end = end_of(ram) < end ? end_of(ram) : end;
        place(boot, piece, piece_end, type);
        start = piece_end;
    }
}

bool pv_map_is_ram(const struct pv_boot_info *boot, uint64_t start, uint64_t end)
{
    const struct pv_memory_range *ram = first_ram(boot, start);
    return ram != NULL && ram->start <= start && end <= end_of(ram);
}

int pv_boot_reserve(struct pv_boot_info *boot, uint64_t start, uint64_t bytes,
                    enum pv_memory_type type)
{
    if (bytes == 0 || start >= PV_PHYSICAL_END || bytes > PV_PHYSICAL_END - start)
        return PV_E_RANGE;
    if (type == PV_MEMORY_RAM)
        return PV_E_ARGUMENT;
    pv_map_take_from_ram(boot, start, start + bytes, type);
    return PV_OK;
}
