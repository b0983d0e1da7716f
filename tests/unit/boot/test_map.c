/* SPDX-License-Identifier: MIT */
/*
 * The memory map (lib/boot/map.c): sorted, disjoint, merged, and never RAM where anyone said that
 * it is not.
 */
#include "machine.h"

static struct pv_boot_info boot;

static void told(uint32_t index, uint64_t start, uint64_t bytes, uint32_t type)
{
    if (index == 0) {
        machine_pvh();
        machine_write32(PVH_MEMMAP_USED, 0);
        machine_write32(PVH_NR_MODULES, 0);
    }
    machine_pvh_range(index, start, bytes, type);
}

static void read_it(void)
{
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
}

static void assert_range(uint32_t index, uint64_t start, uint64_t end, uint32_t type)
{
    assert_true(index < boot.ranges_used);
    assert_int_equal(boot.ranges[index].start, start);
    assert_int_equal(boot.ranges[index].start + boot.ranges[index].bytes, end);
    assert_int_equal(boot.ranges[index].type, type);
}

static void an_unsorted_map_is_sorted(void **state)
{
    (void)state;
    told(0, 64 * MIB, MIB, PV_MEMORY_RAM);
    told(1, 2 * MIB, MIB, PV_MEMORY_RAM);
    told(2, 32 * MIB, MIB, PV_MEMORY_RESERVED);
    told(3, 8 * MIB, MIB, PV_MEMORY_RAM);
    read_it();
    assert_int_equal(boot.ranges_used, 4);
    assert_range(0, 2 * MIB, 3 * MIB, PV_MEMORY_RAM);
    assert_range(3, 64 * MIB, 65 * MIB, PV_MEMORY_RAM);
}

static void neighbours_of_one_type_become_one(void **state)
{
    (void)state;
    told(0, 2 * MIB, MIB, PV_MEMORY_RAM);
    told(1, 4 * MIB, MIB, PV_MEMORY_RAM);
    told(2, 3 * MIB, MIB, PV_MEMORY_RAM);
    read_it();
    assert_int_equal(boot.ranges_used, 1);
    assert_range(0, 2 * MIB, 5 * MIB, PV_MEMORY_RAM);
}

static void neighbours_of_different_types_stay_two(void **state)
{
    (void)state;
    told(0, 2 * MIB, MIB, PV_MEMORY_RAM);
    told(1, 3 * MIB, MIB, PV_MEMORY_ACPI);
    read_it();
    assert_int_equal(boot.ranges_used, 2);
}

static void overlapping_ram_is_counted_once(void **state)
{
    (void)state;
    told(0, 2 * MIB, 4 * MIB, PV_MEMORY_RAM);
    told(1, 4 * MIB, 4 * MIB, PV_MEMORY_RAM);
    told(2, 3 * MIB, MIB, PV_MEMORY_RAM);
    read_it();
    assert_int_equal(boot.ranges_used, 1);
    assert_range(0, 2 * MIB, 8 * MIB, PV_MEMORY_RAM);
}

static void reserved_wins_over_ram_that_comes_first(void **state)
{
    (void)state;
    told(0, 2 * MIB, 8 * MIB, PV_MEMORY_RAM);
    told(1, 4 * MIB, MIB, PV_MEMORY_RESERVED);
    read_it();
    assert_int_equal(boot.ranges_used, 3);
    assert_range(0, 2 * MIB, 4 * MIB, PV_MEMORY_RAM);
    assert_range(1, 4 * MIB, 5 * MIB, PV_MEMORY_RESERVED);
    assert_range(2, 5 * MIB, 10 * MIB, PV_MEMORY_RAM);
}

static void reserved_wins_over_ram_that_comes_later(void **state)
{
    (void)state;
    told(0, 4 * MIB, MIB, PV_MEMORY_RESERVED);
    told(1, 2 * MIB, 8 * MIB, PV_MEMORY_RAM);
    read_it();
    assert_int_equal(boot.ranges_used, 3);
    assert_range(1, 4 * MIB, 5 * MIB, PV_MEMORY_RESERVED);
}

static void of_two_that_are_not_ram_the_more_careful_wins(void **state)
{
    static const uint32_t careful[] = {PV_MEMORY_RAM, PV_MEMORY_ACPI, PV_MEMORY_NVS,
                                       PV_MEMORY_RESERVED, PV_MEMORY_BAD};
    for (uint32_t low = 0; low < 5; low++) {
        for (uint32_t high = low + 1; high < 5; high++) {
            machine_new(state);
            told(0, 2 * MIB, 2 * MIB, careful[low]);
            told(1, 3 * MIB, 2 * MIB, careful[high]);
            read_it();
            assert_range(1, 3 * MIB, 5 * MIB, careful[high]);
            machine_new(state);
            told(0, 3 * MIB, 2 * MIB, careful[high]);
            told(1, 2 * MIB, 2 * MIB, careful[low]);
            read_it();
            assert_range(1, 3 * MIB, 5 * MIB, careful[high]);
        }
    }
}

static void types_that_nobody_knows_are_reserved(void **state)
{
    static const uint32_t types[] = {0, 6, 7, 12, 14, 31, 34, 0x80000001, UINT32_MAX};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        machine_new(state);
        told(0, 2 * MIB, MIB, types[i]);
        read_it();
        assert_range(0, 2 * MIB, 3 * MIB, PV_MEMORY_RESERVED);
    }
}

static void empty_ranges_are_dropped_and_counted(void **state)
{
    (void)state;
    told(0, 2 * MIB, 0, PV_MEMORY_RAM);
    told(1, 3 * MIB, 0, PV_MEMORY_RESERVED);
    read_it();
    assert_int_equal(boot.ranges_used, 0);
    assert_int_equal(boot.dropped, 2);
    assert_true(complains(&boot, "A range of the memory map is empty"));
}

static void ram_that_overflows_is_dropped_and_counted(void **state)
{
    (void)state;
    told(0, 2 * MIB, UINT64_MAX, PV_MEMORY_RAM);
    told(1, 2 * MIB, UINT64_MAX - 2 * MIB + 2, PV_MEMORY_RAM);
    read_it();
    assert_int_equal(boot.ranges_used, 0);
    assert_int_equal(boot.dropped, 2);
    assert_true(complains(&boot, "A range of RAM runs over the end of the address space"));
}

static void a_reserved_range_that_overflows_is_believed_as_far_as_it_goes(void **state)
{
    (void)state;
    told(0, 2 * MIB, 8 * MIB, PV_MEMORY_RAM);
    told(1, 4 * MIB, UINT64_MAX, PV_MEMORY_RESERVED);
    read_it();
    assert_int_equal(boot.ranges_used, 2);
    assert_range(0, 2 * MIB, 4 * MIB, PV_MEMORY_RAM);
    assert_range(1, 4 * MIB, 1ull << 52, PV_MEMORY_RESERVED);
    assert_true(complains(&boot, "A range of the memory map is cut at 52 bits"));
}

static void ram_that_ends_with_the_address_space_is_cut(void **state)
{
    (void)state;
    told(0, 2 * MIB, 0 - 2 * MIB, PV_MEMORY_RAM);
    read_it();
    assert_range(0, 2 * MIB, 1ull << 52, PV_MEMORY_RAM);
    assert_int_equal(boot.dropped, 0);
}

static void what_reaches_beyond_52_bits_is_cut(void **state)
{
    (void)state;
    told(0, 1ull << 51, 1ull << 53, PV_MEMORY_RAM);
    read_it();
    assert_range(0, 1ull << 51, 1ull << 52, PV_MEMORY_RAM);
    assert_true(complains(&boot, "A range of the memory map is cut at 52 bits"));
    assert_int_equal(boot.dropped, 0);
}

static void what_begins_beyond_52_bits_is_dropped(void **state)
{
    (void)state;
    told(0, 1ull << 52, PAGE, PV_MEMORY_RAM);
    told(1, 1ull << 63, PAGE, PV_MEMORY_RESERVED);
    told(2, UINT64_MAX, 1, PV_MEMORY_RESERVED);
    read_it();
    assert_int_equal(boot.ranges_used, 0);
    assert_int_equal(boot.dropped, 3);
    assert_true(complains(&boot, "A range of the memory map begins beyond 52 bits"));
}

static void the_whole_address_space_may_be_one_range(void **state)
{
    (void)state;
    told(0, 0, 1ull << 52, PV_MEMORY_RAM);
    read_it();
    assert_range(0, 0, 1ull << 52, PV_MEMORY_RAM);
    assert_int_equal(boot.complaints_used, 0);
}

static void more_ram_ranges_than_fit_cost_the_smallest(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 300; i++)
        told(i, 2 * MIB + i * 16 * PAGE, (i % 2 == 0 ? 8 : 1) * PAGE, PV_MEMORY_RAM);
    told(300, 512 * MIB, 512 * MIB, PV_MEMORY_RAM);
    read_it();
    assert_int_equal(type_at(&boot, 600 * MIB), PV_MEMORY_RAM);
    assert_true(boot.ranges_used >= PV_BOOT_RANGES - 2);
    assert_true(boot.dropped >= 170);
    assert_true(
        complains(&boot, "The memory map has too many ranges; a small one of RAM is given up"));
    for (uint32_t i = 0; i < boot.ranges_used; i++)
        assert_true(boot.ranges[i].bytes != PAGE);
}

static void a_reserved_range_that_does_not_fit_still_is_not_ram(void **state)
{
    static const uint32_t kinds[] = {1, 4}; /* all of one type, or of four */
    for (size_t k = 0; k < 2; k++) {
        machine_new(state);
        for (uint32_t i = 0; i < 400; i++)
            told(i, 2 * MIB + (399 - i) * 2 * PAGE, PAGE, 2 + i % kinds[k]);
        /* Would make one of many if there were room, and then RAM comes over all of them. */
        told(400, 2 * MIB, 700 * PAGE, PV_MEMORY_RESERVED);
        told(401, 0, 64 * MIB, PV_MEMORY_RAM);
        read_it();
        for (uint32_t i = 0; i < 800; i++)
            assert_int_not_equal(type_at(&boot, 2 * MIB + i * PAGE), PV_MEMORY_RAM);
        assert_true(complains(
            &boot, "The memory map has too many ranges; one that is not RAM is left out"));
    }
}

static void entries_beyond_the_room_are_still_heard(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 500; i++)
        told(i, 2 * MIB + i * 4 * PAGE, 3 * PAGE, PV_MEMORY_RAM);
    told(500, 0, 512 * MIB, PV_MEMORY_RESERVED);
    read_it();
    assert_int_equal(boot.ranges_used, 1);
    assert_range(0, 0, 512 * MIB, PV_MEMORY_RESERVED);
}

static void reserving_takes_ram_and_nothing_else(void **state)
{
    (void)state;
    told(0, 2 * MIB, 8 * MIB, PV_MEMORY_RAM);
    told(1, 5 * MIB, MIB, PV_MEMORY_ACPI);
    read_it();
    assert_int_equal(pv_boot_reserve(&boot, 4 * MIB, 16 * MIB, PV_MEMORY_RESERVED), PV_OK);
    assert_well_formed(&boot);
    assert_int_equal(boot.ranges_used, 4);
    assert_range(0, 2 * MIB, 4 * MIB, PV_MEMORY_RAM);
    assert_range(1, 4 * MIB, 5 * MIB, PV_MEMORY_RESERVED);
    assert_range(2, 5 * MIB, 6 * MIB, PV_MEMORY_ACPI);
    assert_range(3, 6 * MIB, 10 * MIB, PV_MEMORY_RESERVED);
}

static void reserving_what_cannot_be_changes_nothing(void **state)
{
    (void)state;
    told(0, 2 * MIB, 8 * MIB, PV_MEMORY_RAM);
    read_it();
    assert_int_equal(pv_boot_reserve(&boot, 2 * MIB, 0, PV_MEMORY_KERNEL), PV_E_RANGE);
    assert_int_equal(pv_boot_reserve(&boot, 2 * MIB, UINT64_MAX, PV_MEMORY_KERNEL), PV_E_RANGE);
    assert_int_equal(pv_boot_reserve(&boot, 1ull << 52, 1, PV_MEMORY_KERNEL), PV_E_RANGE);
    assert_int_equal(pv_boot_reserve(&boot, 2 * MIB, 1, PV_MEMORY_RAM), PV_E_ARGUMENT);
    assert_int_equal(boot.ranges_used, 1);
}

static void reserving_in_a_full_table_gives_up_ram(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < PV_BOOT_RANGES; i++)
        told(i, 2 * MIB + i * 4 * PAGE, 3 * PAGE, PV_MEMORY_RAM);
    read_it();
    /* From the top, for of equal ranges the lowest is given up, and this splits one each time. */
    for (uint32_t i = PV_BOOT_RANGES; i-- != 0;) {
        uint64_t start = 2 * MIB + i * 4 * PAGE + PAGE;
        assert_int_equal(pv_boot_reserve(&boot, start, PAGE, PV_MEMORY_KERNEL), PV_OK);
        assert_well_formed(&boot);
        assert_int_not_equal(type_at(&boot, start), PV_MEMORY_RAM);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, machine_new)
    const struct CMUnitTest tests[] = {
        TEST(an_unsorted_map_is_sorted),
        TEST(neighbours_of_one_type_become_one),
        TEST(neighbours_of_different_types_stay_two),
        TEST(overlapping_ram_is_counted_once),
        TEST(reserved_wins_over_ram_that_comes_first),
        TEST(reserved_wins_over_ram_that_comes_later),
        TEST(of_two_that_are_not_ram_the_more_careful_wins),
        TEST(types_that_nobody_knows_are_reserved),
        TEST(empty_ranges_are_dropped_and_counted),
        TEST(ram_that_overflows_is_dropped_and_counted),
        TEST(a_reserved_range_that_overflows_is_believed_as_far_as_it_goes),
        TEST(ram_that_ends_with_the_address_space_is_cut),
        TEST(what_reaches_beyond_52_bits_is_cut),
        TEST(what_begins_beyond_52_bits_is_dropped),
        TEST(the_whole_address_space_may_be_one_range),
        TEST(more_ram_ranges_than_fit_cost_the_smallest),
        TEST(a_reserved_range_that_does_not_fit_still_is_not_ram),
        TEST(entries_beyond_the_room_are_still_heard),
        TEST(reserving_takes_ram_and_nothing_else),
        TEST(reserving_what_cannot_be_changes_nothing),
        TEST(reserving_in_a_full_table_gives_up_ram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
