/* SPDX-License-Identifier: MIT */
/*
 * The multiboot1 door (lib/boot/multiboot1.c): an honest loader, and each way in which one may lie.
 */
#include "machine.h"

#define FLAGS       AT_INFO
#define LOWER       (AT_INFO + 4)
#define UPPER       (AT_INFO + 8)
#define CMDLINE     (AT_INFO + 16)
#define MODS_COUNT  (AT_INFO + 20)
#define MODS_ADDR   (AT_INFO + 24)
#define MMAP_LENGTH (AT_INFO + 44)
#define MMAP_ADDR   (AT_INFO + 48)
#define LOADER      (AT_INFO + 64)

static struct pv_boot_info boot;

static void range(uint32_t index, uint64_t start, uint64_t bytes, uint32_t type)
{
    machine_write32(AT_MAP + 24 * index, 20);
    machine_write64(AT_MAP + 24 * index + 4, start);
    machine_write64(AT_MAP + 24 * index + 12, bytes);
    machine_write32(AT_MAP + 24 * index + 20, type);
    machine_write32(MMAP_LENGTH, 24 * (index + 1));
}

static void module(uint32_t index, uint32_t start, uint32_t end)
{
    machine_write32(AT_MODULES + 16 * index, start);
    machine_write32(AT_MODULES + 16 * index + 4, end);
    machine_write32(AT_MODULES + 16 * index + 8, AT_TEXT + 0x100);
    machine_write32(MODS_COUNT, index + 1);
}

static void honest(void)
{
    machine_add(AT_INFO, 88);
    machine_write32(FLAGS, 0x4d);
    machine_write32(LOWER, 639);
    machine_write32(UPPER, 127 * 1024);
    machine_write32(CMDLINE, AT_TEXT);
    machine_write32(MODS_ADDR, AT_MODULES);
    machine_write32(MMAP_ADDR, AT_MAP);
    machine_write(AT_TEXT, "kernel some words", 18);
    machine_write(AT_TEXT + 0x100, "a module", 9);
    machine_rsdp(AT_RSDP, 0);
    range(0, 0, 0x9fc00, PV_MEMORY_RAM);
    range(1, MIB, 127 * MIB, PV_MEMORY_RAM);
    range(2, 0xf0000, 0x10000, PV_MEMORY_RESERVED);
    module(0, 4 * MIB, 4 * MIB + 100);
}

static void read_it(void)
{
    assert_int_equal(enter(PV_DOOR_MULTIBOOT1, &boot), PV_OK);
}

static void an_honest_loader_is_believed(void **state)
{
    (void)state;
    honest();
    read_it();
    assert_int_equal(boot.complaints_used, 0);
    assert_int_equal(boot.ranges_used, 3);
    assert_int_equal(type_at(&boot, 128 * MIB - 1), PV_MEMORY_RAM);
    assert_int_equal(type_at(&boot, 0xf0000), PV_MEMORY_RESERVED);
    assert_int_equal(boot.modules_used, 1);
    assert_int_equal(boot.modules[0].bytes, 100);
    assert_string_equal(boot.modules[0].text, "a module");
    assert_string_equal(boot.cmdline, "kernel some words");
    assert_int_equal(boot.rsdp, AT_RSDP);
}

static void the_name_of_the_file_that_qemu_puts_in_front_is_left_out(void **state)
{
    (void)state;
    honest();
    machine_write32(FLAGS, 0x24d);
    machine_write32(LOADER, AT_TEXT + 0x200);
    machine_write(AT_TEXT + 0x200, "qemu", 5);
    read_it();
    assert_string_equal(boot.cmdline, "some words");
    machine_write(AT_TEXT, "kernel", 7);
    read_it();
    assert_string_equal(boot.cmdline, "");
    machine_write(AT_TEXT + 0x200, "qemu2", 6);
    read_it();
    assert_string_equal(boot.cmdline, "kernel");
}

static void fields_whose_flags_are_clear_are_not_looked_at(void **state)
{
    (void)state;
    honest();
    machine_write32(FLAGS, 0);
    read_it();
    assert_int_equal(boot.ranges_used + boot.modules_used, 0);
    assert_string_equal(boot.cmdline, "");
    assert_true(complains(&boot, "The loader told no memory map"));
}

static void information_that_is_not_mapped_is_refused(void **state)
{
    (void)state;
    assert_int_equal(enter(PV_DOOR_MULTIBOOT1, &boot), PV_E_HOST);
    assert_int_equal(pv_boot_from(PV_DOOR_MULTIBOOT1, UINT64_MAX - 8, machine_phys_to_virt, &boot),
                     PV_E_HOST);
    machine_add(AT_INFO, PAGE);
    assert_int_equal(
        pv_boot_from(PV_DOOR_MULTIBOOT1, AT_INFO + PAGE - 67, machine_phys_to_virt, &boot),
        PV_E_HOST);
}

static void an_entry_of_size_0_ends_the_map(void **state)
{
    (void)state;
    honest();
    machine_write32(AT_MAP + 24, 0);
    read_it();
    assert_int_equal(boot.ranges_used, 1);
    assert_true(complains(&boot, "An entry of the memory map has a size that cannot be"));
}

static void an_entry_of_a_huge_size_ends_the_map(void **state)
{
    (void)state;
    honest();
    machine_write32(AT_MAP + 24, UINT32_MAX);
    read_it();
    assert_int_equal(boot.ranges_used, 1);
    assert_true(complains(&boot, "An entry of the memory map has a size that cannot be"));
}

static void larger_entries_are_stepped_over_as_they_say(void **state)
{
    (void)state;
    honest();
    machine_write32(AT_MAP, 44); /* as if the second were a part of the first */
    read_it();
    assert_int_equal(boot.ranges_used, 2);
    assert_int_equal(type_at(&boot, 2 * MIB), 0);
    assert_int_equal(type_at(&boot, 0xf0000), PV_MEMORY_RESERVED);
}

static void a_map_that_ends_within_an_entry_is_read_up_to_it(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {25, 27, 28, 47};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        machine_new(state);
        honest();
        machine_write32(MMAP_LENGTH, lengths[i]);
        read_it();
        assert_int_equal(boot.ranges_used, 1);
        assert_int_equal(boot.dropped, 2); /* the entry, and the module that is not in RAM now */
    }
}

static void a_map_of_4_gib_is_read_up_to_a_bound(void **state)
{
    (void)state;
    honest();
    for (uint32_t i = 3; i < 2000; i++)
        range(i, 256 * MIB + i * 2 * PAGE, PAGE, PV_MEMORY_RESERVED);
    machine_write32(MMAP_LENGTH, UINT32_MAX);
    read_it();
    assert_true(complains(&boot, "The memory map has too many entries"));
}

static void a_map_that_is_not_mapped_is_left_out_and_the_sizes_are_used(void **state)
{
    (void)state;
    honest();
    machine_write32(MMAP_ADDR, 0xfffffff0);
    read_it();
    assert_int_equal(boot.ranges_used, 2);
    assert_int_equal(type_at(&boot, 639 * 1024 - 1), PV_MEMORY_RAM);
    assert_int_equal(type_at(&boot, 639 * 1024), 0);
    assert_int_equal(type_at(&boot, 128 * MIB - 1), PV_MEMORY_RAM);
    assert_true(complains(&boot, "The loader told the size of memory only, and no map"));
}

static void sizes_cannot_reach_into_the_video_memory(void **state)
{
    (void)state;
    honest();
    machine_write32(FLAGS, 1);
    machine_write32(LOWER, UINT32_MAX);
    machine_write32(UPPER, UINT32_MAX);
    read_it();
    assert_int_equal(type_at(&boot, 0xa0000), 0);
    assert_int_equal(type_at(&boot, MIB), PV_MEMORY_RAM);
}

static void a_module_that_ends_before_it_begins_is_left_out(void **state)
{
    (void)state;
    honest();
    module(0, 4 * MIB, 4 * MIB - 1);
    module(1, 5 * MIB, 5 * MIB);
    read_it();
    assert_int_equal(boot.modules_used, 0);
    assert_int_equal(boot.dropped, 2);
    assert_true(complains(&boot, "A module ends before it begins"));
}

static void four_billion_modules_are_read_up_to_a_bound(void **state)
{
    (void)state;
    honest();
    machine_write32(MODS_COUNT, UINT32_MAX);
    read_it();
    assert_int_equal(boot.modules_used, 1);
    assert_int_equal(boot.dropped, UINT32_MAX - 1);
}

static void a_list_of_modules_near_4_gib_is_left_out(void **state)
{
    (void)state;
    honest();
    machine_write32(MODS_ADDR, UINT32_MAX - 4);
    machine_write32(MODS_COUNT, 3);
    read_it();
    assert_int_equal(boot.modules_used, 0);
    assert_int_equal(boot.dropped, 3);
}

static void a_command_line_without_an_end_is_cut(void **state)
{
    (void)state;
    honest();
    memset(machine_at(AT_TEXT), 'x', PAGE);
    read_it();
    assert_int_equal(strlen(boot.cmdline), PV_BOOT_CMDLINE - 1);
    machine_write32(CMDLINE, AT_TEXT + PAGE - 3);
    read_it();
    assert_string_equal(boot.cmdline, "xxx");
    assert_true(complains(&boot, "The command line is too long or has no end, and is cut"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, machine_new)
    const struct CMUnitTest tests[] = {
        TEST(an_honest_loader_is_believed),
        TEST(the_name_of_the_file_that_qemu_puts_in_front_is_left_out),
        TEST(fields_whose_flags_are_clear_are_not_looked_at),
        TEST(information_that_is_not_mapped_is_refused),
        TEST(an_entry_of_size_0_ends_the_map),
        TEST(an_entry_of_a_huge_size_ends_the_map),
        TEST(larger_entries_are_stepped_over_as_they_say),
        TEST(a_map_that_ends_within_an_entry_is_read_up_to_it),
        TEST(a_map_of_4_gib_is_read_up_to_a_bound),
        TEST(a_map_that_is_not_mapped_is_left_out_and_the_sizes_are_used),
        TEST(sizes_cannot_reach_into_the_video_memory),
        TEST(a_module_that_ends_before_it_begins_is_left_out),
        TEST(four_billion_modules_are_read_up_to_a_bound),
        TEST(a_list_of_modules_near_4_gib_is_left_out),
        TEST(a_command_line_without_an_end_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
