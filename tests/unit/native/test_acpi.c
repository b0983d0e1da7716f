/* SPDX-License-Identifier: MIT */
/*
 * What is taken from ACPI's tables about CPUs and counters (backends/native/acpi.c): each table is
 * laid out by the test, lies included.
 */
#include "fake.h"

#include <string.h>

#include "backends/native/acpi.c"

#define BYTES 4096

/* Addresses in a test's memory do not fit into the 32 bits that old tables have for them. */
#define AT 0x10000ull

static uint8_t memory[BYTES];
static size_t used;
static struct pv_boot_info boot;
static uint64_t roots[4];
static unsigned root_count;

static void *map_memory(uint64_t phys, size_t bytes, bool device)
{
    (void)device;
    return phys < AT || phys - AT > BYTES || bytes > BYTES - (phys - AT) ? NULL
                                                                         : memory + (phys - AT);
}

static void put(size_t at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        memory[at + i] = (uint8_t)(value >> 8 * i);
}

static void seal(size_t at, size_t length, size_t checksum)
{
    uint8_t sum = 0;

    memory[at + checksum] = 0;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + memory[at + i]);
    memory[at + checksum] = (uint8_t)-sum;
}

/* A table with so much behind its header; the checksum comes last, by finish(). */
static size_t table(const char *signature, size_t body)
{
    size_t at = used;

    memcpy(memory + at, signature, 4);
    put(at + 4, TABLE_HEADER_BYTES + body, 4);
    used += (TABLE_HEADER_BYTES + body + 15) / 16 * 16;
    roots[root_count++] = AT + at;
    return at;
}

static void finish(size_t at)
{
    size_t length = 0;

    memcpy(&length, memory + at + 4, 4);
    seal(at, length, 9);
}

static size_t madt(const uint8_t *entries, size_t bytes)
{
    size_t at = table("APIC", 8 + bytes);

    memcpy(memory + at + MADT_ENTRIES, entries, bytes);
    finish(at);
    return at;
}

static void read_all_by(const char *signature)
{
    size_t xsdt = used;

    memcpy(memory + xsdt, signature, 4);
    put(xsdt + 4, TABLE_HEADER_BYTES + 8 * root_count, 4);
    for (unsigned i = 0; i < root_count; i++)
        put(xsdt + TABLE_HEADER_BYTES + 8 * i, roots[i], 8);
    finish(xsdt);
    size_t rsdp = xsdt + 128;
    memcpy(memory + rsdp, "RSD PTR ", 8);
    memory[rsdp + 15] = 2;
    put(rsdp + 20, RSDP_BYTES_2, 4);
    put(rsdp + 24, AT + xsdt, 8);
    seal(rsdp, RSDP_BYTES_1, 8);
    seal(rsdp, RSDP_BYTES_2, 32);
    boot.rsdp = AT + rsdp;
    pv_native_acpi_read();
}

static void read_all(void)
{
    read_all_by("XSDT");
}

static int start(void **state)
{
    (void)state;
    fake_reset();
    memset(memory, 0, sizeof(memory));
    memset(&pv_native_acpi, 0, sizeof(pv_native_acpi));
    used = 0;
    root_count = 0;
    fake_platform.map_physical = map_memory;
    pv_boot = &boot;
    return 0;
}

#define CPU(id, flags)    0, 8, 0, (id), (flags), 0, 0, 0
#define CPU_X2(id, flags) 9, 16, 0, 0, (id), 1, 0, 0, (flags), 0, 0, 0, 0, 0, 0, 0

static void cpus_that_are_enabled_are_listed(void **state)
{
    static const uint8_t entries[] = {CPU(0, 1), CPU(2, 1), CPU(4, 0), CPU(6, 2)};

    (void)state;
    madt(entries, sizeof(entries));
    read_all();
    assert_int_equal(pv_native_acpi.cpus, 2);
    assert_int_equal(pv_native_acpi.cpu[0], 0);
    assert_int_equal(pv_native_acpi.cpu[1], 2);
}

/* As Xen 4.17 makes it for its hardware domain where firmware has only a root table of old. */
static void a_root_table_whose_signature_is_rubbish_counts_by_its_checksum(void **state)
{
    static const uint8_t entries[] = {CPU(5, 1)};

    (void)state;
    madt(entries, sizeof(entries));
    read_all_by("\x53\x4d\xff\x0f");
    assert_int_equal(pv_native_acpi.cpus, 1);
    assert_int_equal(pv_native_acpi.cpu[0], 5);
}

static void cpus_with_long_identities_are_listed(void **state)
{
    static const uint8_t entries[] = {CPU(0, 1), CPU_X2(7, 1), CPU_X2(8, 0)};

    (void)state;
    madt(entries, sizeof(entries));
    read_all();
    assert_int_equal(pv_native_acpi.cpus, 2);
    assert_int_equal(pv_native_acpi.cpu[1], 0x107);
}

static void a_cpu_listed_twice_is_one(void **state)
{
    static const uint8_t entries[] = {CPU(3, 1), CPU(3, 1), 9, 16, 0, 0, 3, 0, 0,
                                      0,         1,         0, 0,  0, 0, 0, 0, 0};

    (void)state;
    madt(entries, sizeof(entries));
    read_all();
    assert_int_equal(pv_native_acpi.cpus, 1);
}

static void the_identity_of_all_cpus_is_nobodys(void **state)
{
    static const uint8_t entries[] = {CPU(0xff, 1), CPU(1, 1), 9, 16, 0, 0, 0xff, 0xff, 0xff,
                                      0xff,         1,         0, 0,  0, 0, 0,    0,    0};

    (void)state;
    madt(entries, sizeof(entries));
    read_all();
    assert_int_equal(pv_native_acpi.cpus, 1);
    assert_int_equal(pv_native_acpi.cpu[0], 1);
}

static void cpus_beyond_the_room_are_counted_and_said(void **state)
{
    static const uint8_t entries[] = {CPU(0, 1), CPU(1, 1), CPU(2, 1), CPU(3, 1), CPU(4, 1),
                                      CPU(5, 1), CPU(6, 1), CPU(7, 1), CPU(8, 1), CPU(9, 1)};

    (void)state;
    madt(entries, sizeof(entries));
    read_all();
    assert_int_equal(pv_native_acpi.cpus, PV_CONFIG_MAX_CPUS);
    assert_int_equal(pv_native_acpi.cpus_left_out, 2);
    assert_int_equal(fake_lines, 1);
}

static void an_entry_without_length_ends_the_table(void **state)
{
    static const uint8_t entries[] = {CPU(0, 1), 0, 0, 0, 9, 1, 0, 0, 0, CPU(2, 1)};

    (void)state;
    madt(entries, sizeof(entries));
    read_all();
    assert_int_equal(pv_native_acpi.cpus, 1);
}

static void an_entry_beyond_the_end_ends_the_table(void **state)
{
    static const uint8_t entries[] = {CPU(0, 1), 9, 16, 0, 0, 5, 0, 0, 0};

    (void)state;
    madt(entries, sizeof(entries));
    read_all();
    assert_int_equal(pv_native_acpi.cpus, 1);
}

static void an_entry_too_short_for_its_type_is_passed_over(void **state)
{
    static const uint8_t entries[] = {0, 4, 0, 5, 9, 8, 0, 0, 1, 0, 0, 0, CPU(2, 1)};

    (void)state;
    madt(entries, sizeof(entries));
    read_all();
    assert_int_equal(pv_native_acpi.cpus, 1);
    assert_int_equal(pv_native_acpi.cpu[0], 2);
}

static void a_table_with_a_wrong_checksum_lists_nobody(void **state)
{
    static const uint8_t entries[] = {CPU(0, 1), CPU(1, 1)};

    (void)state;
    size_t at = madt(entries, sizeof(entries));
    memory[at + MADT_ENTRIES + 3] ^= 0x10;
    read_all();
    assert_int_equal(pv_native_acpi.cpus, 0);
    assert_int_equal(fake_lines, 1);
}

static void the_hpet_is_found_in_memory_only(void **state)
{
    (void)state;
    size_t at = table("HPET", 20);
    put(at + HPET_ADDRESS + GAS_ADDRESS, 0xfed00000, 8);
    finish(at);
    read_all();
    assert_int_equal(pv_native_acpi.hpet, 0xfed00000);

    start(NULL);
    at = table("HPET", 20);
    memory[at + HPET_ADDRESS] = GAS_SPACE_IO;
    put(at + HPET_ADDRESS + GAS_ADDRESS, 0x1234, 8);
    finish(at);
    read_all();
    assert_int_equal(pv_native_acpi.hpet, 0);
}

#define EACH(test) cmocka_unit_test_setup(test, start)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        EACH(cpus_that_are_enabled_are_listed),
        EACH(a_root_table_whose_signature_is_rubbish_counts_by_its_checksum),
        EACH(cpus_with_long_identities_are_listed),
        EACH(a_cpu_listed_twice_is_one),
        EACH(the_identity_of_all_cpus_is_nobodys),
        EACH(cpus_beyond_the_room_are_counted_and_said),
        EACH(an_entry_without_length_ends_the_table),
        EACH(an_entry_beyond_the_end_ends_the_table),
        EACH(an_entry_too_short_for_its_type_is_passed_over),
        EACH(a_table_with_a_wrong_checksum_lists_nobody),
        EACH(the_hpet_is_found_in_memory_only),
    };

    return cmocka_run_group_tests_name("ACPI tables", tests, NULL, NULL);
}
