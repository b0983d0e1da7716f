/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables. Xen takes pages for the global one that nobody can write to, by their machine
 * frames, and only descriptors that cannot become dangerous (xen/arch/x86/pv/descriptor-tables.c).
 * A kernel's table lies in its memory among other things; so it is copied into a page of the
 * library's own. A kernel runs in ring 3 here: its segments become segments of ring 3. What belongs
 * to the processor (TSS, LDT, gates) is left out, and so is code.
 *
 * The flat segments that the kernel and its users run on are in Xen's part of the table, and there
 * whatever this one holds. A segment of code in this one would be open to users, since all is ring
 * 3: they could go there by themselves, and the kernel would take the frame of their next trap for
 * one of the processor's (pvops/entry.h), or return to them without Xen, on its own page tables.
 *
 * A local table may be long, and is that of a process and not of a CPU: so it is the kernel's own
 * pages that Xen takes, by their address, when a selector is used first. What would go wrong there
 * is a page fault of an innocent instruction; so it is looked for before.
 */
#include "backends/xen/pv/hypercall.h"
#include "backends/xen/pv/pv.h"
#include "backends/xen/pv/queue.h"

#define DESCRIPTORS (PV_XEN_PAGE / 8u)
#define LDT_MOST    8192u

/* Intel SDM vol. 3A, 3.4.5. */
#define DESCRIPTOR_CODE    (1ull << 43) /* of a segment */
#define DESCRIPTOR_SEGMENT (1ull << 44) /* code or data */
#define DESCRIPTOR_DPL     (3ull << 45)
#define DESCRIPTOR_PRESENT (1ull << 47)

/* Of the CPU that boots; others get a page from the platform. */
static uint64_t boot_page[DESCRIPTORS] __attribute__((aligned(PV_XEN_PAGE)));

struct loaded {
    uint64_t *page;    /* what Xen was given */
    const void *table; /* what it is a copy of; NULL: none is loaded */
    uint32_t count;
};

static struct loaded tables[PV_CONFIG_MAX_CPUS];

static uint64_t for_xen(uint64_t descriptor)
{
    uint64_t kind = descriptor & (DESCRIPTOR_PRESENT | DESCRIPTOR_SEGMENT | DESCRIPTOR_CODE);

    return kind == (DESCRIPTOR_PRESENT | DESCRIPTOR_SEGMENT) ? descriptor | DESCRIPTOR_DPL : 0;
}

/* The upper half of a system descriptor is no descriptor. */
static void copy_table(uint64_t *page, const uint64_t *table, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bool system = (table[i] & DESCRIPTOR_PRESENT) != 0 && (table[i] & DESCRIPTOR_SEGMENT) == 0;
        page[i] = for_xen(table[i]);
        if (system && i + 1 < count)
            page[++i] = 0;
    }
    for (uint32_t i = count; i < DESCRIPTORS; i++)
        page[i] = 0;
}

/* Wherever the page is mapped: where it was linked, and where the kernel has all memory. */
static bool make_writable(uint64_t *page, bool writable)
{
    uint64_t phys = pv_xen_pv_phys(page);
    const void *direct = pv_xen_pv_at(phys);
    bool done = pv_xen_pv_remap(page, phys / PV_XEN_PAGE, writable);

    if (done && direct != NULL && direct != (const void *)page)
        done = pv_xen_pv_remap(direct, phys / PV_XEN_PAGE, writable);
    return done;
}

static int64_t set_gdt(const uint64_t *page, uint32_t count)
{
    uint64_t frame = pv_xen_to_machine(pv_xen_pv_phys(page) / PV_XEN_PAGE).frame;

    return pv_xen_pv_call(PV_XEN_HC_SET_GDT, pv_xen_pv_pointer(&frame), count, 0, 0);
}

/* This CPU's; NULL: there is no memory for it. */
static struct loaded *this_table(void)
{
    uint32_t number = pv_this_cpu()->number;
    struct loaded *loaded = number < PV_CONFIG_MAX_CPUS ? &tables[number] : NULL;

    if (loaded == NULL || loaded->page != NULL)
        return loaded;
    uint64_t phys = number != 0 && pv_platform->page_alloc != NULL ? pv_platform->page_alloc() : 0;
    loaded->page = number == 0 ? boot_page : phys != 0 ? pv_xen_pv_at(phys) : NULL;
    return loaded->page != NULL ? loaded : NULL;
}

static void load(struct loaded *loaded, const void *table, uint32_t count)
{
    if (loaded->table != NULL && set_gdt(loaded->page, 0) == 0)
        (void)make_writable(loaded->page, true);
    copy_table(loaded->page, table, count);
    int64_t result = make_writable(loaded->page, false) ? set_gdt(loaded->page, count) : PV_E_HOST;
    loaded->table = result == 0 ? table : NULL;
    loaded->count = result == 0 ? count : 0;
    if (result != 0)
        pv_log_number("Xen PV: the descriptor table is refused, errno", (uint64_t)-result);
}

void pv_xen_pv_cpu_gdt_load(const void *table, uint32_t bytes)
{
    struct loaded *loaded = this_table();
    uint32_t count = bytes / 8u;

    if (loaded == NULL) {
        pv_log("Xen PV: no page for a CPU's descriptor table (pv_platform::page_alloc)");
        return;
    }
    if (count > DESCRIPTORS) {
        pv_log_number("Xen PV: a descriptor table is longer than a page; entries left out:",
                      count - DESCRIPTORS);
        count = DESCRIPTORS;
    }
    load(loaded, table, count);
}

/* One descriptor of a page that Xen has, or that it would take. */
static bool write_entry(const uint64_t *entry, uint64_t descriptor)
{
    uint64_t phys = pv_xen_pv_phys(entry);
    uint64_t machine =
        pv_xen_to_machine(phys / PV_XEN_PAGE).frame * PV_XEN_PAGE + phys % PV_XEN_PAGE;

    return pv_xen_pv_call(PV_XEN_HC_UPDATE_DESCRIPTOR, machine, for_xen(descriptor), 0, 0) == 0;
}

int pv_xen_pv_cpu_gdt_entry_set(uint64_t *table, uint32_t index, uint64_t descriptor)
{
    const struct loaded *loaded = this_table();

    if (loaded == NULL || loaded->table == NULL || table != loaded->table || index >= loaded->count)
        return PV_E_RANGE;
    if (!write_entry(&loaded->page[index], descriptor))
        return PV_E_HOST;
    table[index] = descriptor;
    return PV_OK;
}

static bool is_harmless(uint64_t descriptor)
{
    return (descriptor & DESCRIPTOR_PRESENT) == 0 || for_xen(descriptor) == descriptor;
}

static int check_entries(const uint64_t *table, uint32_t entries)
{
    for (uint32_t i = 0; i < entries; i++) {
        if (is_harmless(table[i]))
            continue;
        pv_log_number("Xen PV: a local descriptor table has an entry that is no data segment of "
                      "privilege level 3; its index is",
                      i);
        return PV_E_ARGUMENT;
    }
    return PV_OK;
}

static int protect_table(uint64_t *table, uint32_t entries, bool writable)
{
    for (uint32_t i = 0; i < entries; i += DESCRIPTORS) {
        if (make_writable(&table[i], writable))
            continue;
        pv_log_number("Xen PV: a page of a local descriptor table cannot be mapped otherwise; it "
                      "lies at",
                      (uintptr_t)&table[i]);
        return PV_E_HOST;
    }
    return PV_OK;
}

int pv_xen_pv_cpu_ldt_add(uint64_t *table, uint32_t entries)
{
    if (entries == 0 || entries > LDT_MOST || (uintptr_t)table % PV_XEN_PAGE != 0) {
        pv_log_number("Xen PV: a local descriptor table does not begin a page, or has more than "
                      "8192 entries or none:",
                      entries);
        return PV_E_ARGUMENT;
    }
    int status = check_entries(table, entries);
    if (status == PV_OK)
        status = protect_table(table, entries, false);
    if (status == PV_E_HOST)
        (void)protect_table(table, entries, true);
    return status;
}

int pv_xen_pv_cpu_ldt_remove(uint64_t *table, uint32_t entries)
{
    return protect_table(table, entries, true);
}

int pv_xen_pv_cpu_ldt_load(uint16_t selector, const uint64_t *table, uint32_t entries)
{
    const struct pv_xen_mmuext ext = {PV_MMUEXT_SET_LDT, pv_xen_pv_pointer(table), entries};

    (void)selector;
    if (entries > LDT_MOST)
        return PV_E_RANGE;
    if (pv_xen_queue_is_open()) {
        pv_xen_queue_ext_of(pv_xen_queue_batch(), &ext);
        return PV_OK;
    }
    return pv_xen_ext_taken(&ext) ? PV_OK : PV_E_HOST;
}

int pv_xen_pv_cpu_ldt_entry_set(uint64_t *table, uint32_t index, uint64_t descriptor)
{
    return write_entry(&table[index], descriptor) ? PV_OK : PV_E_HOST;
}

/* The stack of entries from user mode is told by pv_cpu_kernel_stack_set(), and that is all. */
void pv_xen_pv_cpu_task_load(uint16_t selector)
{
    (void)selector;
}
