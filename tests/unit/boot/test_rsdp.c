/* SPDX-License-Identifier: MIT */
/*
 * The root pointer of ACPI (lib/boot/rsdp.c): told rightly, told wrongly, and looked for.
 */
#include "machine.h"

#define ELSEWHERE 0x7fd0000ull

static struct pv_boot_info boot;

/* A machine whose loader points at `phys`, with nothing in the BIOS area. */
static void told_at(uint64_t phys)
{
    machine_pvh();
    memset(machine_at(AT_RSDP), 0, 36);
    machine_write64(PVH_RSDP, phys);
}

static void assert_refused(const char *why)
{
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.rsdp, 0);
    assert_true(complains(&boot, why));
}

static void one_of_revision_0_is_taken(void **state)
{
    (void)state;
    told_at(ELSEWHERE);
    machine_rsdp(ELSEWHERE, 0);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.rsdp, ELSEWHERE);
    assert_int_equal(boot.complaints_used, 0);
}

static void one_of_revision_2_is_taken(void **state)
{
    (void)state;
    told_at(ELSEWHERE);
    machine_rsdp(ELSEWHERE, 2);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.rsdp, ELSEWHERE);
}

static void one_that_points_nowhere_is_refused(void **state)
{
    (void)state;
    told_at(0x12345000);
    assert_refused("The ACPI root pointer cannot be read");
}

static void one_near_the_end_of_all_addresses_is_refused(void **state)
{
    (void)state;
    told_at(UINT64_MAX - 3);
    assert_refused("The ACPI root pointer cannot be read");
}

static void one_without_a_signature_is_refused(void **state)
{
    (void)state;
    told_at(ELSEWHERE);
    machine_rsdp(ELSEWHERE, 2);
    *machine_at(ELSEWHERE + 7) = 0;
    assert_refused("The ACPI root pointer has no signature");
}

static void a_bad_checksum_is_refused(void **state)
{
    (void)state;
    told_at(ELSEWHERE);
    machine_rsdp(ELSEWHERE, 0);
    *machine_at(ELSEWHERE + 16) ^= 1;
    assert_refused("The ACPI root pointer has a wrong checksum");
}

static void a_bad_extended_checksum_is_refused(void **state)
{
    (void)state;
    told_at(ELSEWHERE);
    machine_rsdp(ELSEWHERE, 2);
    *machine_at(ELSEWHERE + 24) ^= 1;
    assert_refused("The ACPI root pointer has a wrong extended checksum");
}

static void lengths_that_cannot_be_are_refused(void **state)
{
    static const uint32_t lengths[] = {0, 20, 35, 257, 0x7fffffff, UINT32_MAX};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        machine_new(state);
        told_at(ELSEWHERE);
        machine_rsdp(ELSEWHERE, 2);
        machine_write32(ELSEWHERE + 20, lengths[i]);
        assert_refused("The ACPI root pointer has a length that cannot be");
    }
}

static void one_whose_second_half_is_not_mapped_is_refused(void **state)
{
    (void)state;
    told_at(ELSEWHERE + PAGE - 20);
    machine_add(ELSEWHERE + PAGE - 20, 20);
    machine_write(ELSEWHERE + PAGE - 20, "RSD PTR \0PVOPS \2\1\0\0\0", 20);
    machine_checksum(ELSEWHERE + PAGE - 20, 20, ELSEWHERE + PAGE - 12);
    assert_refused("The ACPI root pointer cannot be read");
}

static void one_of_revision_0_may_end_where_the_mapping_does(void **state)
{
    (void)state;
    told_at(ELSEWHERE + PAGE - 20);
    machine_write(ELSEWHERE + PAGE - 20, "RSD PTR \0PVOPS \0\1\0\0\0", 20);
    machine_checksum(ELSEWHERE + PAGE - 20, 20, ELSEWHERE + PAGE - 12);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.rsdp, ELSEWHERE + PAGE - 20);
}

static void one_that_names_no_table_is_refused(void **state)
{
    (void)state;
    told_at(ELSEWHERE);
    machine_rsdp(ELSEWHERE, 0);
    machine_write32(ELSEWHERE + 16, 0);
    machine_checksum(ELSEWHERE, 20, ELSEWHERE + 8);
    assert_refused("The ACPI root pointer names no table");
}

static void one_whose_table_is_beyond_52_bits_is_refused(void **state)
{
    (void)state;
    told_at(ELSEWHERE);
    machine_rsdp(ELSEWHERE, 2);
    machine_write64(ELSEWHERE + 24, 1ull << 52);
    machine_checksum(ELSEWHERE, 36, ELSEWHERE + 32);
    assert_refused("The ACPI root pointer points beyond 52 bits");
}

static void without_a_word_of_the_loader_the_bios_area_is_searched(void **state)
{
    (void)state;
    told_at(0);
    machine_rsdp(0xe0010, 2);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.rsdp, 0xe0010);
    assert_int_equal(boot.complaints_used, 0);
}

static void the_last_place_of_the_bios_area_is_searched(void **state)
{
    (void)state;
    told_at(0);
    machine_rsdp(0xfffe0, 0);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.rsdp, 0xfffe0);
}

static void only_multiples_of_16_are_searched(void **state)
{
    (void)state;
    told_at(0);
    machine_rsdp(0xe0018, 0);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.rsdp, 0);
}

static void a_broken_one_does_not_end_the_search(void **state)
{
    (void)state;
    told_at(0);
    machine_rsdp(0xe0000, 0);
    *machine_at(0xe0010) ^= 1;
    machine_rsdp(0xe0100, 0);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.rsdp, 0xe0100);
}

static void the_extended_bios_data_area_is_searched_first(void **state)
{
    (void)state;
    told_at(0);
    machine_write(0x40e, "\xc0\x9f", 2);
    machine_rsdp(0x9fc10, 0);
    machine_rsdp(0xe0000, 0);
    machine_write32(PVH_MEMMAP_USED, 0);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.rsdp, 0x9fc10);
}

static void an_extended_bios_data_area_in_the_video_memory_is_not_searched(void **state)
{
    (void)state;
    told_at(0);
    machine_write(0x40e, "\x00\xa0", 2);
    machine_rsdp(0xa0000, 0);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.rsdp, 0);
}

static void where_the_loader_lies_the_bios_area_is_searched_too(void **state)
{
    (void)state;
    told_at(0x12345000);
    machine_rsdp(0xe0010, 2);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(boot.rsdp, 0xe0010);
    assert_true(complains(&boot, "The ACPI root pointer cannot be read"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, machine_new)
    const struct CMUnitTest tests[] = {
        TEST(one_of_revision_0_is_taken),
        TEST(one_of_revision_2_is_taken),
        TEST(one_that_points_nowhere_is_refused),
        TEST(one_near_the_end_of_all_addresses_is_refused),
        TEST(one_without_a_signature_is_refused),
        TEST(a_bad_checksum_is_refused),
        TEST(a_bad_extended_checksum_is_refused),
        TEST(lengths_that_cannot_be_are_refused),
        TEST(one_whose_second_half_is_not_mapped_is_refused),
        TEST(one_of_revision_0_may_end_where_the_mapping_does),
        TEST(one_that_names_no_table_is_refused),
        TEST(one_whose_table_is_beyond_52_bits_is_refused),
        TEST(without_a_word_of_the_loader_the_bios_area_is_searched),
        TEST(the_last_place_of_the_bios_area_is_searched),
        TEST(only_multiples_of_16_are_searched),
        TEST(a_broken_one_does_not_end_the_search),
        TEST(the_extended_bios_data_area_is_searched_first),
        TEST(an_extended_bios_data_area_in_the_video_memory_is_not_searched),
        TEST(where_the_loader_lies_the_bios_area_is_searched_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
