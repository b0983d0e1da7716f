/* SPDX-License-Identifier: MIT */
/*
 * Batches: what a VMM that owns page tables is asked, and how often. Where it owns none, a batch is
 * nothing, and the same work is done without any call.
 */
#include "selftest.h"
#include "../commands.h"
#include "../cpu.h"
#include "../fpu.h"
#include "../memory.h"
#include "../paging.h"
#include "../process.h"
#include "../smp.h"
#include "../timer.h"
#include "../traps.h"
#include "../user.h"

#define TABLE_PAGES  512u
#define MANY_PAGES   1000u
#define MOST_CALLS   10u
#define MOST_ENTRIES 40u
#define SYSTEM_CALLS 2000u

static struct pv_host_calls counted;

static void count_from_here(void)
{
    pv_host_calls(&counted);
}

/* How many since count_from_here(). */
static struct pv_host_calls count(void)
{
    struct pv_host_calls now;
    pv_host_calls(&now);
    return (struct pv_host_calls){now.calls - counted.calls, now.entries - counted.entries,
                                  now.updates - counted.updates, now.returns - counted.returns};
}

static bool host_owns_tables(void)
{
    return boot_info.door == PV_DOOR_XEN_PV;
}

static void expect_counts(struct check *check, uint64_t calls, uint64_t entries, uint64_t updates)
{
    struct pv_host_calls made = count();
    if (!host_owns_tables())
        calls = entries = updates = 0;
    EXPECT(check, made.calls == calls && made.entries == entries && made.updates == updates,
           "%lu calls, %lu entries, %lu updates", made.calls, made.entries, made.updates);
}

static void switch_is_one_call(struct check *check)
{
    uint64_t space = space_create();
    if (!EXPECT(check, space != 0, "no memory"))
        return;
    uint64_t stack = *this_cpu()->pv.kernel_stack_slot;
    pv_irq_disable();
    count_from_here();
    pv_mmu_batch_begin();
    pv_cpu_kernel_stack_set(stack);
    pv_cr3_write(space);
    pv_cpu_tls_set(0);
    pv_cpu_fpu_trap(true);
    pv_mmu_batch_end();
    /* Kernel stack, both roots, thread pointer, floating-point unit. */
    expect_counts(check, 1, 5, 0);
    EXPECT(check, (pv_cr3_read() & PTE_ADDRESS) == space, "the space is not in force");
    pv_cr3_write(kernel_space);
    fpu_trap_again();
    pv_irq_enable();
    space_destroy(space);
}

static void a_table_is_one_call(struct check *check)
{
    uint64_t space = space_create();
    uint64_t shared_page = page_alloc();
    struct pv_pte *entry = space != 0 ? paging_entry(space, USER_CODE, true) : NULL;
    if (!EXPECT(check, entry != NULL && shared_page != 0, "no memory"))
        return;
    count_from_here();
    batch_begin();
    for (unsigned i = 0; i < TABLE_PAGES; i++)
        pv_pte_set(&entry[i], (struct pv_pte){shared_page | MAP_USER_CODE | PTE_ACCESSED});
    batch_end();
    expect_counts(check, 1, 0, TABLE_PAGES);
    for (unsigned i = 0; i < TABLE_PAGES; i++)
        if (pv_pte_get(&entry[i]).raw != (shared_page | MAP_USER_CODE | PTE_ACCESSED))
            fail(check, "entry %u reads %lx", i, pv_pte_get(&entry[i]).raw);
    for (unsigned i = 0; i < TABLE_PAGES; i++)
        pv_pte_clear(&entry[i]);
    space_destroy(space);
    page_free(shared_page);
}

static uint64_t fresh_page(size_t index)
{
    (void)index;
    return page_alloc();
}

static void a_space_is_a_few_calls(struct check *check)
{
    uint64_t before = pages_free();
    count_from_here();
    batch_begin();
    uint64_t space = space_create();
    bool mapped = space != 0 && space_map(space, USER_CODE, MANY_PAGES, fresh_page, MAP_USER_DATA);
    batch_end();
    if (!EXPECT(check, mapped, "no memory"))
        return;
    pv_irq_disable();
    pv_cr3_write(space);
    *(volatile uint64_t *)USER_CODE = 1; /* reachable to the first and the last byte */
    *(volatile uint64_t *)(USER_CODE + MANY_PAGES * PAGE_BYTES - 8) = 2;
    pv_cr3_write(kernel_space);
    pv_irq_enable();
    space_destroy(space);
    struct pv_host_calls made = count();
    print("# a space of %u pages: %lu hypercalls, %lu entries, %lu updates\n", MANY_PAGES,
          made.calls, made.entries, made.updates);
    EXPECT(check, made.calls <= MOST_CALLS && made.entries <= MOST_ENTRIES,
           "%lu calls, %lu entries, %lu updates", made.calls, made.entries, made.updates);
    EXPECT(check, host_owns_tables() == (made.updates > MANY_PAGES), "%lu updates", made.updates);
    EXPECT(check, pages_free() == before, "%lu pages are lost", before - pages_free());
}

/* An entry of the kernel's that is free, and what maps a page there. */
struct scratch {
    struct pv_pte *entry;
    uint64_t value;
};

static bool scratch_begin(struct check *check, struct scratch *scratch)
{
    uint64_t phys = page_alloc();
    scratch->entry = paging_entry(kernel_space, SCRATCH_BASE, true);
    scratch->value = phys | MAP_KERNEL_DATA | PTE_ACCESSED;
    return EXPECT(check, scratch->entry != NULL && phys != 0, "no memory");
}

static void scratch_end(const struct scratch *scratch)
{
    pv_pte_clear(scratch->entry);
    pv_tlb_invlpg(SCRATCH_BASE);
    page_free(scratch->value & PTE_ADDRESS);
}

static void writes_are_read_back(struct check *check)
{
    struct scratch scratch;
    if (!scratch_begin(check, &scratch))
        return;
    struct pv_pte *entry = scratch.entry;
    uint64_t value = scratch.value;
    batch_begin();
    pv_pte_set(entry, (struct pv_pte){value});
    uint64_t first = pv_pte_get(entry).raw;
    pv_pte_clear(entry);
    uint64_t second = pv_pte_get(entry).raw;
    pv_pte_set(entry, (struct pv_pte){value & ~PTE_WRITE});
    uint64_t third = pv_pte_get(entry).raw;
    batch_end();
    EXPECT(check, first == value && second == 0 && third == (value & ~PTE_WRITE),
           "read %lx, %lx and %lx", first, second, third);
    EXPECT(check, pv_pte_get(entry).raw == third, "afterwards %lx", pv_pte_get(entry).raw);
    scratch_end(&scratch);
}

/* Some requests are made in a batch and do not wait, so what waits is sent before them. */
static void writes_behind_a_flush_are_read_back(struct check *check)
{
    const struct pv_cpu_set nobody = {{0}};
    struct scratch scratch;
    if (!scratch_begin(check, &scratch))
        return;
    struct pv_pte *entry = scratch.entry;
    uint64_t value = scratch.value;
    batch_begin();
    pv_pte_set(entry, (struct pv_pte){value});
    int status = pv_tlb_flush_others(&nobody, SCRATCH_BASE, SCRATCH_BASE + PAGE_BYTES);
    uint64_t first = pv_pte_get(entry).raw;
    pv_pte_clear(entry);
    uint64_t second = pv_pte_get(entry).raw;
    pv_pte_set(entry, (struct pv_pte){value});
    uint64_t third = pv_pte_get(entry).raw;
    (void)pv_tlb_flush_others(&nobody, SCRATCH_BASE, SCRATCH_BASE + PAGE_BYTES);
    pv_pte_set(entry, (struct pv_pte){value & ~PTE_WRITE});
    uint64_t fourth = pv_pte_get(entry).raw;
    batch_end();
    EXPECT(check, status == PV_OK, "status %d", status);
    EXPECT(check, first == value && second == 0 && third == value && fourth == (value & ~PTE_WRITE),
           "read %lx, %lx, %lx and %lx", first, second, third, fourth);
    scratch_end(&scratch);
}

/* The outermost end sends all, however deep it was asked for. */
static void nested_batches_are_one(struct check *check)
{
    struct pv_pte *entry = paging_entry(kernel_space, SCRATCH_BASE, true);
    uint64_t phys = page_alloc();
    if (!EXPECT(check, entry != NULL && phys != 0, "no memory"))
        return;
    pv_irq_disable();
    count_from_here();
    pv_mmu_batch_begin();
    pv_mmu_batch_begin();
    pv_pte_set(&entry[0], (struct pv_pte){phys | MAP_KERNEL_CONST | PTE_ACCESSED});
    pv_mmu_batch_end();
    expect_counts(check, 0, 0, 0);
    pv_pte_set(&entry[1], (struct pv_pte){phys | MAP_KERNEL_CONST | PTE_ACCESSED});
    pv_mmu_batch_end();
    expect_counts(check, 1, 0, 2);
    pv_irq_enable();
    for (unsigned i = 0; i < 2; i++)
        EXPECT(check, paging_unmap(kernel_space, SCRATCH_BASE + i * PAGE_BYTES) == phys, "page %u",
               i);
    page_free(phys);
}

/* Somebody gave the CPU away in a batch: the next one runs on its own space and stack. */
static void a_switch_does_not_wait(struct check *check)
{
    uint64_t space = space_create(), phys = page_alloc(), value = 0;
    if (!EXPECT(check, space != 0 && phys != 0, "no memory") ||
        !EXPECT(check, paging_map(space, USER_AREA, phys, MAP_USER_DATA), "no memory"))
        return;
    pv_irq_disable();
    count_from_here();
    pv_mmu_batch_begin();
    pv_mmu_batch_begin();
    pv_cr3_write(space);
    pv_mmu_batch_end();
    bool in_force = probe_read((const void *)USER_AREA, &value);
    expect_counts(check, 1, 2, 0);
    pv_mmu_batch_begin();
    pv_cr3_write(kernel_space);
    pv_mmu_batch_end();
    pv_mmu_batch_end();
    expect_counts(check, 2, 4, 0);
    pv_irq_enable();
    EXPECT(check, in_force, "the space waits for the end of another's batch");
    space_destroy(space);
}

/* In the batch that is open: four entries, two of which are the kernel's mapping of the table. */
static void use_as_lowest_table(uint64_t phys, uint64_t page)
{
    (void)pv_paging_table_add(phys / PAGE_BYTES, 1);
    pv_pte_set(table_of(phys), (struct pv_pte){page | MAP_KERNEL_CONST | PTE_ACCESSED});
    pv_pte_clear(table_of(phys));
    pv_paging_table_remove(phys / PAGE_BYTES, 1);
}

/* How many are written for a top-level table with one entry of users', which was a table of another
 * kind before in the same batch if `page` is not 0. */
static uint64_t entries_of_top(struct check *check, uint64_t top, uint64_t below, uint64_t page)
{
    count_from_here();
    batch_begin();
    if (page != 0)
        use_as_lowest_table(top, page);
    int status = pv_paging_table_add(top / PAGE_BYTES, TOP_LEVEL);
    pv_pte_set(table_of(top), (struct pv_pte){below | TABLE_RIGHTS});
    batch_end();
    uint64_t entries = count().updates;
    EXPECT(check, status == PV_OK, "status %d", status);
    pv_pte_clear(table_of(top));
    pv_paging_table_remove(top / PAGE_BYTES, TOP_LEVEL);
    return entries;
}

/* What users get has a table of its own behind the top-level one, and not behind others. */
static void a_page_becomes_another_table(struct check *check)
{
    uint64_t top = page_alloc(), below = table_create(TOP_LEVEL - 1), page = page_alloc();
    if (!EXPECT(check, top != 0 && below != 0 && page != 0, "no memory"))
        return;
    uint64_t fresh = entries_of_top(check, top, below, 0);
    uint64_t used = entries_of_top(check, top, below, page);
    EXPECT(check, used == fresh + (host_owns_tables() ? 4 : 0), "%lu entries, and %lu when fresh",
           used, fresh);
    pv_paging_table_remove(below / PAGE_BYTES, TOP_LEVEL - 1);
    page_free(top);
    page_free(below);
    page_free(page);
}

static uint64_t mapped_by_handler;

static void map_at_once(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
    uint64_t phys = mapped_by_handler;
    mapped_by_handler = 0;
    pv_mmu_batch_begin();
    paging_map(kernel_space, SCRATCH_BASE, phys, MAP_KERNEL_DATA);
    pv_mmu_batch_end();
    if (probe_write((void *)SCRATCH_BASE, 7))
        mapped_by_handler = phys;
}

/* A handler's page is there when the handler wants it, and the batch is none the worse for it. */
static void handlers_are_apart(struct check *check)
{
    struct pv_pte *entry = paging_entry(kernel_space, SCRATCH_BASE, true);
    uint64_t phys = page_alloc();
    if (skip_without_ipi(check) || !EXPECT(check, entry != NULL && phys != 0, "no memory"))
        return;
    int vector = pv_irq_alloc(map_at_once, NULL);
    if (!EXPECT(check, vector >= 0, "no vector"))
        return;
    mapped_by_handler = phys;
    batch_begin();
    pv_pte_set(&entry[1], (struct pv_pte){phys | MAP_KERNEL_CONST | PTE_ACCESSED});
    pv_smp_ipi(0, (uint8_t)vector);
    for (unsigned i = 0; i < 1000000 && mapped_by_handler != phys; i++)
        pv_cpu_relax();
    pv_pte_set(&entry[2], (struct pv_pte){phys | MAP_KERNEL_CONST | PTE_ACCESSED});
    batch_end();
    pv_irq_free(vector);
    EXPECT(check, mapped_by_handler == phys, "the handler could not use its page");
    for (unsigned i = 1; i <= 2; i++)
        EXPECT(check, *(volatile uint64_t *)(SCRATCH_BASE + i * PAGE_BYTES) == 7, "page %u", i);
    for (unsigned i = 0; i <= 2; i++)
        paging_unmap(kernel_space, SCRATCH_BASE + i * PAGE_BYTES);
    page_free(phys);
}

/* Hypercalls, returns included, for so many system calls of a process that makes more besides. */
static uint64_t cost_of_calls(struct check *check, uint64_t rounds)
{
    static struct process process;
    struct process_start start = {5, USER_CALLER, rounds, NULL};
    if (!EXPECT(check, process_create(&process, &start), "no memory for a process"))
        return 0;
    thread_slices(false);
    count_from_here();
    process_wait(&process);
    struct pv_host_calls made = count();
    thread_slices(true);
    EXPECT(check, process.status == 5, "the process ended with %ld", process.status);
    return made.calls + made.returns;
}

/* Of many and of twice as many; an interrupt now and then costs a return of its own. */
static void a_system_call_is_one_call(struct check *check)
{
    uint64_t few = cost_of_calls(check, SYSTEM_CALLS);
    uint64_t many = cost_of_calls(check, 2 * SYSTEM_CALLS);
    uint64_t due = host_owns_tables() ? SYSTEM_CALLS : 0;
    EXPECT(check, many - few + SYSTEM_CALLS / 50 >= due && many - few <= due + SYSTEM_CALLS / 50,
           "%lu hypercalls for %u system calls", many - few, SYSTEM_CALLS);
}

/* ---- on another CPU --------------------------------------------------------------------------
 */

#define PATIENCE_NS (20 * NS_PER_S)

struct elsewhere {
    void (*run)(struct check *check);
    struct check *check;
};

static void run_elsewhere(void *argument)
{
    const struct elsewhere *elsewhere = argument;
    elsewhere->run(elsewhere->check);
}

/* The last one, while this one does nothing but wait. */
static void on_last_cpu(struct check *check, void (*run)(struct check *check))
{
    struct elsewhere elsewhere = {run, check};
    unsigned cpu = smp_count() - 1;
    if (skip_alone(check))
        return;
    smp_give(cpu, run_elsewhere, &elsewhere);
    bool done = smp_done(cpu, PATIENCE_NS);
    EXPECT(check, done, "CPU %u does not come to an end", cpu);
}

static void switch_elsewhere(struct check *check)
{
    on_last_cpu(check, switch_is_one_call);
}

/* Entries leave in more than one piece where pages do not lie side by side: still one call. */
static void table_elsewhere(struct check *check)
{
    on_last_cpu(check, a_table_is_one_call);
}

static void space_elsewhere(struct check *check)
{
    on_last_cpu(check, a_space_is_a_few_calls);
}

static const struct test batch_tests[] = {
    {"a switch between two address spaces is one hypercall at most", switch_is_one_call},
    {"512 entries of a table are one hypercall at most", a_table_is_one_call},
    {"a space of 1,000 pages is built, used and taken down in ten hypercalls",
     a_space_is_a_few_calls},
    {"what is written in a batch is read back in it", writes_are_read_back},
    {"what is written in a batch behind a flush of other CPUs is read back in it",
     writes_behind_a_flush_are_read_back},
    {"batches in a batch leave with the outermost one", nested_batches_are_one},
    {"a switch inside of a batch in a batch is in force when the inner one ends",
     a_switch_does_not_wait},
    {"a page that becomes another kind of table in a batch is one", a_page_becomes_another_table},
    {"an interrupt handler is no part of the batch that it interrupts", handlers_are_apart},
    {"a system call of user code costs one hypercall at most, which is its return",
     a_system_call_is_one_call},
    {"on another CPU a switch is one hypercall at most, too", switch_elsewhere},
    {"on another CPU 512 entries of a table are one hypercall at most, too", table_elsewhere},
    {"on another CPU a space of 1,000 pages costs ten hypercalls, too", space_elsewhere},
};

const struct test_group batch_group = TEST_GROUP(batch);
