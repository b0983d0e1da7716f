/* SPDX-License-Identifier: MIT */
/*
 * Local descriptor tables: what a segment register finds in one, and that it finds nothing when the
 * table is gone. The base of %fs is all that 64-bit mode takes of a data segment (Intel SDM vol.
 * 3A, 3.4.4), so a page is read through it, at an address that 32 bits hold: a user's.
 */
#include "selftest.h"
#include "../commands.h"
#include "../cpu.h"
#include "../memory.h"
#include "../platform.h"
#include "../smp.h"
#include "../timer.h"
#include "../traps.h"
#include "../user.h"

/* A data segment of privilege level 3, accessed, and one of code; from 0 on, without end. */
#define DATA_SEGMENT 0x00cff3000000ffffull
#define CODE_SEGMENT 0x00affb000000ffffull

#define MOST_ENTRIES 8192u

/* What the table has, and where the two segments begin. */
enum entry { UNUSED, FIRST, SECOND, ENTRIES };
#define SECOND_BYTE 256u

static uint16_t selector_of(unsigned index)
{
    return (uint16_t)(index << 3 | 7);
}

static uint64_t data_at(uint64_t base)
{
    return DATA_SEGMENT | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
}

/* A table of one page, with nothing but its first segment; NULL: no memory. */
static uint64_t *table_make(struct check *check, uint64_t first)
{
    uint64_t phys = page_alloc();
    if (!EXPECT(check, phys != 0, "no memory"))
        return NULL;
    uint64_t *table = direct(phys);
    for (unsigned i = 0; i < PAGE_BYTES / sizeof(*table); i++)
        table[i] = 0;
    table[FIRST] = first;
    int status = pv_cpu_ldt_add(table, ENTRIES);
    EXPECT(check, status == PV_OK, "pv_cpu_ldt_add(): %d", status);
    return table;
}

/* It is loaded nowhere. */
static void table_drop(struct check *check, uint64_t *table)
{
    int status = pv_cpu_ldt_remove(table, ENTRIES);
    EXPECT(check, status == PV_OK, "pv_cpu_ldt_remove(): %d", status);
    if (EXPECT(check, probe_write(table, 0), "its page cannot be written any more"))
        page_free(virt_to_phys(table));
}

static uint64_t read_fs(void)
{
    uint64_t value;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(value));
    return value;
}

/* %fs as it was: empty, and the thread pointer that of a kernel thread. */
static void leave_segments(void)
{
    (void)probe_segment(0);
    pv_cpu_tls_set(0);
}

static bool faults(unsigned index)
{
    return !probe_segment(selector_of(index)) && probe_fault_vector == PV_TRAP_PROTECTION;
}

static int load(const uint64_t *table)
{
    return pv_cpu_ldt_load(LDT_SELECTOR, table, ENTRIES);
}

static int unload(void)
{
    return pv_cpu_ldt_load(LDT_SELECTOR, NULL, 0);
}

/* Calls a check with a table whose first segment begins at USER_DATA, where the page that is in
 * force holds 42 and, SECOND_BYTE further, 43. Interrupts off. */
static void with_page(struct check *check, void (*run)(struct check *check, uint64_t *table))
{
    uint64_t space = space_create(), phys = page_alloc();
    uint64_t *table = table_make(check, data_at(USER_DATA));
    if (!EXPECT(check, space != 0 && phys != 0, "no memory") || table == NULL)
        return;
    *(uint64_t *)direct(phys) = 42;
    *(uint64_t *)direct(phys + SECOND_BYTE) = 43;
    paging_map(space, USER_DATA, phys, MAP_USER_DATA);
    struct pv_irqflags flags = pv_irq_save();
    uint64_t here = pv_cr3_read();
    pv_cr3_write(space);
    run(check, table);
    leave_segments();
    pv_cr3_write(here);
    pv_irq_restore(flags);
    space_destroy(space);
    table_drop(check, table);
}

static void found_and_gone(struct check *check, uint64_t *table)
{
    bool before = faults(FIRST);
    int status = load(table);
    bool loads = probe_segment(selector_of(FIRST));
    uint64_t value = loads ? read_fs() : 0;
    bool unused = faults(SECOND), behind = faults(ENTRIES);
    int undone = unload();
    bool after = faults(FIRST);
    EXPECT(check, status == PV_OK && undone == PV_OK, "status %d, then %d", status, undone);
    EXPECT(check, before, "before there was a table its selector could be loaded");
    EXPECT(check, loads && value == 42, "loaded: %u, by vector %lu at %lx; read %lu", loads,
           probe_fault_vector, probe_fault_address, value);
    EXPECT(check, unused && behind, "faults: %u of an empty entry, %u behind the last", unused,
           behind);
    EXPECT(check, after, "without a table its selector can be loaded; the last fault was %lu",
           probe_fault_vector);
}

static void segment_is_found(struct check *check)
{
    with_page(check, found_and_gone);
}

static void changed(struct check *check, uint64_t *table)
{
    int status = load(table);
    bool before = faults(SECOND);
    int made = pv_cpu_ldt_entry_set(table, SECOND, data_at(USER_DATA + SECOND_BYTE));
    uint64_t value = probe_segment(selector_of(SECOND)) ? read_fs() : 0;
    int cleared = pv_cpu_ldt_entry_set(table, SECOND, 0);
    bool after = faults(SECOND), other = probe_segment(selector_of(FIRST));
    unload();
    EXPECT(check, status == PV_OK && made == PV_OK && cleared == PV_OK, "status %d, %d, %d", status,
           made, cleared);
    EXPECT(check, before && value == 43 && after, "faulted %u, read %lu, faulted %u", before, value,
           after);
    EXPECT(check, other, "the other entry went with it");
}

static void entry_changes(struct check *check)
{
    with_page(check, changed);
}

/* ---- two CPUs -------------------------------------------------------------------------------- */

static struct {
    const uint64_t *table;
    int status;
    bool before, with, after;
} there;

static void use_there(void *argument)
{
    (void)argument;
    there.before = faults(FIRST);
    there.status = load(there.table);
    there.with = probe_segment(selector_of(FIRST));
    unload();
    there.after = faults(FIRST);
    leave_segments();
}

static void each_cpu_has_its_own(struct check *check)
{
    if (skip_alone(check))
        return;
    uint64_t *table = table_make(check, DATA_SEGMENT);
    if (table == NULL)
        return;
    preempt_off();
    int status = load(table);
    there.table = table;
    smp_give(1, use_there, NULL);
    bool done = smp_done(1, 10 * NS_PER_S);
    bool still = probe_segment(selector_of(FIRST));
    unload();
    leave_segments();
    preempt_on();
    EXPECT(check, done && status == PV_OK && there.status == PV_OK, "done %u, status %d and %d",
           done, status, there.status);
    EXPECT(check, there.before && there.with && there.after,
           "on the other CPU: faulted %u, loaded %u, faulted %u", there.before, there.with,
           there.after);
    EXPECT(check, still, "the other CPU took this one's table away");
    table_drop(check, table);
}

/* ---- what is refused, and what it costs -------------------------------------------------------
 */

static void range_is_checked(struct check *check)
{
    uint64_t *table = table_make(check, DATA_SEGMENT);
    if (table == NULL)
        return;
    int many = pv_cpu_ldt_load(LDT_SELECTOR, table, MOST_ENTRIES + 1);
    int behind = pv_cpu_ldt_load(sizeof(cpus[0].gdt) - 8, table, ENTRIES);
    int null = pv_cpu_ldt_load(0, table, ENTRIES);
    unload();
    EXPECT(check, many == PV_E_RANGE, "%u entries: %d", MOST_ENTRIES + 1, many);
    if (privileged())
        EXPECT(check, behind == PV_E_RANGE && null == PV_E_RANGE,
               "an entry that is behind the GDT, and none: %d and %d", behind, null);
    table_drop(check, table);
}

static char heard[120];

static void listener(const char *line)
{
    print_to(heard, sizeof(heard), "%s", line);
}

static void expect_refused(struct check *check, const char *what, int status)
{
    EXPECT(check, status == PV_E_ARGUMENT && heard[0] != '\0', "%s: %d, and the log says \"%s\"",
           what, status, heard);
    heard[0] = '\0';
}

static void add_bad_tables(struct check *check, uint64_t *table)
{
    heard[0] = '\0';
    log_listener = listener;
    expect_refused(check, "within a page", pv_cpu_ldt_add(table + 1, ENTRIES));
    expect_refused(check, "too long", pv_cpu_ldt_add(table, MOST_ENTRIES + 1));
    table[SECOND] = CODE_SEGMENT;
    expect_refused(check, "with a segment of code", pv_cpu_ldt_add(table, ENTRIES));
    log_listener = NULL;
    EXPECT(check, probe_write(&table[SECOND], 0), "what was refused cannot be written");
}

/* What Xen would not say before a selector is used, and then by a page fault; and what it would let
 * happen. */
static void bad_tables_are_refused(struct check *check)
{
    if (boot_info.door != PV_DOOR_XEN_PV) {
        skip(check, "descriptor tables are this kernel's own memory");
        return;
    }
    uint64_t *table = table_make(check, DATA_SEGMENT);
    if (table == NULL)
        return;
    EXPECT(check, !probe_write(&table[SECOND], 0), "a table can be written");
    int changed_to = pv_cpu_ldt_entry_set(table, SECOND, CODE_SEGMENT);
    EXPECT(check, changed_to == PV_OK && table[SECOND] == 0, "a segment of code: %d, and it is %lx",
           changed_to, table[SECOND]);
    EXPECT(check, pv_cpu_ldt_remove(table, ENTRIES) == PV_OK, "it cannot be removed");
    add_bad_tables(check, table);
    EXPECT(check, pv_cpu_ldt_add(table, ENTRIES) == PV_OK, "it is refused for ever");
    table_drop(check, table);
}

static void costs_no_call_of_its_own(struct check *check)
{
    uint64_t space = space_create();
    uint64_t *table = table_make(check, DATA_SEGMENT);
    struct pv_host_calls before, after;
    if (!EXPECT(check, space != 0, "no memory") || table == NULL)
        return;
    struct pv_irqflags flags = pv_irq_save();
    pv_host_calls(&before);
    pv_mmu_batch_begin();
    pv_cr3_write(space);
    int status = load(table);
    pv_mmu_batch_end();
    pv_host_calls(&after);
    bool loads = probe_segment(selector_of(FIRST));
    unload();
    leave_segments();
    pv_cr3_write(kernel_space);
    pv_irq_restore(flags);
    bool asked = boot_info.door == PV_DOOR_XEN_PV;
    EXPECT(check, status == PV_OK && loads, "status %d, loads: %u", status, loads);
    EXPECT(check, after.calls - before.calls == asked, "%lu hypercalls",
           after.calls - before.calls);
    space_destroy(space);
    table_drop(check, table);
}

static const struct test ldt_tests[] = {
    {"a segment of a local descriptor table is read through, and faults when there is no table",
     segment_is_found},
    {"an entry of a local descriptor table that is loaded is made, found and taken away",
     entry_changes},
    {"a local descriptor table is that of the CPU that loaded it", each_cpu_has_its_own},
    {"a local descriptor table that is too long, or has no place in the GDT, is refused",
     range_is_checked},
    {"a local descriptor table that the VMM could not take is refused with the reason",
     bad_tables_are_refused},
    {"a change of spaces and of local descriptor tables is one hypercall at most",
     costs_no_call_of_its_own},
};

const struct test_group ldt_group = TEST_GROUP(ldt);
