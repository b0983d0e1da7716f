/* SPDX-License-Identifier: MIT */
/*
 * Boot information that the kernel's own entry filled in, the dispatch, and small things.
 */
#include "machine.h"

static struct pv_boot_info boot;

static void what_a_kernel_filled_in_is_sorted_and_checked(void **state)
{
    (void)state;
    machine_rsdp(AT_RSDP, 2);
    boot = (struct pv_boot_info){.door = PV_DOOR_OWN, .ranges_used = 3, .modules_used = 2};
    boot.ranges[0] = (struct pv_memory_range){8 * MIB, MIB, PV_MEMORY_RESERVED, 7};
    boot.ranges[1] = (struct pv_memory_range){2 * MIB, 16 * MIB, PV_MEMORY_RAM, 0};
    boot.ranges[2] = (struct pv_memory_range){3 * MIB, 0, PV_MEMORY_RAM, 0};
    boot.modules[0] = (struct pv_boot_module){8 * MIB, PAGE, "in reserved memory"};
    boot.modules[1] = (struct pv_boot_module){4 * MIB, PAGE, "in RAM"};
    boot.rsdp = AT_RSDP;
    strcpy(boot.cmdline, "some words");
    pv_boot_normalise(&boot, machine_phys_to_virt);
    assert_well_formed(&boot);
    assert_int_equal(boot.ranges_used, 3);
    assert_int_equal(type_at(&boot, 8 * MIB), PV_MEMORY_RESERVED);
    assert_int_equal(boot.modules_used, 1);
    assert_string_equal(boot.modules[0].text, "in RAM");
    assert_int_equal(boot.rsdp, AT_RSDP);
    assert_int_equal(boot.dropped, 2);
    assert_string_equal(boot.cmdline, "some words");
}

static void counts_beyond_the_tables_are_cut(void **state)
{
    (void)state;
    memset(&boot, 0xff, sizeof(boot));
    boot.door = PV_DOOR_OWN;
    pv_boot_normalise(&boot, machine_phys_to_virt);
    assert_well_formed(&boot);
    assert_int_equal(boot.ranges_used + boot.modules_used, 0);
    assert_int_equal(boot.dropped, PV_BOOT_RANGES + PV_BOOT_MODULES);
    assert_int_equal(strlen(boot.cmdline), PV_BOOT_CMDLINE - 1);
}

static void normalising_twice_changes_nothing(void **state)
{
    (void)state;
    machine_pvh();
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    assert_int_equal(pv_boot_reserve_image(&boot, 2 * MIB, MIB), PV_OK);
    pv_boot_reserve_modules(&boot);
    struct pv_boot_info before = boot;
    /* Modules that were reserved are no longer in RAM. */
    boot.modules_used = 0;
    pv_boot_normalise(&boot, machine_phys_to_virt);
    assert_int_equal(boot.ranges_used, before.ranges_used);
    assert_memory_equal(boot.ranges, before.ranges, boot.ranges_used * sizeof(boot.ranges[0]));
    assert_int_equal(boot.rsdp, before.rsdp);
    assert_int_equal(boot.complaints_used, 0);
}

/* Only the kernel itself says of what use RAM is; to a loader these numbers mean nothing. */
static void types_of_the_library_are_the_kernels_to_give(void **state)
{
    (void)state;
    machine_pvh();
    boot = (struct pv_boot_info){.door = PV_DOOR_OWN, .ranges_used = 4};
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t type = PV_MEMORY_KERNEL + i;
        machine_pvh_range(3 + i, (200 + 2 * i) * MIB, MIB, type);
        boot.ranges[i] = (struct pv_memory_range){(200 + 2 * i) * MIB, MIB, type, 0};
    }
    pv_boot_normalise(&boot, machine_phys_to_virt);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(type_at(&boot, (200 + 2 * i) * MIB), PV_MEMORY_KERNEL + i);
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(type_at(&boot, (200 + 2 * i) * MIB), PV_MEMORY_RESERVED);
}

static void doors_that_leave_nothing_are_refused(void **state)
{
    (void)state;
    assert_int_equal(pv_boot_from(PV_DOOR_OWN, AT_INFO, machine_phys_to_virt, &boot),
                     PV_E_ARGUMENT);
    assert_int_equal(pv_boot_from((enum pv_door)77, AT_INFO, machine_phys_to_virt, &boot),
                     PV_E_ARGUMENT);
    assert_int_equal(boot.ranges_used + boot.modules_used, 0);
}

static void every_door_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(pv_door_name(PV_DOOR_OWN), "own");
    assert_string_equal(pv_door_name(PV_DOOR_PVH), "pvh");
    assert_string_equal(pv_door_name(PV_DOOR_MULTIBOOT1), "multiboot1");
    assert_string_equal(pv_door_name(PV_DOOR_MULTIBOOT2), "multiboot2");
    assert_string_equal(pv_door_name(PV_DOOR_XEN_PV), "xen-pv");
    assert_string_equal(pv_door_name((enum pv_door)77), "?");
}

static void the_tables_of_the_doors_reach_4_gib(void **state)
{
    (void)state;
    assert_null(pv_door_phys_to_virt(0));
    assert_int_equal((uintptr_t)pv_door_phys_to_virt(0xffffffff), 0xffffffff);
    assert_null(pv_door_phys_to_virt(0x100000000));
    assert_null(pv_door_phys_to_virt(UINT64_MAX));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, machine_new)
    const struct CMUnitTest tests[] = {
        TEST(what_a_kernel_filled_in_is_sorted_and_checked),
        TEST(counts_beyond_the_tables_are_cut),
        TEST(normalising_twice_changes_nothing),
        TEST(types_of_the_library_are_the_kernels_to_give),
        TEST(doors_that_leave_nothing_are_refused),
        TEST(every_door_has_a_name),
        TEST(the_tables_of_the_doors_reach_4_gib),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
