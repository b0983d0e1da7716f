/* SPDX-License-Identifier: MIT */
/*
 * What holds for every memory map: the result is sorted and disjoint, no byte is RAM that any entry
 * called something else, no byte is RAM that no entry called RAM, and as long as there is room
 * every byte has the most careful type that was said of it. And what holds for every start_info of
 * a Xen PV guest, which has no map: what was left at the start of day is in memory, apart, and not
 * RAM.
 */
#include "machine.h"
#include "random.h"

#include "lib/boot/intake.h"

#define MAPS         100000u
#define MOST_ENTRIES 300u

struct entry {
    uint64_t start;
    uint64_t bytes;
    uint32_t type;
};

static struct pv_boot_info boot;
static struct entry entries[MOST_ENTRIES];

/* Few distinct bounds make many overlaps and neighbours; wild numbers make the rest. */
static uint64_t some_address(uint32_t span)
{
    switch (random_below(16)) {
    case 0:
        return random_next();
    case 1:
        return (1ull << 52) - random_below(3) * PAGE;
    case 2:
        return UINT64_MAX - random_below(5);
    default:
        return random_below(span) * PAGE;
    }
}

static struct entry some_entry(uint32_t span, uint32_t ram_of_8)
{
    struct entry entry = {.start = some_address(span)};
    entry.bytes = random_below(12) == 0 ? some_address(span) : random_below(span / 4 + 2) * PAGE;
    entry.type = random_below(8) < ram_of_8 ? PV_MEMORY_RAM : 2 + random_below(6);
    return entry;
}

/* More careful is higher. Written down again here, so that the library is compared with it. */
static uint32_t care(uint32_t type)
{
    static const uint32_t of_type[] = {[PV_MEMORY_RAM] = 1,
                                       [PV_MEMORY_RESERVED] = 4,
                                       [PV_MEMORY_ACPI] = 2,
                                       [PV_MEMORY_NVS] = 3,
                                       [PV_MEMORY_BAD] = 5};
    return type <= PV_MEMORY_BAD ? of_type[type] : 4;
}

static bool covers(const struct entry *entry, uint64_t phys)
{
    bool overflows = entry->bytes != 0 && entry->bytes - 1 > UINT64_MAX - entry->start;
    if (overflows && entry->type == PV_MEMORY_RAM)
        return false;
    return phys >= entry->start && phys - entry->start < entry->bytes;
}

static uint32_t care_asked(uint32_t count, uint64_t phys)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < count; i++)
        if (covers(&entries[i], phys) && care(entries[i].type) > most)
            most = care(entries[i].type);
    return most;
}

static void check_byte(uint32_t count, uint64_t phys, bool had_room)
{
    if (phys >= 1ull << 52)
        return;
    uint32_t asked = care_asked(count, phys);
    uint32_t type = type_at(&boot, phys);
    uint32_t given = type == 0 ? 0 : care(type);
    if (type == PV_MEMORY_RAM)
        assert_int_equal(asked, care(PV_MEMORY_RAM));
    if (had_room)
        assert_int_equal(given, asked);
}

static bool had_room(void)
{
    return !complains(&boot,
                      "The memory map has too many ranges; a small one of RAM is given up") &&
           !complains(&boot, "The memory map has too many ranges; one of RAM is left out") &&
           !complains(&boot, "The memory map has too many ranges; one that is not RAM is left out");
}

/* Complaints of other kinds must not hide that there was no room. */
static void take(uint32_t count)
{
    pv_intake_begin(&boot, PV_DOOR_OWN);
    bool room = true;
    for (uint32_t i = 0; i < count; i++) {
        boot.complaints_used = 0;
        pv_intake_range(&boot, entries[i].start, entries[i].bytes, entries[i].type);
        room = room && had_room();
    }
    assert_well_formed(&boot);
    for (uint32_t i = 0; i < count; i++) {
        check_byte(count, entries[i].start - 1, room);
        check_byte(count, entries[i].start, room);
        check_byte(count, entries[i].start + entries[i].bytes - 1, room);
        check_byte(count, entries[i].start + entries[i].bytes, room);
    }
    for (uint32_t i = 0; i < boot.ranges_used; i++) {
        check_byte(count, boot.ranges[i].start, room);
        check_byte(count, boot.ranges[i].start + boot.ranges[i].bytes - 1, room);
    }
}

static void random_maps(uint32_t maps, uint32_t most_entries, uint32_t span)
{
    for (uint32_t map = 0; map < maps; map++) {
        uint32_t count = random_below(most_entries + 1);
        uint32_t ram_of_8 = random_below(9);
        for (uint32_t i = 0; i < count; i++)
            entries[i] = some_entry(span, ram_of_8);
        take(count);
    }
}

static void no_map_of_a_few_entries_breaks_a_promise(void **state)
{
    (void)state;
    random_maps(MAPS, 12, 24);
}

static void no_map_that_fills_the_table_breaks_a_promise(void **state)
{
    (void)state;
    random_maps(MAPS / 500, MOST_ENTRIES, 2000);
}

static void no_map_of_tiny_ranges_far_apart_breaks_a_promise(void **state)
{
    (void)state;
    for (uint32_t map = 0; map < MAPS / 500; map++) {
        uint32_t ram_of_8 = random_below(9);
        for (uint32_t i = 0; i < MOST_ENTRIES; i++) {
            entries[i].start = random_below(2000) * 2 * PAGE;
            entries[i].bytes = PAGE;
            entries[i].type = random_below(8) < ram_of_8 ? PV_MEMORY_RAM : 2 + random_below(4);
        }
        /* Makes one of many, and so room for RAM over all that found none. */
        uint32_t first = random_below(4000);
        entries[MOST_ENTRIES - 2] =
            (struct entry){first * PAGE, random_below(4000 - first) * PAGE, PV_MEMORY_RESERVED};
        entries[MOST_ENTRIES - 1] = (struct entry){0, 64 * MIB, PV_MEMORY_RAM};
        take(MOST_ENTRIES);
    }
}

static void reserving_keeps_every_promise(void **state)
{
    (void)state;
    for (uint32_t map = 0; map < MAPS / 100; map++) {
        uint32_t count = random_below(200);
        pv_intake_begin(&boot, PV_DOOR_OWN);
        for (uint32_t i = 0; i < count; i++)
            pv_intake_range(&boot, random_below(2000) * 2 * PAGE, PAGE, 1 + random_below(2));
        for (uint32_t i = 0; i < 20; i++) {
            uint64_t start = random_below(4000) * PAGE, bytes = random_below(50) * PAGE + 1;
            uint32_t before = type_at(&boot, start);
            assert_int_equal(pv_boot_reserve(&boot, start, bytes, PV_MEMORY_KERNEL), PV_OK);
            assert_well_formed(&boot);
            assert_int_not_equal(type_at(&boot, start), PV_MEMORY_RAM);
            assert_int_not_equal(type_at(&boot, start + bytes - 1), PV_MEMORY_RAM);
            if (before == PV_MEMORY_RESERVED)
                assert_int_equal(type_at(&boot, start), PV_MEMORY_RESERVED);
        }
    }
}

/* ---- Xen PV --------------------------------------------------------------------------------- */

struct start_of_day {
    uint64_t pages, list, tables, table_pages, module, module_bytes;
};

/* Within a few pages, so that most overlap something, or nearly do. */
static struct start_of_day some_start_of_day(void)
{
    struct start_of_day day = {.pages =
                                   random_below(24) == 0 ? random_next() : 8 + random_below(40)};
    day.list = random_below(48) * PAGE + (random_below(32) == 0) * random_below(PAGE);
    day.tables = random_below(48) * PAGE + (random_below(32) == 0) * random_below(PAGE);
    day.table_pages = random_below(24) == 0 ? random_next() : random_below(8);
    day.module = random_below(48) * PAGE;
    day.module_bytes = random_below(4) * PAGE + random_below(3);
    return day;
}

static bool apart(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a + a_bytes <= b || b + b_bytes <= a;
}

/* Written down again here, so that the library is compared with it. */
static bool can_be_true(const struct start_of_day *day, uint64_t info)
{
    uint64_t list_bytes = day->pages * 8 + (0 - day->pages * 8) % PAGE;
    uint64_t end = day->pages * PAGE;

    if (day->pages == 0 || day->pages > 1000 || day->table_pages == 0 || day->table_pages > 1000)
        return false;
    return info + PAGE <= end && day->list != 0 && day->list % PAGE == 0 &&
           day->list + list_bytes <= end && day->tables != 0 && day->tables % PAGE == 0 &&
           day->tables + day->table_pages * PAGE <= end &&
           apart(day->list, list_bytes, info, PAGE) &&
           apart(day->tables, day->table_pages * PAGE, info, PAGE) &&
           apart(day->list, list_bytes, day->tables, day->table_pages * PAGE);
}

static void tell(const struct start_of_day *day, uint64_t info)
{
    machine_write(info, "xen-3.0-x86_64", 15);
    machine_write64(info + 32, day->pages);
    machine_write64(info + 40, XEN_PV_SHARED);
    machine_write64(info + 88, XEN_PV_BASE + day->tables);
    machine_write64(info + 96, day->table_pages);
    machine_write64(info + 104, XEN_PV_BASE + day->list);
    machine_write64(info + 112, XEN_PV_BASE + day->module);
    machine_write64(info + 120, day->module_bytes);
}

static void check_start_of_day(const struct start_of_day *day, uint64_t info)
{
    for (uint64_t at = 0; at < (day->pages + 2) * PAGE; at += PAGE) {
        uint32_t type = type_at(&boot, at);
        bool in_tables = !apart(at, PAGE, day->tables, day->table_pages * PAGE);
        bool in_boot = !apart(at, PAGE, day->list, day->pages * 8) || at == info;
        assert_int_equal(type == 0, at >= day->pages * PAGE);
        assert_int_equal(type == PV_MEMORY_TABLES, in_tables);
        if (in_boot)
            assert_int_equal(type, PV_MEMORY_BOOT);
    }
    assert_true(boot.modules_used + boot.dropped <= 1);
    for (uint64_t i = 0; boot.modules_used != 0 && i < boot.modules[0].bytes; i++)
        assert_int_equal(type_at(&boot, boot.modules[0].start + i), PV_MEMORY_RAM);
    assert_true(boot.xen_pv.mapped_bytes <= day->pages * PAGE);
}

static void no_start_of_day_breaks_a_promise(void **state)
{
    uint32_t taken = 0;

    machine_new(state);
    pv_door_base = XEN_PV_BASE;
    for (uint32_t i = 0; i < MAPS / 4; i++) {
        uint64_t info = (1 + random_below(40)) * PAGE;
        struct start_of_day day = some_start_of_day();
        tell(&day, info);
        int status = enter_at(PV_DOOR_XEN_PV, info, &boot);
        assert_int_equal(status, can_be_true(&day, info) ? PV_OK : PV_E_HOST);
        if (status == PV_OK)
            check_start_of_day(&day, info);
        taken += status == PV_OK;
    }
    assert_true(taken > MAPS / 40 && taken < MAPS / 5); /* there were both kinds */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_map_of_a_few_entries_breaks_a_promise),
        cmocka_unit_test(no_map_that_fills_the_table_breaks_a_promise),
        cmocka_unit_test(no_map_of_tiny_ranges_far_apart_breaks_a_promise),
        cmocka_unit_test(reserving_keeps_every_promise),
        cmocka_unit_test(no_start_of_day_breaks_a_promise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
