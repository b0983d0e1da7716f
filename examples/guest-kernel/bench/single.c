/* SPDX-License-Identifier: MIT */
/*
 * Paths of one CPU.
 */
#include "bench.h"
#include "../console.h"
#include "../cpu.h"
#include "../fpu.h"
#include "../memory.h"
#include "../paging.h"
#include "../process.h"
#include "../traps.h"

#define FAULT_PAGES  64u
#define SYSTEM_CALLS 64u
#define TABLE_PAGES  512u

static const struct bench_path *current;

/* ---- a call of the VMM ----------------------------------------------------------------------- */

static void (*null_call)(void);

static bool have_null_call(const struct bench_path *path)
{
    (void)path;
    null_call = bench_null_call();
    return null_call != NULL;
}

static void call_vmm(uint32_t turns)
{
    while (turns-- > 0)
        null_call();
}

/* ---- address spaces -------------------------------------------------------------------------- */

static uint64_t fresh_page(size_t index)
{
    (void)index;
    return page_alloc();
}

static bool remember(const struct bench_path *path)
{
    current = path;
    return true;
}

static void build_space(void)
{
    batch_begin();
    uint64_t space = space_create();
    bool mapped =
        space != 0 && space_map(space, USER_CODE, current->size, fresh_page, MAP_USER_DATA);
    batch_end();
    if (!mapped)
        panic("no memory for the space of a benchmark");
    struct pv_irqflags flags = pv_irq_save();
    pv_cr3_write(space);
    pv_cr3_write(kernel_space);
    pv_irq_restore(flags);
    space_destroy(space);
}

static void build_spaces(uint32_t turns)
{
    while (turns-- > 0)
        build_space();
}

static uint64_t other_space;

static bool two_spaces(const struct bench_path *path)
{
    (void)path;
    other_space = space_create();
    return other_space != 0;
}

static void one_space(const struct bench_path *path)
{
    (void)path;
    space_destroy(other_space);
}

/* What a scheduler asks for at each switch between processes; an even number of them. The
 * floating-point unit traps afterwards if it did before. */
static void switch_spaces(uint32_t turns)
{
    uint64_t stack = *this_cpu()->pv.kernel_stack_slot;
    struct pv_irqflags flags = pv_irq_save();
    for (uint32_t turn = 0; turn < 2 * turns; turn++) {
        pv_mmu_batch_begin();
        pv_cpu_kernel_stack_set(stack);
        pv_cr3_write(turn % 2 == 0 ? other_space : kernel_space);
        pv_cpu_tls_set(0);
        pv_cpu_fpu_trap(true);
        pv_mmu_batch_end();
    }
    fpu_trap_again();
    pv_irq_restore(flags);
}

static uint64_t table_space, shown_pages[2];
static struct pv_pte *table;

static bool one_table(const struct bench_path *path)
{
    (void)path;
    table_space = space_create();
    shown_pages[0] = page_alloc();
    shown_pages[1] = page_alloc();
    table = table_space != 0 ? paging_entry(table_space, USER_CODE, true) : NULL;
    return table != NULL && shown_pages[0] != 0 && shown_pages[1] != 0;
}

static void no_table(const struct bench_path *path)
{
    (void)path;
    for (unsigned i = 0; i < TABLE_PAGES; i++)
        pv_pte_clear(&table[i]);
    space_destroy(table_space);
    page_free(shown_pages[0]);
    page_free(shown_pages[1]);
}

/* All entries of a table, with other contents each time. */
static void fill_tables(uint32_t turns)
{
    while (turns-- > 0) {
        struct pv_pte entry = {shown_pages[turns % 2] | MAP_USER_CODE | PTE_ACCESSED};
        batch_begin();
        for (unsigned i = 0; i < TABLE_PAGES; i++)
            pv_pte_set(&table[i], entry);
        batch_end();
    }
}

/* ---- traps and interrupts -------------------------------------------------------------------- */

/* To the kernel's handler, which goes on behind the access. */
static void fault_in_kernel(uint32_t turns)
{
    while (turns-- > 0)
        (void)probe_write((void *)SCRATCH_BASE, 1);
}

static void run_process(uint64_t program, uint64_t rounds)
{
    static struct process process;
    struct process_start start = {1, program, rounds, NULL};
    if (!process_create(&process, &start))
        panic("no memory for the process of a benchmark");
    process_wait(&process);
    if (process.status != 1)
        panic("the process of a benchmark did not end well");
}

/* A process touches pages that are not there yet. */
static void fault_in_process(uint32_t turns)
{
    run_process(USER_FAULTER, (uint64_t)turns * FAULT_PAGES);
}

/* Threads change places only when they ask to. */
static bool without_slices(const struct bench_path *path)
{
    (void)path;
    thread_slices(false);
    return true;
}

static void with_slices(const struct bench_path *path)
{
    (void)path;
    thread_slices(true);
}

static void call_kernel(uint32_t turns)
{
    run_process(USER_CALLER, (uint64_t)turns * SYSTEM_CALLS);
}

static uint8_t vector;

static bool have_vector(const struct bench_path *path)
{
    (void)path;
    if (!bench_vector_take(&vector))
        return false;
    bool arrives = bench_vector_arrives(vector);
    if (!arrives)
        pv_irq_free(vector);
    return arrives;
}

static void free_vector(const struct bench_path *path)
{
    (void)path;
    pv_irq_free(vector);
}

static void interrupt_self(uint32_t turns)
{
    while (turns-- > 0)
        bench_vector_send(0, vector, "an interrupt of this CPU to itself is lost");
}

const struct bench_path single_paths[] = {
    {"hypercall", 0, 50, 1, ANY_PROCESSORS, true, have_null_call, call_vmm, NULL, NULL},
    {"switch_spaces", 0, 20, 1, ANY_PROCESSORS, true, two_spaces, switch_spaces, one_space, NULL},
    {"table_filled", 0, 2, 1, ANY_PROCESSORS, true, one_table, fill_tables, no_table, NULL},
    {"system_call", 0, 20, 1, ANY_PROCESSORS, false, without_slices, call_kernel, with_slices,
     NULL},
    {"fault_in_kernel", 0, 50, 1, ANY_PROCESSORS, false, NULL, fault_in_kernel, NULL, NULL},
    {"fault_in_process", 0, 2, 1, ANY_PROCESSORS, false, NULL, fault_in_process, NULL, NULL},
    {"interrupt_self", 0, 50, 1, ANY_PROCESSORS, false, have_vector, interrupt_self, free_vector,
     NULL},
    {"space_build", 10, 5, 1, ANY_PROCESSORS, false, remember, build_spaces, NULL, NULL},
    {"space_build", 100, 2, 1, ANY_PROCESSORS, false, remember, build_spaces, NULL, NULL},
    {"space_build", 1000, 1, 1, ANY_PROCESSORS, false, remember, build_spaces, NULL, NULL},
};

const unsigned single_path_count = sizeof(single_paths) / sizeof(single_paths[0]);
