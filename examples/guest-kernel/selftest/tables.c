/* SPDX-License-Identifier: MIT */
/*
 * Tables that a VMM may own: page tables of every level, the descriptor table, and the trap of the
 * floating-point unit.
 */
#include "selftest.h"
#include "../commands.h"
#include "../cpu.h"
#include "../fpu.h"
#include "../memory.h"
#include "../smp.h"
#include "../timer.h"
#include "../traps.h"
#include "../user.h"

#define LEVELS 4u

static const uint64_t rights_of_pages[] = {MAP_KERNEL_CONST, MAP_KERNEL_DATA,
                                           MAP_KERNEL_CODE,  MAP_KERNEL_DATA & ~PTE_GLOBAL,
                                           MAP_USER_CODE,    MAP_USER_DATA};

static void expect_read_back(struct check *check, struct pv_pte *entry, uint64_t written)
{
    pv_pte_set(entry, (struct pv_pte){written});
    uint64_t read = pv_pte_get(entry).raw;
    EXPECT(check, (read & ~PTE_ACCESSED) == written, "wrote %lx, read %lx", written, read);
}

static void pages_read_back(struct check *check)
{
    struct pv_pte *entry = paging_entry(kernel_space, SCRATCH_BASE, true);
    uint64_t phys = page_alloc();
    if (!EXPECT(check, entry != NULL && phys != 0, "no memory"))
        return;
    for (unsigned i = 0; i < sizeof(rights_of_pages) / sizeof(rights_of_pages[0]); i++)
        expect_read_back(check, entry, phys | rights_of_pages[i]);
    pv_pte_clear(entry);
    EXPECT(check, pv_pte_get(entry).raw == 0, "cleared, and read %lx", pv_pte_get(entry).raw);
    pv_tlb_invlpg(SCRATCH_BASE);
    page_free(phys);
}

#define AD_ACCESSED 0x20ull
#define AD_DIRTY    0x40ull

static uint64_t use_of(struct pv_pte *entry)
{
    return pv_pte_get(entry).raw & (AD_ACCESSED | AD_DIRTY);
}

/* The processor's notes on a page: none, then of a read, then of a write; and cleared, once more.
 */
static void use_is_noted(struct check *check)
{
    struct pv_pte *entry = paging_entry(kernel_space, SCRATCH_BASE, true);
    volatile uint64_t *page = (volatile uint64_t *)SCRATCH_BASE;
    uint64_t phys = page_alloc();
    if (!EXPECT(check, entry != NULL && phys != 0, "no memory"))
        return;
    for (unsigned i = 0; i < 2; i++) {
        preempt_off();
        pv_pte_set(entry, (struct pv_pte){phys | MAP_KERNEL_DATA});
        pv_tlb_invlpg(SCRATCH_BASE);
        uint64_t unused = use_of(entry);
        (void)*page;
        uint64_t read = use_of(entry);
        *page = i;
        uint64_t written = use_of(entry);
        preempt_on();
        EXPECT(check, unused == 0, "unused, and %lx", unused);
        EXPECT(check, read == AD_ACCESSED, "read, and %lx", read);
        EXPECT(check, written == (AD_ACCESSED | AD_DIRTY), "written, and %lx", written);
    }
    pv_pte_clear(entry);
    pv_tlb_invlpg(SCRATCH_BASE);
    page_free(phys);
}

/* Each entry names the table that the entry below lies in. */
static void expect_chain(struct check *check, uint64_t space)
{
    uint64_t table = space;
    for (unsigned level = LEVELS; level > 1; level--) {
        struct pv_pte *entry = paging_entry_at(space, USER_DATA, level, false);
        struct pv_pte *below = paging_entry_at(space, USER_DATA, level - 1, false);
        if (!EXPECT(check, entry != NULL && below != NULL, "level %u is not there", level))
            return;
        uint64_t value = pv_pte_get(entry).raw;
        EXPECT(check, ((uintptr_t)entry & ~(PAGE_BYTES - 1)) == (uintptr_t)direct(table),
               "the table of level %u is not where the entry above says", level);
        EXPECT(check, (value & PTE_PRESENT) != 0 && (value & PV_PTE_MACHINE) == 0,
               "level %u: read %lx", level, value);
        table = value & PTE_ADDRESS;
        EXPECT(check, direct(table) == (void *)((uintptr_t)below & ~(PAGE_BYTES - 1)),
               "level %u: read %lx, and the table is at %p", level, value, (void *)below);
    }
}

static void tables_read_back(struct check *check)
{
    uint64_t space = space_create();
    uint64_t phys = page_alloc();
    if (!EXPECT(check, space != 0 && phys != 0, "no memory"))
        return;
    if (EXPECT(check, paging_map(space, USER_DATA, phys, MAP_USER_DATA), "no memory for tables"))
        expect_chain(check, space);
    space_destroy(space);
}

static void pages_come_back_writable(struct check *check)
{
    uint64_t space = space_create();
    if (!EXPECT(check, space != 0, "no memory"))
        return;
    space_destroy(space);
    /* Its first word is the list of free pages. */
    EXPECT(check, probe_write(direct(space + 8), 1), "a page that was a table cannot be written");
}

#define CHANGES     10000u
#define ROUNDS      5u
#define PATIENCE_NS (10 * NS_PER_S)

/* An emulator that runs one CPU at a time goes on to the next one when this one pauses, or after a
 * tenth of a second. */
#define WRITES_A_TURN 64u

struct writer {
    volatile uint64_t *page;
    bool stop;
};

static void write_on(void *argument)
{
    struct writer *writer = argument;
    while (!__atomic_load_n(&writer->stop, __ATOMIC_ACQUIRE))
        if (++*writer->page % WRITES_A_TURN == 0)
            pv_cpu_relax();
}

static unsigned change_once(struct pv_pte *entry, uint64_t value, unsigned turn)
{
    pv_pte_change(entry, (struct pv_pte){turn % 2 == 0 ? value : value & ~PTE_GLOBAL});
    return 1;
}

/* From a clean entry on, until the other CPU has written, which may take it a while. How many. */
static unsigned change_while_written(struct check *check, struct pv_pte *entry, uint64_t value)
{
    volatile uint64_t *page = (volatile uint64_t *)SCRATCH_BASE;
    unsigned changes = 0;
    pv_pte_set(entry, (struct pv_pte){value});
    paging_flush(SCRATCH_BASE);
    uint64_t before = *page;
    struct limit limit = limit_in(PATIENCE_NS);
    while ((*page == before || changes < CHANGES / ROUNDS) && !limit_passed(&limit)) {
        for (unsigned i = 0; i < 100; i++)
            changes += change_once(entry, value, changes);
        pv_cpu_relax();
    }
    bool written = *page != before;
    for (unsigned i = 0; i < 4; i++)
        changes += change_once(entry, value, changes);
    EXPECT(check, written, "the other CPU does not write");
    EXPECT(check, use_of(entry) == (AD_ACCESSED | AD_DIRTY), "written, and %lx", use_of(entry));
    return changes;
}

static void changes_keep_use(struct check *check)
{
    struct pv_pte *entry = paging_entry(kernel_space, SCRATCH_BASE, true);
    uint64_t phys = page_alloc();
    if (!EXPECT(check, entry != NULL && phys != 0, "no memory"))
        return;
    uint64_t value = phys | MAP_KERNEL_DATA;
    preempt_off();
    for (unsigned batched = 0; batched < 2; batched++) {
        pv_pte_set(entry, (struct pv_pte){value});
        pv_tlb_invlpg(SCRATCH_BASE);
        *(volatile uint64_t *)SCRATCH_BASE = 1;
        if (batched)
            pv_mmu_batch_begin();
        change_once(entry, value, 1);
        uint64_t waiting = pv_pte_get(entry).raw & ~PTE_ACCESSED;
        if (batched)
            pv_mmu_batch_end();
        uint64_t now = pv_pte_get(entry).raw;
        EXPECT(check, waiting == (value & ~PTE_GLOBAL), "it reads %lx", waiting);
        EXPECT(check, now == ((value & ~PTE_GLOBAL) | AD_ACCESSED | AD_DIRTY), "it reads %lx", now);
    }
    thread_preempt_on();
    pv_pte_clear(entry);
    pv_tlb_invlpg(SCRATCH_BASE);
    page_free(phys);
}

static void changes_lose_no_use(struct check *check)
{
    struct pv_pte *entry = paging_entry(kernel_space, SCRATCH_BASE, true);
    uint64_t phys = page_alloc();
    struct writer writer = {(volatile uint64_t *)SCRATCH_BASE, false};
    unsigned changes = 0, rounds = 0;
    if (smp_count() == 1 || !smp_is_up(1)) {
        page_free(phys);
        skip(check, "one CPU runs here, of %u that are listed", smp_listed());
        return;
    }
    if (!EXPECT(check, entry != NULL && phys != 0, "no memory"))
        return;
    uint64_t value = phys | MAP_KERNEL_DATA;
    pv_pte_set(entry, (struct pv_pte){value});
    smp_give(1, write_on, &writer);
    for (; rounds < ROUNDS && check->outcome == CHECK_PASSED; rounds++)
        changes += change_while_written(check, entry, value);
    __atomic_store_n(&writer.stop, true, __ATOMIC_RELEASE);
    EXPECT(check, smp_done(1, PATIENCE_NS), "the other CPU does not come to an end");
    print("# %u changes in %u rounds\n", changes, rounds);
    paging_unmap(kernel_space, SCRATCH_BASE);
    page_free(phys);
}

/* With fewer pages than a space takes: one, and a second one where a VMM owns page tables. */
static void space_without_memory(struct check *check)
{
    uint64_t before = pages_free();
    unsigned needed = boot_info.door == PV_DOOR_XEN_PV ? 2 : 1;
    for (unsigned left = 0; left <= needed; left++) {
        pages_withheld = pages_free() - left;
        uint64_t space = space_create();
        pages_withheld = 0;
        EXPECT(check, (space != 0) == (left == needed), "with %u pages the space is %lx", left,
               space);
        if (space != 0)
            space_destroy(space);
        EXPECT(check, pages_free() == before, "with %u pages %lu are lost", left,
               before - pages_free());
    }
}

static void index_outside(struct check *check)
{
    uint64_t *gdt = cpus[0].gdt;
    uint64_t one = gdt[USER_DS / 8];
    unsigned entries = sizeof(cpus[0].gdt) / sizeof(gdt[0]);
    int inside = pv_cpu_gdt_entry_set(gdt, USER_DS / 8, one);
    int behind = pv_cpu_gdt_entry_set(gdt, entries, one);
    int far = pv_cpu_gdt_entry_set(gdt, UINT32_MAX, one);
    EXPECT(check, inside == PV_OK, "an index inside: status %d", inside);
    EXPECT(check, behind == PV_E_RANGE && far == PV_E_RANGE, "status %d and %d", behind, far);
}

static void use_fpu(void)
{
    __asm__ volatile("fnop");
}

static void fpu_traps_once(struct check *check)
{
    preempt_off();
    pv_cpu_fpu_trap(false);
    uint32_t before = fpu_traps;
    use_fpu();
    uint32_t unasked = fpu_traps - before;
    pv_cpu_fpu_trap(true);
    use_fpu();
    uint32_t first = fpu_traps - before;
    use_fpu();
    uint32_t second = fpu_traps - before;
    fpu_trap_again();
    preempt_on();
    EXPECT(check, unasked == 0, "it trapped before it was asked for");
    EXPECT(check, first == 1, "the first use trapped %u times", first);
    EXPECT(check, second == first, "the second use trapped too");
}

static const struct test tables_tests[] = {
    {"the entry of a page reads back as it was written, whatever its rights", pages_read_back},
    {"an entry shows whether its page was read and written, and not before", use_is_noted},
    {"changing an entry keeps what the processor noted of a page", changes_keep_use},
    {"while another CPU writes a page, changes of its entry do not lose that", changes_lose_no_use},
    {"an entry of each level reads back as the table that it names", tables_read_back},
    {"a page that was a page table can be written again", pages_come_back_writable},
    {"a space that there are not enough pages for is not made, and costs none",
     space_without_memory},
    {"pv_cpu_gdt_entry_set() refuses an index outside of the table", index_outside},
    {"the floating-point unit traps once when that is asked for, and not before", fpu_traps_once},
};

const struct test_group tables_group = TEST_GROUP(tables);
