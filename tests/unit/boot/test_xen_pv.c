/* SPDX-License-Identifier: MIT */
/*
 * The Xen PV door (lib/boot/xen_pv.c): an honest start_info, and each way in which it may lie.
 *
 * Theory: there is no map to disbelieve entry by entry. All that the kernel will do with its memory
 * rests on four numbers: how many pages, where the list of machine frames is, where the page tables
 * are, where start_info itself is. These must lie apart from each other, in memory, in what can be
 * mapped. If they do not, nothing else that was told is of use, and that is an error.
 */
#include "machine.h"

#include "lib/boot/intake.h"

static struct pv_boot_info boot;

static int enter_xen_pv(void)
{
    return enter_at(PV_DOOR_XEN_PV, XEN_PV_INFO, &boot);
}

/* A number of an otherwise honest start_info. */
static void assert_refused64(uint64_t at, uint64_t value)
{
    machine_xen_pv();
    machine_write64(at, value);
    assert_int_equal(enter_xen_pv(), PV_E_HOST);
}

/* ---- honest --------------------------------------------------------------------------------- */

static void an_honest_domain_is_taken_as_told(void **state)
{
    (void)state;
    machine_xen_pv();
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(boot.complaints_used + boot.dropped, 0);
    assert_string_equal(boot.cmdline, "some words");
    assert_int_equal(boot.modules_used, 1);
    assert_int_equal(boot.modules[0].start, XEN_PV_MODULE);
    assert_int_equal(boot.modules[0].bytes, 3 * PAGE + 1);
    assert_int_equal(boot.xen_pv.pages, XEN_PV_PAGES);
    assert_int_equal(boot.xen_pv.list, XEN_PV_LIST);
    assert_int_equal(boot.xen_pv.tables, XEN_PV_TABLES);
    assert_int_equal(boot.xen_pv.shared_info, XEN_PV_SHARED);
    assert_int_equal(boot.xen_pv.store_frame, 0x12345);
    assert_int_equal(boot.xen_pv.store_port, 1);
    assert_int_equal(boot.xen_pv.console_frame, 0x12346);
    assert_int_equal(boot.xen_pv.console_port, 2);
    assert_false(boot.xen_pv.is_hardware_domain);
}

static void an_honest_hardware_domain_is_taken_as_told(void **state)
{
    (void)state;
    machine_xen_pv_hardware_domain();
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(boot.complaints_used + boot.dropped, 0);
    assert_true(boot.xen_pv.is_hardware_domain);
    assert_int_equal(boot.xen_pv.tables, XEN_PV_INFO + PAGE);
    assert_int_equal(boot.modules_used, 1);
    /* Its two numbers about a VGA console are no ring. */
    assert_int_equal(boot.xen_pv.console_frame + boot.xen_pv.console_port, 0);
    assert_int_equal(boot.xen_pv.store_frame + boot.xen_pv.store_port, 0);
}

static void memory_begins_at_0_and_ends_with_the_pages_told(void **state)
{
    (void)state;
    machine_xen_pv();
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(type_at(&boot, 0), PV_MEMORY_RAM);
    assert_int_equal(type_at(&boot, 128 * MIB - 1), PV_MEMORY_RAM);
    assert_int_equal(type_at(&boot, 128 * MIB), 0);
}

static void what_was_left_at_the_start_is_not_ram(void **state)
{
    (void)state;
    machine_xen_pv();
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(type_at(&boot, XEN_PV_LIST - 1), PV_MEMORY_RAM);
    for (uint64_t at = XEN_PV_LIST; at < XEN_PV_TABLES; at += PAGE)
        assert_int_equal(type_at(&boot, at), PV_MEMORY_BOOT);
    for (uint64_t at = XEN_PV_TABLES; at < XEN_PV_TABLES + 5 * PAGE; at += PAGE)
        assert_int_equal(type_at(&boot, at), PV_MEMORY_TABLES);
    assert_int_equal(type_at(&boot, XEN_PV_STACK), PV_MEMORY_RAM);
    assert_int_equal(boot.ranges_used, 4);
}

static void the_parts_may_come_in_another_order(void **state)
{
    (void)state;
    machine_xen_pv();
    machine_write64(XEN_PV_PT_BASE, XEN_PV_BASE + 2 * MIB);
    machine_write64(XEN_PV_LIST_AT, XEN_PV_BASE + XEN_PV_INFO + PAGE);
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(type_at(&boot, 2 * MIB), PV_MEMORY_TABLES);
    assert_int_equal(type_at(&boot, 2 * MIB + 5 * PAGE), PV_MEMORY_RAM);
    assert_int_equal(type_at(&boot, XEN_PV_INFO), PV_MEMORY_BOOT);
    assert_int_equal(type_at(&boot, XEN_PV_INFO + PAGE + XEN_PV_PAGES * 8 - 1), PV_MEMORY_BOOT);
    assert_int_equal(type_at(&boot, XEN_PV_INFO + PAGE + XEN_PV_PAGES * 8), PV_MEMORY_RAM);
}

static void reserving_and_sorting_again_keep_what_is_not_ram(void **state)
{
    (void)state;
    machine_xen_pv();
    assert_int_equal(enter_xen_pv(), PV_OK);
    struct pv_boot_xen_pv told = boot.xen_pv;
    assert_int_equal(pv_boot_reserve_image(&boot, MIB, 2 * MIB), PV_OK);
    pv_boot_reserve_modules(&boot);
    pv_boot_normalise(&boot, machine_phys_to_virt);
    assert_int_equal(type_at(&boot, MIB), PV_MEMORY_KERNEL);
    assert_int_equal(type_at(&boot, XEN_PV_MODULE + 4 * PAGE - 1), PV_MEMORY_MODULE);
    assert_int_equal(type_at(&boot, XEN_PV_INFO), PV_MEMORY_BOOT);
    assert_int_equal(type_at(&boot, XEN_PV_TABLES), PV_MEMORY_TABLES);
    assert_memory_equal(&boot.xen_pv, &told, sizeof(told));
}

static void mapped_is_half_a_mib_more_than_what_was_left(void **state)
{
    (void)state;
    machine_xen_pv();
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(boot.xen_pv.mapped_bytes, XEN_PV_STACK + MIB / 2);
}

static void mapped_is_no_more_than_there_is(void **state)
{
    (void)state;
    machine_xen_pv();
    uint64_t pages = XEN_PV_STACK / PAGE + 1;
    machine_write64(XEN_PV_NR_PAGES, pages);
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(boot.xen_pv.mapped_bytes, pages * PAGE);
}

static void the_doors_mapping_is_what_is_mapped(void **state)
{
    (void)state;
    machine_xen_pv();
    pv_door_bytes = XEN_PV_INFO + PAGE; /* as the door leaves it */
    assert_null(pv_door_phys_to_virt(XEN_PV_TABLES));
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_null(pv_door_phys_to_virt(0));
    assert_int_equal((uintptr_t)pv_door_phys_to_virt(XEN_PV_TABLES), XEN_PV_BASE + XEN_PV_TABLES);
    assert_int_equal((uintptr_t)pv_door_phys_to_virt(boot.xen_pv.mapped_bytes - 1),
                     XEN_PV_BASE + boot.xen_pv.mapped_bytes - 1);
    assert_null(pv_door_phys_to_virt(boot.xen_pv.mapped_bytes));
}

static void a_refused_start_info_maps_no_more(void **state)
{
    (void)state;
    pv_door_bytes = XEN_PV_INFO + PAGE;
    assert_refused64(XEN_PV_PT_BASE, 0);
    assert_null(pv_door_phys_to_virt(XEN_PV_INFO + PAGE));
}

static void an_acpi_root_pointer_in_low_memory_is_not_the_machines(void **state)
{
    (void)state;
    machine_xen_pv();
    machine_rsdp(AT_RSDP, 2);
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(boot.rsdp, 0);
}

static void no_module_is_no_complaint(void **state)
{
    (void)state;
    machine_xen_pv();
    machine_write64(XEN_PV_MOD_START, 0);
    machine_write64(XEN_PV_MOD_LEN, 0);
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(boot.modules_used + boot.complaints_used + boot.dropped, 0);
}

static void a_module_may_be_told_by_its_frame(void **state)
{
    (void)state;
    machine_xen_pv();
    machine_write32(XEN_PV_FLAGS, 8);
    machine_write64(XEN_PV_MOD_START, 64 * MIB / PAGE);
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(boot.modules_used, 1);
    assert_int_equal(boot.modules[0].start, 64 * MIB);
}

static void a_module_may_end_with_memory(void **state)
{
    (void)state;
    machine_xen_pv();
    machine_write64(XEN_PV_MOD_START, XEN_PV_BASE + 128 * MIB - PAGE);
    machine_write64(XEN_PV_MOD_LEN, PAGE);
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(boot.modules_used, 1);
}

/* ---- the magic ------------------------------------------------------------------------------ */

static void assert_magic(const char *magic, int status)
{
    machine_xen_pv();
    memset(machine_at(XEN_PV_MAGIC), 0, 32);
    memcpy(machine_at(XEN_PV_MAGIC), magic, strlen(magic));
    assert_int_equal(enter_xen_pv(), status);
}

static void any_version_in_the_magic_is_right(void **state)
{
    (void)state;
    assert_magic("xen-4.17-x86_64", PV_OK);
    assert_magic("xen-3.0-x86_64p", PV_OK);
    assert_magic("xen-5-unstable-x86_64", PV_OK);
    assert_magic("xen-aaaaaaaaaaaaaaaaaaaa-x86_64", PV_OK);
}

static void a_magic_that_begins_otherwise_is_refused(void **state)
{
    (void)state;
    assert_magic("", PV_E_HOST);
    assert_magic("p", PV_E_HOST);
    assert_magic("xen", PV_E_HOST);
    assert_magic("Xen-3.0-x86_64", PV_E_HOST);
    assert_magic("kvm-3.0-x86_64", PV_E_HOST);
    assert_magic("-x86_64", PV_E_HOST);
}

static void a_magic_of_another_platform_is_refused(void **state)
{
    (void)state;
    assert_magic("xen-3.0", PV_E_HOST);
    assert_magic("xen-3.0-x86_32p", PV_E_HOST);
    assert_magic("xen-3.0-x86_6", PV_E_HOST);
    assert_magic("xen-3.0-x86_64pp", PV_E_HOST);
    assert_magic("xen-3.0-x86_64 ", PV_E_HOST);
    assert_magic("xen-x86_64", PV_E_HOST);
}

static void a_magic_without_an_end_is_refused(void **state)
{
    (void)state;
    machine_xen_pv();
    memcpy(machine_at(XEN_PV_MAGIC), "xen-aaaaaaaaaaaaaaaaaaaaa-x86_64", 32);
    assert_int_equal(enter_xen_pv(), PV_E_HOST);
    memcpy(machine_at(XEN_PV_MAGIC), "xen-aaaaaaaaaaaaaaaaaaaa-x86_64p", 32);
    assert_int_equal(enter_xen_pv(), PV_E_HOST);
}

/* ---- where start_info is -------------------------------------------------------------------- */

static void a_start_info_that_is_not_mapped_is_refused(void **state)
{
    (void)state;
    pv_door_base = XEN_PV_BASE;
    assert_int_equal(enter_xen_pv(), PV_E_HOST);
}

static void a_start_info_that_is_not_aligned_is_refused(void **state)
{
    (void)state;
    machine_xen_pv();
    uint8_t copy[256];
    memcpy(copy, machine_at(XEN_PV_INFO), sizeof(copy));
    machine_write(XEN_PV_INFO + 8, copy, sizeof(copy));
    assert_int_equal(enter_at(PV_DOOR_XEN_PV, XEN_PV_INFO + 8, &boot), PV_E_HOST);
}

static void a_start_info_across_two_pages_is_refused(void **state)
{
    (void)state;
    machine_xen_pv();
    uint8_t copy[256];
    memcpy(copy, machine_at(XEN_PV_INFO), sizeof(copy));
    machine_write(8 * MIB - 64, copy, sizeof(copy));
    assert_int_equal(enter_at(PV_DOOR_XEN_PV, 8 * MIB - 64, &boot), PV_E_HOST);
}

static void a_start_info_outside_of_memory_is_refused(void **state)
{
    (void)state;
    machine_xen_pv();
    uint8_t copy[256];
    memcpy(copy, machine_at(XEN_PV_INFO), sizeof(copy));
    machine_write(128 * MIB, copy, sizeof(copy));
    assert_int_equal(enter_at(PV_DOOR_XEN_PV, 128 * MIB, &boot), PV_E_HOST);
    machine_write(128 * MIB - PAGE, copy, sizeof(copy));
    assert_int_equal(enter_at(PV_DOOR_XEN_PV, 128 * MIB - PAGE, &boot), PV_OK);
}

static void a_start_info_at_no_address_is_refused(void **state)
{
    (void)state;
    machine_xen_pv();
    assert_int_equal(enter_at(PV_DOOR_XEN_PV, 0, &boot), PV_E_HOST);
    assert_int_equal(enter_at(PV_DOOR_XEN_PV, UINT64_MAX - PAGE + 1, &boot), PV_E_HOST);
    assert_int_equal(enter_at(PV_DOOR_XEN_PV, 0 - XEN_PV_BASE, &boot), PV_E_HOST);
}

/* ---- numbers -------------------------------------------------------------------------------- */

static void no_pages_at_all_are_refused(void **state)
{
    (void)state;
    assert_refused64(XEN_PV_NR_PAGES, 0);
}

static void more_pages_than_there_can_be_are_refused(void **state)
{
    static const uint64_t wrong[] = {(1ull << 40) + 1, 1ull << 52, (1ull << 61) + XEN_PV_PAGES,
                                     1ull << 63, UINT64_MAX};
    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_refused64(XEN_PV_NR_PAGES, wrong[i]);
}

/* A list of them would go round the end of all addresses. */
static void pages_whose_list_cannot_be_mapped_are_refused(void **state)
{
    (void)state;
    assert_refused64(XEN_PV_NR_PAGES, 1ull << 40);
    assert_refused64(XEN_PV_NR_PAGES, ((1ull << 31) - XEN_PV_LIST) / 8 + 1);
}

static void no_page_tables_are_refused(void **state)
{
    (void)state;
    assert_refused64(XEN_PV_NR_PT, 0);
}

static void more_page_tables_than_pages_are_refused(void **state)
{
    static const uint64_t wrong[] = {XEN_PV_PAGES + 1, 1ull << 52, (1ull << 52) + 5, UINT64_MAX};
    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_refused64(XEN_PV_NR_PT, wrong[i]);
}

static void a_shared_page_where_none_can_be_is_refused(void **state)
{
    static const uint64_t wrong[] = {0,          XEN_PV_SHARED + 1, XEN_PV_SHARED + 0x800,
                                     1ull << 52, 1ull << 63,        UINT64_MAX};
    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_refused64(XEN_PV_SHARED_AT, wrong[i]);
}

static void a_ring_where_none_can_be_is_not_there(void **state)
{
    (void)state;
    machine_xen_pv();
    machine_write64(XEN_PV_CONSOLE, 1ull << 40);
    machine_write64(XEN_PV_STORE, UINT64_MAX);
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(boot.xen_pv.console_frame + boot.xen_pv.store_frame, 0);
    assert_int_equal(boot.dropped, 2);
    assert_true(complains(&boot, "A ring lies beyond 52 bits"));
}

/* ---- where list and tables are -------------------------------------------------------------- */

static void a_list_below_the_base_is_refused(void **state)
{
    (void)state;
    assert_refused64(XEN_PV_LIST_AT, 0);
    assert_refused64(XEN_PV_LIST_AT, XEN_PV_LIST);
    assert_refused64(XEN_PV_LIST_AT, XEN_PV_BASE - PAGE);
}

static void a_list_at_the_base_is_refused(void **state)
{
    (void)state;
    assert_refused64(XEN_PV_LIST_AT, XEN_PV_BASE);
}

static void a_list_outside_of_memory_is_refused(void **state)
{
    (void)state;
    assert_refused64(XEN_PV_LIST_AT, XEN_PV_BASE + 128 * MIB);
    assert_refused64(XEN_PV_LIST_AT, XEN_PV_BASE + 128 * MIB - XEN_PV_PAGES * 8 + PAGE);
    assert_refused64(XEN_PV_LIST_AT, UINT64_MAX - PAGE + 1);
}

static void a_list_that_is_not_aligned_is_refused(void **state)
{
    (void)state;
    assert_refused64(XEN_PV_LIST_AT, XEN_PV_BASE + 16 * MIB + 8);
}

static void tables_below_the_base_are_refused(void **state)
{
    (void)state;
    assert_refused64(XEN_PV_PT_BASE, 0);
    assert_refused64(XEN_PV_PT_BASE, XEN_PV_TABLES);
    assert_refused64(XEN_PV_PT_BASE, XEN_PV_BASE - PAGE);
}

static void tables_at_the_base_are_refused(void **state)
{
    (void)state;
    assert_refused64(XEN_PV_PT_BASE, XEN_PV_BASE);
}

static void tables_outside_of_memory_are_refused(void **state)
{
    (void)state;
    assert_refused64(XEN_PV_PT_BASE, XEN_PV_BASE + 128 * MIB);
    assert_refused64(XEN_PV_PT_BASE, XEN_PV_BASE + 128 * MIB - 4 * PAGE);
    assert_refused64(XEN_PV_PT_BASE, UINT64_MAX - PAGE + 1);
}

static void tables_that_are_not_aligned_are_refused(void **state)
{
    (void)state;
    assert_refused64(XEN_PV_PT_BASE, XEN_PV_BASE + 16 * MIB + 0x800);
}

/* Memory is larger than what is left of the addresses behind the base. */
static void parts_that_go_round_the_end_of_all_addresses_are_refused(void **state)
{
    (void)state;
    machine_xen_pv();
    machine_write64(XEN_PV_NR_PAGES, 1ull << 20);
    machine_write64(XEN_PV_LIST_AT, XEN_PV_BASE + 16 * MIB);
    machine_write64(XEN_PV_PT_BASE, UINT64_MAX - 5 * PAGE + 1);
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(boot.xen_pv.mapped_bytes, 0 - XEN_PV_BASE);
    machine_write64(XEN_PV_NR_PT, 6);
    assert_int_equal(enter_xen_pv(), PV_E_HOST);
}

static void a_list_over_the_tables_is_refused(void **state)
{
    (void)state;
    assert_refused64(XEN_PV_PT_BASE, XEN_PV_BASE + XEN_PV_LIST + PAGE);
    assert_refused64(XEN_PV_PT_BASE, XEN_PV_BASE + XEN_PV_LIST - 4 * PAGE);
}

static void a_list_over_start_info_is_refused(void **state)
{
    (void)state;
    assert_refused64(XEN_PV_LIST_AT, XEN_PV_BASE + XEN_PV_INFO);
    assert_refused64(XEN_PV_LIST_AT, XEN_PV_BASE + XEN_PV_LIST + PAGE);
    assert_refused64(XEN_PV_NR_PAGES, XEN_PV_PAGES + 1);
}

static void tables_over_start_info_are_refused(void **state)
{
    (void)state;
    assert_refused64(XEN_PV_PT_BASE, XEN_PV_BASE + XEN_PV_INFO);
    machine_new(state);
    machine_xen_pv();
    machine_write64(XEN_PV_LIST_AT, XEN_PV_BASE + 16 * MIB);
    machine_write64(XEN_PV_PT_BASE, XEN_PV_BASE + XEN_PV_INFO - 4 * PAGE);
    assert_int_equal(enter_xen_pv(), PV_E_HOST);
}

/* ---- the module ----------------------------------------------------------------------------- */

static void assert_module_left_out(uint32_t flags, uint64_t start, uint64_t bytes, const char *why)
{
    machine_xen_pv();
    machine_write32(XEN_PV_FLAGS, flags);
    machine_write64(XEN_PV_MOD_START, start);
    machine_write64(XEN_PV_MOD_LEN, bytes);
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(boot.modules_used, 0);
    assert_int_equal(boot.dropped, 1);
    assert_true(complains(&boot, why));
}

#define NO_MEMORY "The module lies where no memory is"
#define NO_RAM    "A module does not lie in RAM"
#define EMPTY     "A module is empty or lies at address 0"

static void a_module_outside_of_memory_is_left_out(void **state)
{
    (void)state;
    assert_module_left_out(0, XEN_PV_BASE + 128 * MIB, PAGE, NO_MEMORY);
    assert_module_left_out(0, XEN_PV_BASE + 128 * MIB - PAGE, PAGE + 1, NO_MEMORY);
    assert_module_left_out(0, XEN_PV_BASE + XEN_PV_MODULE, UINT64_MAX, NO_MEMORY);
    assert_module_left_out(0, UINT64_MAX, 2, NO_MEMORY);
}

static void a_module_below_the_base_is_left_out(void **state)
{
    (void)state;
    assert_module_left_out(0, XEN_PV_MODULE, PAGE, NO_MEMORY);
    assert_module_left_out(0, 0, PAGE, NO_MEMORY);
}

/* Less the base, its address would go round to one in memory. */
static void a_module_below_the_base_is_left_out_of_large_memory_too(void **state)
{
    (void)state;
    machine_xen_pv();
    machine_write64(XEN_PV_NR_PAGES, 1ull << 20);
    machine_write64(XEN_PV_LIST_AT, XEN_PV_BASE + 16 * MIB);
    machine_write64(XEN_PV_MOD_START, XEN_PV_MODULE);
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(boot.modules_used, 0);
    assert_true(complains(&boot, NO_MEMORY));
}

static void a_module_by_frame_outside_of_memory_is_left_out(void **state)
{
    (void)state;
    assert_module_left_out(8, XEN_PV_PAGES, PAGE, NO_MEMORY);
    assert_module_left_out(8, XEN_PV_PAGES - 1, PAGE + 1, NO_MEMORY);
    assert_module_left_out(8, UINT64_MAX, PAGE, NO_MEMORY);
    assert_module_left_out(8, 1ull << 52, PAGE, NO_MEMORY); /* times the size of a page: 0 */
    assert_module_left_out(8, XEN_PV_BASE + XEN_PV_MODULE, PAGE, NO_MEMORY);
}

static void a_module_over_a_part_is_left_out(void **state)
{
    static const uint64_t parts[] = {XEN_PV_LIST, XEN_PV_INFO, XEN_PV_INFO + PAGE, XEN_PV_TABLES};
    (void)state;
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        assert_module_left_out(0, XEN_PV_BASE + parts[i], 1, NO_RAM);
        assert_module_left_out(8, parts[i] / PAGE, 1, NO_RAM);
    }
    assert_module_left_out(0, XEN_PV_BASE + XEN_PV_LIST - PAGE, PAGE + 1, NO_RAM);
    assert_module_left_out(0, XEN_PV_BASE + XEN_PV_STACK - 1, PAGE, NO_RAM);
}

static void an_empty_module_is_left_out(void **state)
{
    (void)state;
    assert_module_left_out(0, XEN_PV_BASE + XEN_PV_MODULE, 0, EMPTY);
}

static void a_module_at_address_0_is_left_out(void **state)
{
    (void)state;
    assert_module_left_out(0, XEN_PV_BASE, PAGE, EMPTY);
    assert_module_left_out(8, 0, PAGE, EMPTY);
}

static void a_list_of_modules_is_left_out(void **state)
{
    (void)state;
    assert_module_left_out(4, XEN_PV_BASE + XEN_PV_MODULE, PAGE,
                           "Modules in the form of multiboot are not read");
}

static void a_module_over_the_kernel_is_left_out(void **state)
{
    (void)state;
    machine_xen_pv();
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(pv_boot_reserve_image(&boot, MIB, 2 * MIB + 1), PV_OK);
    assert_int_equal(boot.modules_used, 0);
    assert_true(complains(&boot, "A module lies over the kernel"));
}

/* ---- the command line ----------------------------------------------------------------------- */

static void a_command_line_without_an_end_is_cut(void **state)
{
    (void)state;
    machine_xen_pv();
    memset(machine_at(XEN_PV_CMDLINE), 'x', 1024);
    machine_write64(XEN_PV_CMDLINE + 1024, 0x7979797979797979);
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(strlen(boot.cmdline), 1023);
    assert_null(strchr(boot.cmdline, 'y'));
    assert_true(complains(&boot, "The command line is too long or has no end, and is cut"));
}

static void a_command_line_that_just_fits_is_whole(void **state)
{
    (void)state;
    machine_xen_pv();
    memset(machine_at(XEN_PV_CMDLINE), 'x', 1023);
    assert_int_equal(enter_xen_pv(), PV_OK);
    assert_int_equal(strlen(boot.cmdline), 1023);
    assert_int_equal(boot.complaints_used, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, machine_new)
    const struct CMUnitTest tests[] = {
        TEST(an_honest_domain_is_taken_as_told),
        TEST(an_honest_hardware_domain_is_taken_as_told),
        TEST(memory_begins_at_0_and_ends_with_the_pages_told),
        TEST(what_was_left_at_the_start_is_not_ram),
        TEST(the_parts_may_come_in_another_order),
        TEST(reserving_and_sorting_again_keep_what_is_not_ram),
        TEST(mapped_is_half_a_mib_more_than_what_was_left),
        TEST(mapped_is_no_more_than_there_is),
        TEST(the_doors_mapping_is_what_is_mapped),
        TEST(a_refused_start_info_maps_no_more),
        TEST(an_acpi_root_pointer_in_low_memory_is_not_the_machines),
        TEST(no_module_is_no_complaint),
        TEST(a_module_may_be_told_by_its_frame),
        TEST(a_module_may_end_with_memory),
        TEST(any_version_in_the_magic_is_right),
        TEST(a_magic_that_begins_otherwise_is_refused),
        TEST(a_magic_of_another_platform_is_refused),
        TEST(a_magic_without_an_end_is_refused),
        TEST(a_start_info_that_is_not_mapped_is_refused),
        TEST(a_start_info_that_is_not_aligned_is_refused),
        TEST(a_start_info_across_two_pages_is_refused),
        TEST(a_start_info_outside_of_memory_is_refused),
        TEST(a_start_info_at_no_address_is_refused),
        TEST(no_pages_at_all_are_refused),
        TEST(more_pages_than_there_can_be_are_refused),
        TEST(pages_whose_list_cannot_be_mapped_are_refused),
        TEST(no_page_tables_are_refused),
        TEST(more_page_tables_than_pages_are_refused),
        TEST(a_shared_page_where_none_can_be_is_refused),
        TEST(a_ring_where_none_can_be_is_not_there),
        TEST(a_list_below_the_base_is_refused),
        TEST(a_list_at_the_base_is_refused),
        TEST(a_list_outside_of_memory_is_refused),
        TEST(a_list_that_is_not_aligned_is_refused),
        TEST(tables_below_the_base_are_refused),
        TEST(tables_at_the_base_are_refused),
        TEST(tables_outside_of_memory_are_refused),
        TEST(tables_that_are_not_aligned_are_refused),
        TEST(parts_that_go_round_the_end_of_all_addresses_are_refused),
        TEST(a_list_over_the_tables_is_refused),
        TEST(a_list_over_start_info_is_refused),
        TEST(tables_over_start_info_are_refused),
        TEST(a_module_outside_of_memory_is_left_out),
        TEST(a_module_below_the_base_is_left_out),
        TEST(a_module_below_the_base_is_left_out_of_large_memory_too),
        TEST(a_module_by_frame_outside_of_memory_is_left_out),
        TEST(a_module_over_a_part_is_left_out),
        TEST(an_empty_module_is_left_out),
        TEST(a_module_at_address_0_is_left_out),
        TEST(a_list_of_modules_is_left_out),
        TEST(a_module_over_the_kernel_is_left_out),
        TEST(a_command_line_without_an_end_is_cut),
        TEST(a_command_line_that_just_fits_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
