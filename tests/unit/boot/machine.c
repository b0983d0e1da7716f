/* SPDX-License-Identifier: MIT */
/*
 * The pretended machine. Pages of the host lie two apart; between them nothing is mapped.
 */
#include "machine.h"

#include "lib/boot/intake.h"

#include <sys/mman.h>

#define MOST_PAGES 256

static uint64_t frames[MOST_PAGES];
static unsigned used;
static uint8_t *arena;

int machine_new(void **state)
{
    (void)state;
    if (arena != NULL)
        assert_int_equal(munmap(arena, (2 * MOST_PAGES + 1) * PAGE), 0);
    arena = mmap(NULL, (2 * MOST_PAGES + 1) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(arena, MAP_FAILED);
    used = 0;
    pv_door_base = 0;
    pv_door_bytes = PV_FOUR_GIB;
    return 0;
}

static uint8_t *host_page(unsigned index)
{
    return arena + (2 * index + 1) * PAGE;
}

void *machine_phys_to_virt(uint64_t phys)
{
    for (unsigned i = 0; i < used; i++)
        if (frames[i] == phys / PAGE)
            return host_page(i) + phys % PAGE;
    return NULL;
}

void machine_add(uint64_t phys, uint64_t bytes)
{
    for (uint64_t page = phys / PAGE; page <= (phys + bytes - 1) / PAGE; page++) {
        if (machine_phys_to_virt(page * PAGE) != NULL)
            continue;
        assert_true(used < MOST_PAGES);
        assert_int_equal(mprotect(host_page(used), PAGE, PROT_READ | PROT_WRITE), 0);
        frames[used++] = page;
    }
}

uint8_t *machine_at(uint64_t phys)
{
    uint8_t *at = machine_phys_to_virt(phys);
    assert_non_null(at);
    return at;
}

void machine_write(uint64_t phys, const void *data, size_t bytes)
{
    machine_add(phys, bytes);
    for (size_t i = 0; i < bytes; i++)
        *machine_at(phys + i) = ((const uint8_t *)data)[i];
}

void machine_write32(uint64_t phys, uint32_t value)
{
    machine_write(phys, &value, sizeof(value));
}

void machine_write64(uint64_t phys, uint64_t value)
{
    machine_write(phys, &value, sizeof(value));
}

void machine_checksum(uint64_t phys, size_t bytes, uint64_t at)
{
    uint8_t sum = 0;
    *machine_at(at) = 0;
    for (size_t i = 0; i < bytes; i++)
        sum = (uint8_t)(sum + *machine_at(phys + i));
    *machine_at(at) = (uint8_t)-sum;
}

void machine_rsdp(uint64_t phys, uint8_t revision)
{
    machine_add(phys, 36);
    machine_write(phys, "RSD PTR ", 8);
    machine_write(phys + 9, "PVOPS ", 6);
    machine_write(phys + 15, &revision, 1);
    machine_write32(phys + 16, 0x7fe0000);
    machine_checksum(phys, 20, phys + 8);
    if (revision < 2)
        return;
    machine_write32(phys + 20, 36);
    machine_write64(phys + 24, 0x7fe1000);
    machine_checksum(phys, 36, phys + 32);
}

void machine_pvh_range(uint32_t index, uint64_t start, uint64_t bytes, uint32_t type)
{
    machine_write64(AT_MAP + 24 * index, start);
    machine_write64(AT_MAP + 24 * index + 8, bytes);
    machine_write32(AT_MAP + 24 * index + 16, type);
    uint32_t count;
    memcpy(&count, machine_at(PVH_MEMMAP_USED), sizeof(count));
    if (count <= index)
        machine_write32(PVH_MEMMAP_USED, index + 1);
}

void machine_pvh_module(uint32_t index, uint64_t start, uint64_t bytes)
{
    machine_write64(AT_MODULES + 32 * index, start);
    machine_write64(AT_MODULES + 32 * index + 8, bytes);
    uint32_t count;
    memcpy(&count, machine_at(PVH_NR_MODULES), sizeof(count));
    if (count <= index)
        machine_write32(PVH_NR_MODULES, index + 1);
}

void machine_pvh(void)
{
    machine_add(AT_INFO, 56);
    machine_write32(AT_INFO, 0x336ec578);
    machine_write32(PVH_VERSION, 1);
    machine_write64(PVH_MODLIST, AT_MODULES);
    machine_write64(PVH_CMDLINE, AT_TEXT);
    machine_write64(PVH_RSDP, AT_RSDP);
    machine_write64(PVH_MEMMAP, AT_MAP);
    machine_write(AT_TEXT, "some words", 11);
    machine_rsdp(AT_RSDP, 2);
    machine_pvh_range(0, 0, 640 * 1024, PV_MEMORY_RAM);
    machine_pvh_range(1, 0xf0000, 0x10000, PV_MEMORY_RESERVED);
    machine_pvh_range(2, MIB, 127 * MIB, PV_MEMORY_RAM);
    machine_pvh_module(0, 64 * MIB, 3 * PAGE);
}

void machine_xen_pv(void)
{
    pv_door_base = XEN_PV_BASE;
    machine_add(XEN_PV_INFO, PAGE);
    machine_write(XEN_PV_MAGIC, "xen-3.0-x86_64", 15);
    machine_write64(XEN_PV_NR_PAGES, XEN_PV_PAGES);
    machine_write64(XEN_PV_SHARED_AT, XEN_PV_SHARED);
    machine_write64(XEN_PV_STORE, 0x12345);
    machine_write32(XEN_PV_STORE + 8, 1);
    machine_write64(XEN_PV_CONSOLE, 0x12346);
    machine_write32(XEN_PV_CONSOLE + 8, 2);
    machine_write64(XEN_PV_PT_BASE, XEN_PV_BASE + XEN_PV_TABLES);
    machine_write64(XEN_PV_NR_PT, 5);
    machine_write64(XEN_PV_LIST_AT, XEN_PV_BASE + XEN_PV_LIST);
    machine_write64(XEN_PV_MOD_START, XEN_PV_BASE + XEN_PV_MODULE);
    machine_write64(XEN_PV_MOD_LEN, 3 * PAGE + 1);
    machine_write(XEN_PV_CMDLINE, "some words", 11);
}

void machine_xen_pv_hardware_domain(void)
{
    machine_xen_pv();
    machine_write(XEN_PV_MAGIC, "xen-3.0-x86_64p", 16);
    machine_write32(XEN_PV_FLAGS, 3);
    machine_write64(XEN_PV_STORE, 0);
    machine_write32(XEN_PV_STORE + 8, 0);
    machine_write64(XEN_PV_CONSOLE, 1168 + (40ull << 32)); /* where in the page, how long */
    machine_write32(XEN_PV_CONSOLE + 8, 0);
    machine_write64(XEN_PV_PT_BASE, XEN_PV_BASE + XEN_PV_INFO + PAGE);
}

bool complains(const struct pv_boot_info *boot, const char *what)
{
    for (uint32_t i = 0; i < boot->complaints_used; i++)
        if (strcmp(boot->complaints[i].what, what) == 0)
            return true;
    return false;
}

uint32_t type_at(const struct pv_boot_info *boot, uint64_t phys)
{
    for (uint32_t i = 0; i < boot->ranges_used; i++)
        if (phys >= boot->ranges[i].start && phys - boot->ranges[i].start < boot->ranges[i].bytes)
            return boot->ranges[i].type;
    return 0;
}

void assert_well_formed(const struct pv_boot_info *boot)
{
    assert_true(boot->ranges_used <= PV_BOOT_RANGES);
    assert_true(boot->modules_used <= PV_BOOT_MODULES);
    assert_true(boot->complaints_used <= PV_BOOT_COMPLAINTS);
    assert_non_null(memchr(boot->cmdline, 0, sizeof(boot->cmdline)));
    for (uint32_t i = 0; i < boot->modules_used; i++)
        assert_non_null(memchr(boot->modules[i].text, 0, PV_BOOT_MODULE_TEXT));
    uint64_t end = 0;
    for (uint32_t i = 0; i < boot->ranges_used; i++) {
        const struct pv_memory_range *range = &boot->ranges[i];
        assert_true(range->bytes != 0 && range->zero == 0);
        assert_true(range->start >= end);
        assert_true(i == 0 || range->start != end || range->type != range[-1].type);
        assert_true(range->bytes <= (1ull << 52) - range->start);
        end = range->start + range->bytes;
    }
}

int enter_at(enum pv_door door, uint64_t at, struct pv_boot_info *boot)
{
    static const struct pv_boot_xen_pv nothing;

    memset(boot, 0xa5, sizeof(*boot));
    int status = pv_boot_from(door, at, machine_phys_to_virt, boot);
    assert_int_equal(boot->door, door);
    assert_well_formed(boot);
    if (door != PV_DOOR_XEN_PV || status != PV_OK)
        assert_memory_equal(&boot->xen_pv, &nothing, sizeof(nothing));
    if (status != PV_OK)
        assert_int_equal(boot->ranges_used + boot->modules_used + boot->complaints_used, 0);
    return status;
}

int enter(enum pv_door door, struct pv_boot_info *boot)
{
    return enter_at(door, AT_INFO, boot);
}
