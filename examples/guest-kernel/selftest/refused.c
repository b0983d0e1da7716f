/* SPDX-License-Identifier: MIT */
/*
 * Where a VMM owns page tables, it refuses what would let a kernel change them behind its back.
 * Each mistake that a port makes there is made here on purpose, and the library must say which
 * page, which mapping and what to do about it. Elsewhere a table is the kernel's own memory, and
 * nothing is refused.
 */
#include "selftest.h"
#include "../commands.h"
#include "../cpu.h"
#include "../memory.h"
#include "../paging.h"
#include "../platform.h"
#include "../string.h"
#include "../traps.h"
#include "../user.h"

#define LINES      16u
#define LINE_BYTES 120u

/* What the library said since listen(). */
static char heard[LINES][LINE_BYTES];
static unsigned lines;

static void listener(const char *line)
{
    if (lines == LINES)
        return;
    size_t bytes = strlen(line);
    if (bytes >= LINE_BYTES)
        bytes = LINE_BYTES - 1;
    memcpy(heard[lines], line, bytes);
    heard[lines++][bytes] = '\0';
}

static void listen(void)
{
    lines = 0;
    log_listener = listener;
}

static bool contains(const char *line, const char *what)
{
    const char *rest;
    for (; *line != '\0'; line++)
        if (after_prefix(line, what, &rest))
            return true;
    return false;
}

static void expect_said(struct check *check, const char *what)
{
    for (unsigned i = 0; i < lines; i++)
        if (contains(heard[i], what))
            return;
    fail(check, "of %u lines none says \"%s\"; the first is \"%s\"", lines, what,
         lines != 0 ? heard[0] : "");
}

static void expect_said_number(struct check *check, const char *what, uint64_t number)
{
    char text[LINE_BYTES];
    print_to(text, sizeof(text), "%s 0x%lx", what, number);
    expect_said(check, text);
}

/* A table that is in use: the one with the entry of the scratch page. */
static struct pv_pte *entry_in_use(struct check *check)
{
    struct pv_pte *entry = paging_entry(kernel_space, SCRATCH_BASE, true);
    EXPECT(check, entry != NULL, "no memory for a table");
    return entry;
}

/* Behind that door page tables are Xen's, and behind all others the kernel's own memory. */
static bool tables_are_guarded(struct check *check)
{
    bool guarded = boot_info.door == PV_DOOR_XEN_PV;
    if (!guarded)
        skip(check, "page tables are this kernel's own memory");
    return guarded;
}

/* Of level 2, for Xen emulates such a write to a table of level 1 for its hardware domain. */
static void write_is_explained(struct check *check)
{
    struct pv_pte *entry = paging_entry_at(kernel_space, SCRATCH_BASE, 2, true);
    if (!EXPECT(check, entry != NULL, "no memory for a table") || !tables_are_guarded(check))
        return;
    listen();
    bool written = probe_write(entry, 0);
    log_listener = NULL;
    EXPECT(check, !written, "the table was written");
    expect_said_number(check, "a write to a page table, at", (uintptr_t)entry);
    expect_said(check, "a table of level 0x2");
    expect_said(check, "written by pv_pte_set()");
}

/* A page with a second, writable mapping at the scratch address. */
static uint64_t doubly_mapped_page(struct check *check)
{
    uint64_t phys = page_alloc();
    if (EXPECT(check, phys != 0, "no memory") &&
        paging_map(kernel_space, SCRATCH_BASE, phys, MAP_KERNEL_DATA))
        return phys;
    return 0;
}

static void end_second_mapping(void)
{
    paging_unmap(kernel_space, SCRATCH_BASE);
}

static void expect_stray_mapping(struct check *check)
{
    expect_said_number(check, "mapped writable at", SCRATCH_BASE);
    expect_said(check, "make that mapping read-only or remove it");
}

static void pin_is_explained(struct check *check)
{
    if (!tables_are_guarded(check))
        return;
    uint64_t phys = doubly_mapped_page(check);
    if (phys == 0)
        return;
    listen();
    pv_paging_table_add(phys / PAGE_BYTES, 4);
    log_listener = NULL;
    expect_said(check, "refused as a page table of level 0x4");
    expect_said_number(check, "its frame is", phys / PAGE_BYTES);
    expect_stray_mapping(check);
    end_second_mapping();
    /* The remedy works. */
    listen();
    pv_paging_table_add(phys / PAGE_BYTES, 4);
    pv_paging_table_remove(phys / PAGE_BYTES, 4);
    log_listener = NULL;
    EXPECT(check, lines == 0, "afterwards: %s", heard[0]);
    page_free(phys);
}

static void stray_mapping_is_explained(struct check *check)
{
    if (!tables_are_guarded(check))
        return;
    uint64_t phys = doubly_mapped_page(check);
    uint64_t space = space_create();
    if (phys == 0 || !EXPECT(check, space != 0, "no memory for a space"))
        return;
    struct pv_pte *top = direct(space);
    struct pv_pte as_table = {phys | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED};
    listen();
    pv_paging_table_add(phys / PAGE_BYTES, 3);
    pv_pte_set(&top[0], as_table);
    log_listener = NULL;
    expect_said(check, "a page-table entry is refused");
    expect_said_number(check, "it lies in frame", space / PAGE_BYTES);
    expect_said_number(check, "the page that it names is", phys / PAGE_BYTES);
    expect_stray_mapping(check);
    EXPECT(check, pv_pte_get(&top[0]).raw == 0, "the entry was written");
    end_second_mapping();
    listen();
    pv_pte_set(&top[0], as_table);
    EXPECT(check, pv_pte_get(&top[0]).raw == as_table.raw, "it is refused for ever");
    pv_pte_clear(&top[0]);
    pv_paging_table_remove(phys / PAGE_BYTES, 3);
    log_listener = NULL;
    EXPECT(check, lines == 0, "afterwards: %s", heard[0]);
    page_free(phys);
    space_destroy(space);
}

static void writable_table_is_explained(struct check *check)
{
    struct pv_pte *entry = entry_in_use(check);
    if (entry == NULL || !tables_are_guarded(check))
        return;
    uint64_t table = virt_to_phys(entry) & PTE_ADDRESS;
    listen();
    paging_map(kernel_space, SCRATCH_BASE, table, MAP_KERNEL_DATA);
    log_listener = NULL;
    expect_said_number(check, "the page that it names is", table / PAGE_BYTES);
    expect_said(check, "that page is a page table of level 0x1");
    expect_said(check, "map it read-only");
    EXPECT(check, (pv_pte_get(entry).raw & PTE_PRESENT) == 0, "it is mapped all the same");
    EXPECT(check,
           paging_map(kernel_space, SCRATCH_BASE, table, MAP_KERNEL_CONST) &&
               (pv_pte_get(entry).raw & PTE_PRESENT) != 0,
           "it cannot be mapped read-only");
    paging_unmap(kernel_space, SCRATCH_BASE);
}

static void foreign_frame_is_explained(struct check *check)
{
    struct pv_pte *entry = entry_in_use(check);
    if (entry == NULL || !tables_are_guarded(check))
        return;
    listen();
    pv_pte_set(entry, (struct pv_pte){PTE_ADDRESS | MAP_KERNEL_DATA});
    log_listener = NULL;
    expect_said_number(check, "a frame that this domain does not have:", PTE_ADDRESS / PAGE_BYTES);
    EXPECT(check, (pv_pte_get(entry).raw & PTE_PRESENT) == 0, "it was written");
}

/* One of three in a batch, with requests of other kinds around them. */
static void batch_goes_on(struct check *check)
{
    struct pv_pte *entry = entry_in_use(check);
    uint64_t phys = page_alloc();
    if (entry == NULL || !EXPECT(check, phys != 0, "no memory") || !tables_are_guarded(check))
        return;
    uint64_t table = virt_to_phys(entry) & PTE_ADDRESS;
    uint64_t good = phys | MAP_KERNEL_CONST | PTE_ACCESSED;
    listen();
    batch_begin();
    pv_tlb_invlpg(SCRATCH_BASE);
    pv_pte_set(&entry[0], (struct pv_pte){good});
    pv_pte_set(&entry[1], (struct pv_pte){table | MAP_KERNEL_DATA | PTE_ACCESSED});
    pv_pte_set(&entry[2], (struct pv_pte){good});
    pv_cpu_kernel_stack_set(*this_cpu()->pv.kernel_stack_slot);
    batch_end();
    log_listener = NULL;
    expect_said_number(check, "the page that it names is", table / PAGE_BYTES);
    expect_said_number(check, "its index is", (uintptr_t)&entry[1] % PAGE_BYTES / sizeof(*entry));
    EXPECT(check, pv_pte_get(&entry[0]).raw == good && pv_pte_get(&entry[2]).raw == good,
           "what was around it reads %lx and %lx", pv_pte_get(&entry[0]).raw,
           pv_pte_get(&entry[2]).raw);
    EXPECT(check, pv_pte_get(&entry[1]).raw == 0, "it was written: %lx", pv_pte_get(&entry[1]).raw);
    for (unsigned i = 0; i < 3; i += 2)
        paging_unmap(kernel_space, SCRATCH_BASE + i * PAGE_BYTES);
    page_free(phys);
}

/* What was refused is no table, so Xen refuses to have it unpinned; all else is undone. */
static void end_refused_table(struct check *check, uint64_t phys)
{
    listen();
    pv_paging_table_remove(phys / PAGE_BYTES, 4);
    log_listener = NULL;
    EXPECT(check, lines == 1, "%u lines, the first is \"%s\"", lines, heard[0]);
    EXPECT(check, probe_write(direct(phys), 0), "the page stays read-only");
    page_free(phys);
}

/* A page that is refused as a table of the highest level, and requests of the same kind behind it:
 * Xen gets all of them in one call, and stops at the first. */
static void operations_go_on(struct check *check)
{
    uint64_t before = pages_free(), value = 0;
    if (!tables_are_guarded(check))
        return;
    uint64_t phys = doubly_mapped_page(check);
    uint64_t space = space_create();
    bool mapped =
        phys != 0 && space != 0 && paging_map(space, USER_AREA, phys, MAP_USER_DATA & ~PTE_WRITE);
    if (!EXPECT(check, mapped, "no memory for a space"))
        return;
    listen();
    batch_begin();
    pv_paging_table_add(phys / PAGE_BYTES, 4);
    pv_cr3_write(space);
    pv_tlb_invlpg(SCRATCH_BASE);
    pv_mmu_batch_end();
    bool in_force = probe_read((const void *)USER_AREA, &value);
    pv_cr3_write(kernel_space);
    thread_preempt_on();
    log_listener = NULL;
    expect_said_number(check, "its frame is", phys / PAGE_BYTES);
    expect_stray_mapping(check);
    EXPECT(check, lines == 5, "%u lines, the last is \"%s\"", lines, heard[lines - 1]);
    EXPECT(check, in_force, "the space behind it is not in force");
    end_second_mapping();
    paging_unmap(space, USER_AREA);
    end_refused_table(check, phys);
    space_destroy(space);
    EXPECT(check, pages_free() == before, "%lu pages are lost", before - pages_free());
}

static const struct test refused_tests[] = {
    {"a write to a page table is named with its address and the remedy", write_is_explained},
    {"a page with a writable mapping is not pinned, and both are named", pin_is_explained},
    {"a stray mapping of a page about to become a table is named", stray_mapping_is_explained},
    {"an entry that would make a page table writable is named", writable_table_is_explained},
    {"an entry that names no page of this machine is named", foreign_frame_is_explained},
    {"one entry of a batch is refused and named, and all others are in force", batch_goes_on},
    {"one operation of a batch is refused and named, and those behind it are done",
     operations_go_on},
};

const struct test_group refused_group = TEST_GROUP(refused);
