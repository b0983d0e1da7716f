/* SPDX-License-Identifier: MIT */
/*
 * Mappings of what is not this machine's memory, where a VMM owns page tables: registers of real
 * devices and firmware, which its hardware domain may have, and pages of another domain, which its
 * control domain may. The other domain is made for the purpose, with one page and no CPU that
 * runs. Like events.c this file looks into the library's own headers.
 */
#include "pvops/memory.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/memory.h"
#include "domctl.h"
#include "selftest.h"
#include "../commands.h"
#include "../memory.h"
#include "../paging.h"
#include "../platform.h"
#include "../traps.h"

/* The HPET's page: IA-PC HPET 1.0a, 2.3.4; Xen lets its hardware domain read it. */
#define HPET_PAGE    0xfed00000ull
#define HPET_VENDOR  16
#define VENDOR_INTEL 0x8086u

/* Firmware's last page below 1 MiB, with the instruction that a processor begins with: a far jump.
 * Nobody's RAM. */
#define FIRMWARE_PAGE  0xff000ull
#define RESET_VECTOR   0xff0u
#define OPCODE_FAR_JMP 0xeau

#define FOREIGN_KIB 16384u
#define MARK        0xf04e1611ull

static bool skip_elsewhere(struct check *check)
{
    bool here = boot_info.door == PV_DOOR_XEN_PV;
    if (!here)
        skip(check, "page tables are this kernel's own memory");
    return !here;
}

static struct pv_pte *scratch_entry(struct check *check)
{
    struct pv_pte *entry = paging_entry(kernel_space, SCRATCH_BASE, true);
    EXPECT(check, entry != NULL, "no memory for a table");
    return entry;
}

static void unmap_scratch(struct pv_pte *entry)
{
    pv_pte_clear(entry);
    pv_tlb_invlpg(SCRATCH_BASE);
}

static void ignore_line(const char *line)
{
    (void)line;
}

/* Maps a page of the machine; false: Xen refused, and said so. */
static bool map_machine(struct pv_pte *entry, uint64_t machine, uint64_t rights)
{
    log_listener = ignore_line;
    pv_pte_set(entry, (struct pv_pte){machine | rights | PV_PTE_MACHINE | PTE_ACCESSED});
    log_listener = NULL;
    return (pv_pte_get(entry).raw & PTE_PRESENT) != 0;
}

/* What is at an address of the machine by its map; 0: nothing. */
static uint32_t type_at(const struct pv_memory_range *ranges, int count, uint64_t address)
{
    for (int i = 0; i < count; i++)
        if (address - ranges[i].start < ranges[i].bytes)
            return ranges[i].type;
    return 0;
}

static void machine_map_is_told(struct check *check)
{
    static struct pv_memory_range ranges[PV_BOOT_RANGES];
    bool may_know = boot_info.door == PV_DOOR_XEN_PV && boot_info.xen_pv.is_hardware_domain;
    uint64_t bytes = 0;
    int count = pv_machine_memory_map(ranges, PV_BOOT_RANGES);
    if (!may_know && count == PV_E_UNSUPPORTED)
        return;
    for (int i = 0; i < count; i++)
        bytes += ranges[i].type == PV_MEMORY_RAM ? ranges[i].bytes : 0;
    print("# the machine has %d ranges, %lu KiB of RAM\n", count, bytes / 1024);
    EXPECT(check, count > 0 && bytes > pages_total() * PAGE_BYTES, "%d ranges, %lu bytes", count,
           bytes);
    EXPECT(check, type_at(ranges, count, HPET_PAGE) != PV_MEMORY_RAM, "the HPET's page is RAM");
    EXPECT(check, type_at(ranges, count, FIRMWARE_PAGE) != PV_MEMORY_RAM, "firmware is RAM");
}

static void devices_are_mapped(struct check *check)
{
    struct pv_pte *entry = scratch_entry(check);
    if (skip_elsewhere(check) || entry == NULL)
        return;
    bool mapped = map_machine(entry, HPET_PAGE, MAP_KERNEL_DEVICE);
    if (!boot_info.xen_pv.is_hardware_domain) {
        EXPECT(check, !mapped, "a domain like others has a page of the machine's devices");
        return;
    }
    if (!EXPECT(check, mapped, "Xen refuses the HPET's page"))
        return;
    uint64_t value = pv_pte_get(entry).raw, word = 0;
    EXPECT(check, (value & PTE_ADDRESS) == HPET_PAGE && (value & PV_PTE_MACHINE) != 0,
           "the entry reads %lx", value);
    EXPECT(check, (value & PTE_WRITE) == 0, "Xen lets it be written: %lx", value);
    bool there = probe_read((const void *)SCRATCH_BASE, &word);
    EXPECT(check, there && (uint16_t)(word >> HPET_VENDOR) == VENDOR_INTEL,
           "there %u, its first word is %lx", there, word);
    unmap_scratch(entry);
}

static void firmware_is_mapped(struct check *check)
{
    struct pv_pte *entry = scratch_entry(check);
    if (skip_elsewhere(check) || entry == NULL)
        return;
    bool mapped = map_machine(entry, FIRMWARE_PAGE, MAP_KERNEL_CONST | PTE_UNCACHED);
    if (!boot_info.xen_pv.is_hardware_domain) {
        EXPECT(check, !mapped, "a domain like others has a page of firmware");
        return;
    }
    if (!EXPECT(check, mapped, "Xen refuses a page of firmware"))
        return;
    uint64_t value = pv_pte_get(entry).raw;
    uint8_t first = *(volatile uint8_t *)(SCRATCH_BASE + RESET_VECTOR);
    EXPECT(check,
           value ==
               (FIRMWARE_PAGE | MAP_KERNEL_CONST | PTE_UNCACHED | PV_PTE_MACHINE | PTE_ACCESSED),
           "the entry reads %lx", value);
    EXPECT(check, first == OPCODE_FAR_JMP, "a processor begins with %x", first);
    unmap_scratch(entry);
}

/* ---- another domain -------------------------------------------------------------------------- */

static int64_t domctl(struct domctl *call, uint32_t command)
{
    call->command = command;
    call->version = DOMCTL_VERSION;
    return pv_xen_hypercall(HC_DOMCTL, pv_xen_pointer(call), 0, 0, 0, 0);
}

static bool create_domain(struct check *check, uint16_t *domain)
{
    struct domctl call = {.create = {.most_vcpus = 1,
                                     .most_port = 127,
                                     .most_grant_frames = 4,
                                     .most_maptrack_frames = 4,
                                     .grant_options = 1}};
    int64_t result = domctl(&call, DOMCTL_CREATE_DOMAIN);
    if (result == -DOMCTL_EACCES) {
        skip(check, "this Xen's tools speak another version of their interface");
        return false;
    }
    *domain = call.domain;
    return EXPECT(check, result == 0, "Xen makes no domain: %ld", result);
}

static void destroy_domain(struct check *check, uint16_t domain)
{
    struct domctl call = {.domain = domain};
    int64_t result = domctl(&call, DOMCTL_DESTROY_DOMAIN);
    EXPECT(check, result == 0, "the domain is not destroyed: %ld", result);
}

/* A page for it; its machine frame, or 0. */
static uint64_t give_page(struct check *check, uint16_t domain)
{
    struct domctl call = {.domain = domain, .most_memory_kib = FOREIGN_KIB};
    uint64_t frame = 0;
    struct pv_xen_memory_reservation page = {&frame, 1, 0, 0, domain};
    int64_t allowed = domctl(&call, DOMCTL_MAX_MEM);
    int64_t done = pv_xen_memory_op(PV_XENMEM_POPULATE_PHYSMAP, &page);
    EXPECT(check, allowed == 0 && done == 1, "it has no memory: %ld, %ld", allowed, done);
    return done == 1 ? frame : 0;
}

static void expect_foreign_page(struct check *check, struct pv_pte *entry, uint64_t frame,
                                uint16_t domain)
{
    struct pv_error error = {0};
    struct pv_pte value = {frame * PAGE_BYTES | MAP_KERNEL_DATA | PV_PTE_MACHINE | PTE_ACCESSED};
    EXPECT(check, !map_machine(entry, frame * PAGE_BYTES, MAP_KERNEL_DATA),
           "it is mapped as if it were this domain's own");
    int status = pv_pte_set_foreign(entry, value, domain, &error);
    if (!expect_ok(check, "mapping it", status, &error))
        return;
    EXPECT(check, pv_pte_get(entry).raw == value.raw, "the entry reads %lx, not %lx",
           pv_pte_get(entry).raw, value.raw);
    volatile uint64_t *page = (volatile uint64_t *)SCRATCH_BASE;
    EXPECT(check, probe_write((void *)SCRATCH_BASE, MARK) && *page == MARK, "it reads %lx", *page);
    unmap_scratch(entry);
    /* The same page again, and what was written is in it. */
    value.raw &= ~PTE_WRITE;
    status = pv_pte_set_foreign(entry, value, domain, &error);
    if (expect_ok(check, "mapping it again", status, &error))
        EXPECT(check, *page == MARK && !probe_write((void *)SCRATCH_BASE, 0), "it reads %lx",
               *page);
    unmap_scratch(entry);
}

static void other_domains_are_mapped(struct check *check)
{
    struct pv_pte *entry = scratch_entry(check);
    uint16_t domain = 0;
    if (skip_elsewhere(check) || entry == NULL)
        return;
    if (!boot_info.xen_pv.is_hardware_domain) {
        skip(check, "only the domain that controls others may");
        return;
    }
    if (!create_domain(check, &domain))
        return;
    uint64_t frame = give_page(check, domain);
    if (frame != 0)
        expect_foreign_page(check, entry, frame, domain);
    destroy_domain(check, domain);
}

static void refusals_are_values(struct check *check)
{
    struct pv_error error = {0};
    struct pv_pte *entry = scratch_entry(check);
    struct pv_pte value = {FIRMWARE_PAGE | MAP_KERNEL_CONST | PV_PTE_MACHINE};
    if (entry == NULL)
        return;
    int nobody = pv_pte_set_foreign(entry, value, 0x7000, &error);
    if (boot_info.door != PV_DOOR_XEN_PV) {
        EXPECT(check, nobody == PV_E_UNSUPPORTED, "status %d", nobody);
        return;
    }
    EXPECT(check, nobody == PV_E_HOST && error.where == FIRMWARE_PAGE / PAGE_BYTES,
           "a domain that is not there: status %d at %lx", nobody, error.where);
    value.raw &= ~PV_PTE_MACHINE;
    int own = pv_pte_set_foreign(entry, value, 1, &error);
    EXPECT(check, own == PV_E_ARGUMENT, "a frame of this domain's own: status %d", own);
    struct pv_pte elsewhere = {0};
    value.raw |= PV_PTE_MACHINE;
    int plain = pv_pte_set_foreign(&elsewhere, value, 1, &error);
    EXPECT(check, plain == PV_E_ARGUMENT && elsewhere.raw == 0, "an entry in no table: status %d",
           plain);
    EXPECT(check, pv_pte_get(entry).raw == 0, "the entry was written");
}

static const struct test foreign_tests[] = {
    {"the machine's memory map is told to its hardware domain, and nobody else",
     machine_map_is_told},
    {"registers of a device are the hardware domain's to map, and nobody else's",
     devices_are_mapped},
    {"firmware is the hardware domain's to map, and nobody else's", firmware_is_mapped},
    {"a page of another domain is mapped, written, and read again", other_domains_are_mapped},
    {"a page of another domain that cannot be had is an error value", refusals_are_values},
};

const struct test_group foreign_group = TEST_GROUP(foreign);
