/* SPDX-License-Identifier: MIT */
/*
 * The PVH door (lib/boot/pvh.c): an honest start_info, and each way in which it may lie.
 */
#include "machine.h"

static struct pv_boot_info boot;

static void an_honest_start_info_is_taken_as_told(void **state)
{
    (void)state;
    machine_pvh();
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.complaints_used, 0);
    assert_int_equal(boot.dropped, 0);
    assert_int_equal(boot.ranges_used, 3);
    assert_int_equal(boot.ranges[2].start, MIB);
    assert_int_equal(boot.ranges[2].bytes, 127 * MIB);
    assert_int_equal(boot.modules_used, 1);
    assert_int_equal(boot.modules[0].start, 64 * MIB);
    assert_int_equal(boot.rsdp, AT_RSDP);
    assert_string_equal(boot.cmdline, "some words");
}

static void a_foreign_magic_number_is_refused(void **state)
{
    (void)state;
    machine_pvh();
    machine_write32(AT_INFO, 0x336ec579);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_E_HOST);
    assert_int_equal(boot.ranges_used, 0);
}

static void a_start_info_that_is_not_mapped_is_refused(void **state)
{
    (void)state;
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_E_HOST);
}

static void a_start_info_near_the_end_of_all_addresses_is_refused(void **state)
{
    (void)state;
    machine_pvh();
    for (uint64_t back = 1; back < 128; back++)
        assert_int_equal(pv_boot_from(PV_DOOR_PVH, 0 - back, machine_phys_to_virt, &boot),
                         PV_E_HOST);
}

static void a_start_info_across_4_gib_is_refused(void **state)
{
    (void)state;
    machine_write32(0xffffffe0, 0x336ec578);
    assert_int_equal(pv_boot_from(PV_DOOR_PVH, 0xffffffe0, machine_phys_to_virt, &boot), PV_E_HOST);
}

static void version_0_has_no_memory_map_and_its_fields_are_not_read(void **state)
{
    (void)state;
    machine_pvh();
    machine_write32(PVH_VERSION, 0);
    machine_write32(PVH_MEMMAP_USED, UINT32_MAX);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.ranges_used, 0);
    assert_true(complains(&boot, "The loader told no memory map"));
    assert_int_equal(boot.modules_used, 1);
    assert_string_equal(boot.cmdline, "some words");
}

static void version_0_at_the_end_of_a_page_reads_nothing_behind_it(void **state)
{
    (void)state;
    machine_write32(0x9fd8, 0x336ec578);
    assert_int_equal(pv_boot_from(PV_DOOR_PVH, 0x9fd8, machine_phys_to_virt, &boot), PV_OK);
}

static void a_start_info_may_lie_across_two_pages(void **state)
{
    (void)state;
    machine_write32(0x9fd8, 0x336ec578);
    machine_write32(0x9fdc, 1);
    machine_write64(0x9fd8 + 40, 0xb000);
    machine_write32(0x9fd8 + 48, 1);
    machine_write64(0xb008, PAGE);
    machine_write32(0xb010, PV_MEMORY_RAM);
    assert_int_equal(pv_boot_from(PV_DOOR_PVH, 0x9fd8, machine_phys_to_virt, &boot), PV_OK);
    assert_int_equal(boot.ranges_used, 1);
}

static void a_map_of_four_billion_entries_is_read_up_to_a_bound(void **state)
{
    (void)state;
    machine_pvh();
    machine_write32(PVH_MEMMAP_USED, UINT32_MAX);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.ranges_used, 3);
    assert_int_equal(boot.dropped, UINT32_MAX - 3);
    assert_true(complains(&boot, "A list of start_info has too many entries"));
}

static void a_list_of_four_billion_modules_is_read_up_to_a_bound(void **state)
{
    (void)state;
    machine_pvh();
    machine_write32(PVH_NR_MODULES, UINT32_MAX);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.modules_used, 1);
    assert_true(complains(&boot, "A list of start_info has too many entries"));
}

static void two_huge_counts_do_not_overflow_what_is_counted(void **state)
{
    (void)state;
    machine_pvh();
    machine_write32(PVH_MEMMAP_USED, UINT32_MAX);
    machine_write32(PVH_NR_MODULES, UINT32_MAX);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.dropped, UINT32_MAX);
}

static void a_map_without_an_address_is_left_out(void **state)
{
    (void)state;
    machine_pvh();
    machine_write64(PVH_MEMMAP, 0);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.dropped, 3);
    assert_true(complains(&boot, "A list of start_info lies where none can be"));
}

static void lists_near_the_end_of_all_addresses_are_left_out(void **state)
{
    (void)state;
    machine_pvh();
    machine_write64(PVH_MEMMAP, UINT64_MAX - 10);
    machine_write64(PVH_MODLIST, UINT64_MAX - 30);
    /* Where the second entry would be found if addresses went round. */
    machine_write64(13, 16 * MIB);
    machine_write64(13 + 8, MIB);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.ranges_used + boot.modules_used, 0);
    assert_int_equal(boot.dropped, 4);
}

static void a_map_across_4_gib_is_read_up_to_there(void **state)
{
    (void)state;
    machine_pvh();
    machine_write64(PVH_MEMMAP, 0xfffffff0 - 24);
    machine_write64(0xfffffff0 - 24 + 8, PAGE);
    machine_write32(0xfffffff0 - 24 + 16, PV_MEMORY_RAM);
    machine_write64(0xfffffff0, 16 * MIB);
    machine_write64(0xfffffff8, 64 * PAGE); /* an entry of which the end lies behind */
    machine_write32(0x100000000, PV_MEMORY_RAM);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.ranges_used, 1);
    assert_true(complains(&boot, "An entry of the memory map cannot be read"));
}

static void an_entry_that_is_not_mapped_costs_that_entry(void **state)
{
    (void)state;
    machine_pvh();
    machine_write64(PVH_MEMMAP, AT_MODULES + 2 * PAGE - 24);
    machine_write64(AT_MODULES + 2 * PAGE - 16, 5 * PAGE);
    machine_write32(AT_MODULES + 2 * PAGE - 8, PV_MEMORY_RAM);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.ranges_used, 1);
    assert_int_equal(boot.ranges[0].bytes, 5 * PAGE);
}

static void a_command_line_without_an_end_is_cut_at_the_end_of_what_is_mapped(void **state)
{
    (void)state;
    machine_pvh();
    machine_write(AT_TEXT + PAGE - 5, "abcde", 5);
    machine_write64(PVH_CMDLINE, AT_TEXT + PAGE - 5);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_string_equal(boot.cmdline, "abcde");
    assert_true(complains(&boot, "The command line is too long or has no end, and is cut"));
}

static void a_command_line_that_is_too_long_is_cut(void **state)
{
    (void)state;
    machine_pvh();
    machine_add(AT_TEXT, PAGE);
    memset(machine_at(AT_TEXT), 'x', PAGE);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(strlen(boot.cmdline), PV_BOOT_CMDLINE - 1);
    assert_true(complains(&boot, "The command line is too long or has no end, and is cut"));
}

static void a_command_line_that_just_fits_is_whole(void **state)
{
    (void)state;
    machine_pvh();
    memset(machine_at(AT_TEXT), 'x', PV_BOOT_CMDLINE - 1);
    machine_write(AT_TEXT + PV_BOOT_CMDLINE - 1, "", 1);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(strlen(boot.cmdline), PV_BOOT_CMDLINE - 1);
    assert_int_equal(boot.complaints_used, 0);
}

static void a_command_line_near_the_end_of_all_addresses_is_empty(void **state)
{
    (void)state;
    machine_pvh();
    machine_write64(PVH_CMDLINE, UINT64_MAX);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_string_equal(boot.cmdline, "");
}

static void the_text_of_a_module_is_copied_and_cut(void **state)
{
    (void)state;
    machine_pvh();
    machine_write64(AT_MODULES + 16, AT_TEXT + 0x100);
    memset(machine_at(AT_TEXT + 0x100), 'm', 100);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(strlen(boot.modules[0].text), PV_BOOT_MODULE_TEXT - 1);
    assert_true(complains(&boot, "The text of a module is too long or has no end, and is cut"));
}

static void a_flood_of_one_complaint_does_not_hide_the_others(void **state)
{
    (void)state;
    machine_pvh();
    for (uint32_t i = 0; i < 100; i++)
        machine_pvh_range(3 + i, 200 * MIB + i, 0, PV_MEMORY_RAM);
    machine_write64(PVH_CMDLINE, UINT64_MAX);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.complaints_used, 5);
    assert_int_equal(boot.complaints_lost, 96);
    assert_int_equal(boot.dropped, 100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, machine_new)
    const struct CMUnitTest tests[] = {
        TEST(an_honest_start_info_is_taken_as_told),
        TEST(a_foreign_magic_number_is_refused),
        TEST(a_start_info_that_is_not_mapped_is_refused),
        TEST(a_start_info_near_the_end_of_all_addresses_is_refused),
        TEST(a_start_info_across_4_gib_is_refused),
        TEST(version_0_has_no_memory_map_and_its_fields_are_not_read),
        TEST(version_0_at_the_end_of_a_page_reads_nothing_behind_it),
        TEST(a_start_info_may_lie_across_two_pages),
        TEST(a_map_of_four_billion_entries_is_read_up_to_a_bound),
        TEST(a_list_of_four_billion_modules_is_read_up_to_a_bound),
        TEST(two_huge_counts_do_not_overflow_what_is_counted),
        TEST(a_map_without_an_address_is_left_out),
        TEST(lists_near_the_end_of_all_addresses_are_left_out),
        TEST(a_map_across_4_gib_is_read_up_to_there),
        TEST(an_entry_that_is_not_mapped_costs_that_entry),
        TEST(a_command_line_without_an_end_is_cut_at_the_end_of_what_is_mapped),
        TEST(a_command_line_that_is_too_long_is_cut),
        TEST(a_command_line_that_just_fits_is_whole),
        TEST(a_command_line_near_the_end_of_all_addresses_is_empty),
        TEST(the_text_of_a_module_is_copied_and_cut),
        TEST(a_flood_of_one_complaint_does_not_hide_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
