/* SPDX-License-Identifier: MIT */
/*
 * The multiboot2 door (lib/boot/multiboot2.c): an honest loader, and each way in which one may lie.
 */
#include "machine.h"

#define TAG_END      0
#define TAG_CMDLINE  1
#define TAG_MODULE   3
#define TAG_SIZES    4
#define TAG_MAP      6
#define TAG_RSDP_OLD 14
#define TAG_RSDP_NEW 15

static struct pv_boot_info boot;
static uint64_t end; /* where the next tag goes */

static void begin(void)
{
    machine_add(AT_INFO, PAGE);
    end = AT_INFO + 8;
}

static void total(uint32_t bytes)
{
    machine_write32(AT_INFO, bytes);
}

/* Returns where its contents go. */
static uint64_t tag(uint32_t type, uint32_t content_bytes)
{
    uint64_t at = end;
    machine_write32(at, type);
    machine_write32(at + 4, content_bytes + 8);
    machine_add(at + 8, content_bytes + 1);
    end = at + ((content_bytes + 8 + 7) & ~7ull);
    total((uint32_t)(end - AT_INFO));
    return at + 8;
}

static void map(uint32_t entry_size, uint32_t count)
{
    uint64_t at = tag(TAG_MAP, 8 + entry_size * count);
    machine_write32(at, entry_size);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t entry = at + 8 + (uint64_t)i * entry_size;
        machine_write64(entry, MIB + i * 64 * MIB);
        machine_write64(entry + 8, 32 * MIB);
        machine_write32(entry + 16, i % 2 == 0 ? PV_MEMORY_RAM : PV_MEMORY_RESERVED);
    }
}

static void module(uint32_t start, uint32_t end_of_it, const char *text)
{
    uint64_t at = tag(TAG_MODULE, (uint32_t)(8 + strlen(text) + 1));
    machine_write32(at, start);
    machine_write32(at + 4, end_of_it);
    machine_write(at + 8, text, strlen(text) + 1);
}

static void honest(void)
{
    begin();
    machine_write(tag(TAG_CMDLINE, 11), "some words", 11);
    module(4 * MIB, 4 * MIB + 100, "a module");
    map(24, 2);
    machine_rsdp(tag(TAG_RSDP_OLD, 20), 0);
}

static void read_it(void)
{
    assert_int_equal(enter(PV_DOOR_MULTIBOOT2, &boot), PV_OK);
}

static void an_honest_loader_is_believed(void **state)
{
    (void)state;
    honest();
    tag(TAG_END, 0);
    read_it();
    assert_int_equal(boot.complaints_used, 0);
    assert_int_equal(boot.ranges_used, 2);
    assert_int_equal(type_at(&boot, MIB), PV_MEMORY_RAM);
    assert_int_equal(type_at(&boot, 65 * MIB), PV_MEMORY_RESERVED);
    assert_int_equal(boot.modules_used, 1);
    assert_int_equal(boot.modules[0].bytes, 100);
    assert_string_equal(boot.modules[0].text, "a module");
    assert_string_equal(boot.cmdline, "some words");
    assert_int_not_equal(boot.rsdp, 0);
}

static void the_new_rsdp_is_preferred_in_either_order(void **state)
{
    for (int order = 0; order < 2; order++) {
        machine_new(state);
        begin();
        map(24, 1);
        uint64_t first = tag(order == 0 ? TAG_RSDP_OLD : TAG_RSDP_NEW, 36);
        uint64_t second = tag(order == 0 ? TAG_RSDP_NEW : TAG_RSDP_OLD, 36);
        machine_rsdp(order == 0 ? first : second, 0);
        machine_rsdp(order == 0 ? second : first, 2);
        tag(TAG_END, 0);
        read_it();
        assert_int_equal(boot.rsdp, order == 0 ? second : first);
    }
}

static void the_loaders_copy_of_the_rsdp_is_not_ram(void **state)
{
    (void)state;
    begin();
    uint64_t at = tag(TAG_MAP, 8 + 24);
    machine_write32(at, 24);
    machine_write64(at + 8, 0);
    machine_write64(at + 16, 64 * MIB);
    machine_write32(at + 24, PV_MEMORY_RAM);
    machine_rsdp(tag(TAG_RSDP_NEW, 36), 2);
    tag(TAG_END, 0);
    read_it();
    assert_int_not_equal(boot.rsdp, 0);
    assert_int_equal(type_at(&boot, boot.rsdp), PV_MEMORY_ACPI);
    assert_int_equal(type_at(&boot, boot.rsdp + 35), PV_MEMORY_ACPI);
    assert_int_equal(type_at(&boot, AT_INFO - 1), PV_MEMORY_RAM);
    assert_int_equal(type_at(&boot, AT_INFO + 2 * PAGE), PV_MEMORY_RAM);
}

static void a_broken_rsdp_is_refused(void **state)
{
    (void)state;
    begin();
    uint64_t at = tag(TAG_RSDP_NEW, 36);
    machine_rsdp(at, 2);
    *machine_at(at + 25) ^= 1;
    tag(TAG_END, 0);
    read_it();
    assert_int_equal(boot.rsdp, 0);
    assert_true(complains(&boot, "The ACPI root pointer has a wrong extended checksum"));
}

static void information_that_is_no_information_is_refused(void **state)
{
    (void)state;
    assert_int_equal(enter(PV_DOOR_MULTIBOOT2, &boot), PV_E_HOST);
    machine_add(AT_INFO, PAGE);
    assert_int_equal(enter(PV_DOOR_MULTIBOOT2, &boot), PV_E_HOST);
    total(15);
    assert_int_equal(enter(PV_DOOR_MULTIBOOT2, &boot), PV_E_HOST);
    total(16);
    machine_write32(AT_INFO + 4, 16);
    assert_int_equal(pv_boot_from(PV_DOOR_MULTIBOOT2, AT_INFO + 4, machine_phys_to_virt, &boot),
                     PV_E_HOST);
    assert_int_equal(pv_boot_from(PV_DOOR_MULTIBOOT2, UINT64_MAX - 7, machine_phys_to_virt, &boot),
                     PV_E_HOST);
}

static void a_tag_of_size_0_ends_the_walk(void **state)
{
    (void)state;
    honest();
    machine_write32(end, TAG_MODULE);
    machine_write32(end + 4, 0);
    total(PAGE);
    read_it();
    assert_string_equal(boot.cmdline, "some words");
    assert_true(complains(&boot, "A tag has a size that cannot be"));
}

static void a_tag_smaller_than_its_head_ends_the_walk(void **state)
{
    (void)state;
    honest();
    machine_write32(end, TAG_MODULE);
    machine_write32(end + 4, 7);
    total(PAGE);
    read_it();
    assert_true(complains(&boot, "A tag has a size that cannot be"));
}

static void a_tag_of_a_huge_size_ends_the_walk(void **state)
{
    (void)state;
    honest();
    machine_write32(end, TAG_MAP);
    machine_write32(end + 4, UINT32_MAX);
    total(PAGE);
    read_it();
    assert_int_equal(boot.ranges_used, 2);
    assert_true(complains(&boot, "A tag has a size that cannot be"));
}

static void a_tag_that_runs_over_the_end_by_one_byte_ends_the_walk(void **state)
{
    (void)state;
    begin();
    tag(TAG_CMDLINE, 11);
    total((uint32_t)(8 + 18));
    read_it();
    assert_string_equal(boot.cmdline, "");
    assert_true(complains(&boot, "A tag has a size that cannot be"));
}

static void without_an_end_tag_the_walk_ends_with_the_information(void **state)
{
    (void)state;
    honest();
    read_it();
    assert_int_equal(boot.ranges_used, 2);
    assert_int_equal(boot.modules_used, 1);
    assert_true(complains(&boot, "The boot information has no end tag"));
}

static void an_information_of_4_gib_is_read_up_to_a_bound(void **state)
{
    (void)state;
    honest();
    total(UINT32_MAX);
    read_it();
    assert_int_equal(boot.ranges_used, 2);
    assert_true(complains(&boot, "The boot information claims more than 1 MiB"));
}

static void what_lies_behind_1_mib_is_not_read(void **state)
{
    (void)state;
    begin();
    machine_write32(AT_INFO + 8, 99);
    machine_write32(AT_INFO + 12, (uint32_t)MIB);
    end = AT_INFO + 8 + MIB;
    map(24, 2);
    total(2 * (uint32_t)MIB);
    read_it();
    assert_int_equal(boot.ranges_used, 0);
    assert_true(complains(&boot, "A tag has a size that cannot be"));
}

static void tags_without_number_are_read_up_to_a_bound(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < 3000; i++)
        tag(99, 0);
    read_it();
    assert_true(complains(&boot, "The boot information has too many tags"));
}

static void what_follows_the_end_tag_is_not_looked_at(void **state)
{
    (void)state;
    begin();
    tag(TAG_END, 0);
    map(24, 2);
    read_it();
    assert_int_equal(boot.ranges_used, 0);
}

static void map_entries_smaller_than_an_entry_are_refused(void **state)
{
    static const uint32_t sizes[] = {0, 1, 16, 23, 25, UINT32_MAX};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        machine_new(state);
        begin();
        machine_write32(tag(TAG_MAP, 8 + 96), sizes[i]);
        tag(TAG_END, 0);
        read_it();
        assert_int_equal(boot.ranges_used, 0);
        assert_true(complains(&boot, "The memory map's entries have a size that cannot be"));
    }
}

static void larger_map_entries_are_stepped_over_as_they_say(void **state)
{
    (void)state;
    begin();
    map(40, 2);
    tag(TAG_END, 0);
    read_it();
    assert_int_equal(boot.ranges_used, 2);
    assert_int_equal(boot.complaints_used, 0);
}

static void tags_too_small_for_what_they_are_cost_themselves(void **state)
{
    static const uint32_t types[] = {TAG_MODULE, TAG_SIZES, TAG_MAP};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        machine_new(state);
        begin();
        tag(types[i], 4);
        machine_write(tag(TAG_CMDLINE, 11), "some words", 11);
        tag(TAG_END, 0);
        read_it();
        assert_string_equal(boot.cmdline, "some words");
        assert_true(complains(&boot, "A tag is too small for what it is"));
    }
}

static void a_command_line_without_an_end_stays_in_its_tag(void **state)
{
    (void)state;
    begin();
    machine_write(tag(TAG_CMDLINE, 4), "abcd", 4);
    machine_write(tag(TAG_MODULE, 16), "xxxxxxxxxxxxxxx", 16);
    tag(TAG_END, 0);
    read_it();
    assert_string_equal(boot.cmdline, "abcd");
    assert_true(complains(&boot, "The command line is too long or has no end, and is cut"));
}

static void the_text_of_a_module_stays_in_its_tag(void **state)
{
    (void)state;
    begin();
    uint64_t at = tag(TAG_MODULE, 8 + 8);
    machine_write32(at, 4 * MIB);
    machine_write32(at + 4, 5 * MIB);
    machine_write(at + 8, "12345678", 8);
    tag(99, 8);
    tag(TAG_END, 0);
    read_it();
    assert_string_equal(boot.modules[0].text, "12345678");
}

static void without_a_map_the_sizes_are_used(void **state)
{
    (void)state;
    begin();
    uint64_t at = tag(TAG_SIZES, 8);
    machine_write32(at, 639);
    machine_write32(at + 4, 63 * 1024);
    tag(TAG_END, 0);
    read_it();
    assert_int_equal(boot.ranges_used, 2);
    assert_int_equal(type_at(&boot, 64 * MIB - 1), PV_MEMORY_RAM);
    assert_true(complains(&boot, "The loader told the size of memory only, and no map"));
}

static void a_module_that_ends_before_it_begins_is_left_out(void **state)
{
    (void)state;
    begin();
    module(5 * MIB, 4 * MIB, "backwards");
    tag(TAG_END, 0);
    read_it();
    assert_int_equal(boot.modules_used, 0);
    assert_true(complains(&boot, "A module ends before it begins"));
}

static void tags_that_are_not_mapped_end_the_walk(void **state)
{
    (void)state;
    begin();
    end = AT_INFO + 8;
    machine_write32(AT_INFO + 8, 99);
    machine_write32(AT_INFO + 12, (uint32_t)PAGE);
    total(3 * PAGE);
    read_it();
    assert_true(complains(&boot, "A tag cannot be read"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, machine_new)
    const struct CMUnitTest tests[] = {
        TEST(an_honest_loader_is_believed),
        TEST(the_new_rsdp_is_preferred_in_either_order),
        TEST(the_loaders_copy_of_the_rsdp_is_not_ram),
        TEST(a_broken_rsdp_is_refused),
        TEST(information_that_is_no_information_is_refused),
        TEST(a_tag_of_size_0_ends_the_walk),
        TEST(a_tag_smaller_than_its_head_ends_the_walk),
        TEST(a_tag_of_a_huge_size_ends_the_walk),
        TEST(a_tag_that_runs_over_the_end_by_one_byte_ends_the_walk),
        TEST(without_an_end_tag_the_walk_ends_with_the_information),
        TEST(an_information_of_4_gib_is_read_up_to_a_bound),
        TEST(what_lies_behind_1_mib_is_not_read),
        TEST(tags_without_number_are_read_up_to_a_bound),
        TEST(what_follows_the_end_tag_is_not_looked_at),
        TEST(map_entries_smaller_than_an_entry_are_refused),
        TEST(larger_map_entries_are_stepped_over_as_they_say),
        TEST(tags_too_small_for_what_they_are_cost_themselves),
        TEST(a_command_line_without_an_end_stays_in_its_tag),
        TEST(the_text_of_a_module_stays_in_its_tag),
        TEST(without_a_map_the_sizes_are_used),
        TEST(a_module_that_ends_before_it_begins_is_left_out),
        TEST(tags_that_are_not_mapped_end_the_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
