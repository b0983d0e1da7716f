/* SPDX-License-Identifier: MIT */
/*
 * Modules: in RAM, not over each other, not over the kernel.
 */
#include "machine.h"

static struct pv_boot_info boot;

static void read_it(void)
{
    assert_int_equal(enter(PV_DOOR_PVH, &boot), PV_OK);
}

static void a_module_outside_ram_is_refused(void **state)
{
    (void)state;
    machine_pvh();
    machine_pvh_module(1, 512 * MIB, PAGE);
    read_it();
    assert_int_equal(boot.modules_used, 1);
    assert_int_equal(boot.dropped, 1);
    assert_true(complains(&boot, "A module does not lie in RAM"));
}

static void a_module_half_in_reserved_memory_is_refused(void **state)
{
    (void)state;
    machine_pvh();
    machine_pvh_module(0, MIB - PAGE, 2 * PAGE);
    read_it();
    assert_int_equal(boot.modules_used, 0);
    assert_true(complains(&boot, "A module does not lie in RAM"));
}

static void a_module_over_another_is_refused(void **state)
{
    (void)state;
    machine_pvh();
    machine_pvh_module(1, 64 * MIB + 3 * PAGE - 1, PAGE);
    machine_pvh_module(2, 64 * MIB + 3 * PAGE, PAGE);
    read_it();
    assert_int_equal(boot.modules_used, 2);
    assert_int_equal(boot.modules[1].start, 64 * MIB + 3 * PAGE);
    assert_true(complains(&boot, "A module lies over another"));
}

static void a_module_over_the_kernel_is_refused(void **state)
{
    (void)state;
    machine_pvh();
    machine_pvh_module(1, 2 * MIB + 5 * PAGE, PAGE);
    machine_pvh_module(2, 3 * MIB, PAGE);
    read_it();
    assert_int_equal(boot.modules_used, 3);
    assert_int_equal(pv_boot_reserve_image(&boot, 2 * MIB, MIB), PV_OK);
    assert_int_equal(boot.modules_used, 2);
    assert_int_equal(boot.modules[1].start, 3 * MIB);
    assert_true(complains(&boot, "A module lies over the kernel"));
    assert_int_equal(type_at(&boot, 2 * MIB), PV_MEMORY_KERNEL);
    assert_int_equal(type_at(&boot, 3 * MIB - 1), PV_MEMORY_KERNEL);
    assert_int_equal(type_at(&boot, 3 * MIB), PV_MEMORY_RAM);
}

static void an_image_that_cannot_be_changes_nothing(void **state)
{
    (void)state;
    machine_pvh();
    read_it();
    assert_int_equal(pv_boot_reserve_image(&boot, 2 * MIB, UINT64_MAX), PV_E_RANGE);
    assert_int_equal(boot.modules_used, 1);
}

static void an_empty_module_is_left_out(void **state)
{
    (void)state;
    machine_pvh();
    machine_pvh_module(0, 64 * MIB, 0);
    machine_pvh_module(1, 0, PAGE);
    read_it();
    assert_int_equal(boot.modules_used, 0);
    assert_int_equal(boot.dropped, 2);
}

static void a_module_that_overflows_is_left_out(void **state)
{
    (void)state;
    machine_pvh();
    machine_pvh_module(0, 64 * MIB, UINT64_MAX);
    machine_pvh_module(1, UINT64_MAX, 2);
    machine_pvh_module(2, (1ull << 52) - 1, 2);
    read_it();
    assert_int_equal(boot.modules_used, 0);
    assert_int_equal(boot.dropped, 3);
    assert_true(complains(&boot, "A module reaches beyond 52 bits"));
}

static void more_modules_than_fit_are_counted(void **state)
{
    (void)state;
    machine_pvh();
    for (uint32_t i = 0; i < 20; i++)
        machine_pvh_module(i, 16 * MIB + i * PAGE, PAGE);
    read_it();
    assert_int_equal(boot.modules_used, PV_BOOT_MODULES);
    assert_int_equal(boot.dropped, 20 - PV_BOOT_MODULES);
    assert_true(complains(&boot, "There are too many modules"));
}

static void without_a_map_nothing_is_said_against_a_module(void **state)
{
    (void)state;
    machine_pvh();
    machine_write32(PVH_MEMMAP_USED, 0);
    machine_pvh_module(1, 64 * MIB, PAGE);
    read_it();
    assert_int_equal(boot.modules_used, 1);
    assert_true(complains(&boot, "A module lies over another"));
}

static void modules_are_reserved_in_whole_pages(void **state)
{
    (void)state;
    machine_pvh();
    machine_pvh_module(0, 64 * MIB + 100, PAGE);
    read_it();
    pv_boot_reserve_modules(&boot);
    assert_well_formed(&boot);
    assert_int_equal(type_at(&boot, 64 * MIB - 1), PV_MEMORY_RAM);
    assert_int_equal(type_at(&boot, 64 * MIB), PV_MEMORY_MODULE);
    assert_int_equal(type_at(&boot, 64 * MIB + 2 * PAGE - 1), PV_MEMORY_MODULE);
    assert_int_equal(type_at(&boot, 64 * MIB + 2 * PAGE), PV_MEMORY_RAM);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, machine_new)
    const struct CMUnitTest tests[] = {
        TEST(a_module_outside_ram_is_refused),
        TEST(a_module_half_in_reserved_memory_is_refused),
        TEST(a_module_over_another_is_refused),
        TEST(a_module_over_the_kernel_is_refused),
        TEST(an_image_that_cannot_be_changes_nothing),
        TEST(an_empty_module_is_left_out),
        TEST(a_module_that_overflows_is_left_out),
        TEST(more_modules_than_fit_are_counted),
        TEST(without_a_map_nothing_is_said_against_a_module),
        TEST(modules_are_reserved_in_whole_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
