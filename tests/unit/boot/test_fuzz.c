/* SPDX-License-Identifier: MIT */
/*
 * A million mutated blobs through the readers of all doors. Only a part of memory is mapped, and
 * beside each page nothing is: a read out of bounds ends the test. What comes out must be well
 * formed, whatever went in.
 */
#include "machine.h"
#include "random.h"

#include "lib/boot/intake.h"

#define BLOBS      1000000u
#define DOORS      4u
#define BLOB_BYTES 1024u
#define BLOB_AT    0x8000ull

static struct pv_boot_info boot;
static uint8_t seed[BLOB_BYTES];

static void put32(uint32_t at, uint32_t value)
{
    memcpy(&seed[at], &value, sizeof(value));
}

static void put64(uint32_t at, uint64_t value)
{
    memcpy(&seed[at], &value, sizeof(value));
}

/* A blob that is right at first, all its pointers into itself. */
static void seed_pvh(void)
{
    put32(0, 0x336ec578);
    put32(4, 1);
    put32(12, 2);
    put64(16, BLOB_AT + 512);
    put64(24, BLOB_AT + 900);
    put64(32, BLOB_AT + 800);
    put64(40, BLOB_AT + 128);
    put32(48, 6);
    for (uint32_t i = 0; i < 6; i++) {
        put64(128 + 24 * i, i * 16 * MIB);
        put64(128 + 24 * i + 8, 20 * MIB);
        put32(128 + 24 * i + 16, 1 + i % 3);
    }
    put64(512, 40 * MIB);
    put64(520, PAGE);
    put64(544, 41 * MIB);
    put64(552, PAGE);
}

static void seed_multiboot1(void)
{
    put32(0, 0x24d);
    put32(4, 640);
    put32(8, 65536);
    put32(16, BLOB_AT + 900);
    put32(20, 2);
    put32(24, BLOB_AT + 512);
    put32(44, 144);
    put32(48, BLOB_AT + 128);
    put32(64, BLOB_AT + 1000);
    memcpy(&seed[1000], "qemu", 5);
    for (uint32_t i = 0; i < 6; i++) {
        put32(128 + 24 * i, 20);
        put64(128 + 24 * i + 4, i * 16 * MIB);
        put64(128 + 24 * i + 12, 20 * MIB);
        put32(128 + 24 * i + 20, 1 + i % 3);
    }
    put32(512, 40 * MIB);
    put32(516, 40 * MIB + 100);
    put32(528, 41 * MIB);
    put32(532, 41 * MIB + 100);
}

static void seed_multiboot2(void)
{
    put32(0, 400);
    put32(8, 6);
    put32(12, 16 + 4 * 24);
    put32(16, 24);
    for (uint32_t i = 0; i < 4; i++) {
        put64(24 + 24 * i, i * 16 * MIB);
        put64(24 + 24 * i + 8, 20 * MIB);
        put32(24 + 24 * i + 16, 1 + i % 3);
    }
    put32(120, 1);
    put32(124, 20);
    memcpy(&seed[128], "some words", 11);
    put32(144, 3);
    put32(148, 25);
    put32(152, 2 * MIB);
    put32(156, 3 * MIB);
    put32(176, 4);
    put32(180, 16);
    put32(192, 15);
    put32(196, 44);
    memcpy(&seed[200], "RSD PTR ", 8);
    put32(240, 0);
    put32(244, 8);
}

/* Its command line goes on behind the blob. */
static void seed_xen_pv(void)
{
    pv_door_base = XEN_PV_BASE;
    memcpy(&seed[0], "xen-3.0-x86_64", 15);
    put64(32, 1024);
    put64(40, 0x123456000);
    put64(56, 0x1234);
    put64(72, 0x1235);
    put64(88, XEN_PV_BASE + BLOB_AT + 3 * PAGE);
    put64(96, 5);
    put64(104, XEN_PV_BASE + BLOB_AT - 2 * PAGE);
    put64(112, XEN_PV_BASE + MIB);
    put64(120, 3 * PAGE);
    memcpy(&seed[128], "some words", 11);
}

/* Numbers that arithmetic stumbles over. */
static uint64_t wicked(void)
{
    static const uint64_t numbers[] = {0,
                                       1,
                                       7,
                                       8,
                                       0x7fffffff,
                                       0x80000000,
                                       0xfffffff8,
                                       UINT32_MAX,
                                       0xfffff000,
                                       0x100000000,
                                       (1ull << 52) - 1,
                                       1ull << 52,
                                       1ull << 63,
                                       UINT64_MAX - 7,
                                       UINT64_MAX,
                                       BLOB_AT + BLOB_BYTES - 4,
                                       BLOB_AT + PAGE - 1,
                                       XEN_PV_BASE,
                                       XEN_PV_BASE + BLOB_AT,
                                       XEN_PV_BASE + 4 * MIB - PAGE};
    return numbers[random_below(sizeof(numbers) / sizeof(numbers[0]))];
}

static void mutate(uint8_t *blob)
{
    for (uint32_t left = random_below(6); left != 0; left--) {
        uint32_t at = random_below(4) == 0 ? random_below(BLOB_BYTES - 8) : random_below(256) & ~3u;
        uint64_t value = random_below(2) == 0 ? wicked() : random_next();
        size_t bytes = (size_t)1 << random_below(4);
        memcpy(&blob[at], &value, bytes);
    }
}

/* A kernel reads and writes through these numbers. */
static void assert_xen_pv_is_safe(void)
{
    const struct pv_boot_xen_pv *xen = &boot.xen_pv;

    assert_true(xen->mapped_bytes <= xen->pages * PAGE);
    assert_true(xen->mapped_bytes - 1 <= UINT64_MAX - XEN_PV_BASE);
    assert_true(xen->list != 0 && xen->list % PAGE == 0 && xen->list < xen->mapped_bytes);
    assert_true(xen->pages * 8 <= xen->mapped_bytes - xen->list);
    assert_true(xen->tables != 0 && xen->tables % PAGE == 0 && xen->tables < xen->mapped_bytes);
    assert_int_equal(type_at(&boot, xen->list), PV_MEMORY_BOOT);
    assert_int_equal(type_at(&boot, xen->tables), PV_MEMORY_TABLES);
    assert_true(xen->shared_info % PAGE == 0 && xen->shared_info < 1ull << 52);
    assert_true(xen->console_frame < 1ull << 40 && xen->store_frame < 1ull << 40);
}

/* Now and then the information is said to begin somewhere else in the page, or just before its end.
 */
static void fuzz(enum pv_door door)
{
    uint8_t *low = machine_at(BLOB_AT);
    for (uint32_t i = 0; i < BLOBS / DOORS; i++) {
        memcpy(low, seed, BLOB_BYTES);
        mutate(low);
        uint64_t at = BLOB_AT + (random_below(64) == 0 ? random_below(PAGE) : 0);
        if (pv_boot_from(door, at, machine_phys_to_virt, &boot) == PV_OK) {
            if (door == PV_DOOR_XEN_PV)
                assert_xen_pv_is_safe();
            pv_boot_reserve_image(&boot, 2 * MIB, MIB);
            pv_boot_reserve_modules(&boot);
        }
        assert_well_formed(&boot);
        assert_int_not_equal(type_at(&boot, 2 * MIB), PV_MEMORY_RAM);
    }
}

static int set_up(void **state)
{
    machine_new(state);
    machine_add(BLOB_AT, PAGE);
    machine_add(0x40e, 2);
    memset(seed, 0, sizeof(seed));
    return 0;
}

static void no_blob_harms_the_pvh_door(void **state)
{
    (void)state;
    seed_pvh();
    fuzz(PV_DOOR_PVH);
}

static void no_blob_harms_the_multiboot1_door(void **state)
{
    (void)state;
    seed_multiboot1();
    fuzz(PV_DOOR_MULTIBOOT1);
}

static void no_blob_harms_the_multiboot2_door(void **state)
{
    (void)state;
    seed_multiboot2();
    fuzz(PV_DOOR_MULTIBOOT2);
}

static void no_blob_harms_the_xen_pv_door(void **state)
{
    (void)state;
    seed_xen_pv();
    fuzz(PV_DOOR_XEN_PV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_blob_harms_the_pvh_door, set_up),
        cmocka_unit_test_setup(no_blob_harms_the_multiboot1_door, set_up),
        cmocka_unit_test_setup(no_blob_harms_the_multiboot2_door, set_up),
        cmocka_unit_test_setup(no_blob_harms_the_xen_pv_door, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
