/* SPDX-License-Identifier: MIT */
/*
 * The hot ops of page tables. Without them in the configuration there is nothing to measure: the
 * wrappers are the bare memory accesses.
 */
#include "loops.h"
#include "../memory.h"

#if PV_CONFIG_PAGING_OPS

#define ENTRY      paging_entry(kernel_space, SCRATCH_BASE, true)
#define VALUE      ((struct pv_pte){0x1000 | MAP_KERNEL_CONST})
#define TABLE_SPAN 0x200000ull

LOOP(empty, NOTHING, BARRIER)

LOOP(op_pte_get, struct pv_pte *entry = ENTRY, pv_pte_get(entry))
LOOP(raw_pte_get, struct pv_pte *entry = ENTRY, RAW_SAVE_1("mov (%%rdi), %%rax", entry))
LOOP(op_pte_set, struct pv_pte *entry = ENTRY, pv_pte_set(entry, VALUE))
LOOP(raw_pte_set, struct pv_pte *entry = ENTRY, RAW_KEEP_2("mov %%rsi, (%%rdi)", entry, VALUE.raw))
LOOP(op_pte_clear, struct pv_pte *entry = ENTRY, pv_pte_clear(entry))
LOOP(raw_pte_clear, struct pv_pte *entry = ENTRY, RAW_KEEP_1("movq $0, (%%rdi)", entry))
/* The batch is open when the loop begins, and ends behind what is measured. */
static bool batch_is_open;

static struct pv_pte *entry_in_batch(void)
{
    struct pv_pte *entry = ENTRY;
    pv_mmu_batch_begin();
    batch_is_open = true;
    return entry;
}

LOOP(op_pte_set_queued, struct pv_pte *entry = entry_in_batch(), pv_pte_set(entry, VALUE))

/* Each time executable or not, for users or not, in one table or the other: unlike the last. */
#define TOGGLE(bit, value)  __asm__ volatile("btc %1, %0" : "+r"((value).raw) : "i"(bit) : "cc")
#define OTHER_RIGHTS(value) TOGGLE(63, value)
#define OTHER_USERS(value)  TOGGLE(2, value)
#define BATCHED             struct pv_pte *entry = entry_in_batch(), value = VALUE
#define UNBATCHED           struct pv_pte *entry = ENTRY, value = VALUE

LOOP(op_pte_set_rights, BATCHED, OTHER_RIGHTS(value); pv_pte_set(entry, value))
LOOP(raw_pte_set_rights, UNBATCHED, OTHER_RIGHTS(value);
     RAW_KEEP_2("mov %%rsi, (%%rdi)", entry, value.raw))
LOOP(empty_rights, struct pv_pte value = VALUE, OTHER_RIGHTS(value))

LOOP(op_pte_set_users, BATCHED, OTHER_USERS(value); pv_pte_set(entry, value))
LOOP(raw_pte_set_users, UNBATCHED, OTHER_USERS(value);
     RAW_KEEP_2("mov %%rsi, (%%rdi)", entry, value.raw))
LOOP(empty_users, struct pv_pte value = VALUE, OTHER_USERS(value))

#define FAR_ENTRY                 paging_entry(kernel_space, SCRATCH_BASE + TABLE_SPAN, true)
#define OTHER_TABLE(entry, apart) __asm__ volatile("xor %1, %0" : "+r"(entry) : "r"(apart) : "cc")

static uintptr_t far_apart(void)
{
    return (uintptr_t)ENTRY ^ (uintptr_t)FAR_ENTRY;
}

LOOP(op_pte_set_tables, uintptr_t apart = far_apart();
     struct pv_pte *entry = entry_in_batch(), OTHER_TABLE(entry, apart); pv_pte_set(entry, VALUE))
LOOP(raw_pte_set_tables, uintptr_t apart = far_apart();
     struct pv_pte *entry = ENTRY, OTHER_TABLE(entry, apart);
     RAW_KEEP_2("mov %%rsi, (%%rdi)", entry, VALUE.raw))
LOOP(empty_tables, uintptr_t apart = far_apart();
     struct pv_pte *entry = ENTRY, OTHER_TABLE(entry, apart))

LOOP(empty_next, NOTHING, NEXT)
LOOP(op_batch_open, NOTHING, pv_paging_batch_open(); NEXT)
LOOP(op_batch_close, NOTHING, pv_paging_batch_close(); NEXT)
LOOP(raw_batch, NOTHING, RAW_SAVE_0(""); NEXT)

/* A page that nobody uses. Adding a table again is as much work as adding it. */
static uint64_t spare_frame(void)
{
    static uint64_t phys;
    if (phys == 0)
        phys = page_alloc();
    return phys / PAGE_BYTES;
}

#define FRAME spare_frame()

LOOP(op_table_add, uint64_t frame = FRAME, pv_paging_table_add(frame, 1))
/* By hand, too, somebody is told that it went well. */
LOOP(raw_table_add, uint64_t frame = FRAME, RAW_SAVE_2("xor %%eax, %%eax", frame, 1ul))
LOOP(op_table_remove, uint64_t frame = FRAME, pv_paging_table_remove(frame, 1); NEXT)
LOOP(raw_table_remove, uint64_t frame = FRAME, RAW_SAVE_2("", frame, 1ul); NEXT)

static void clear(uint32_t turns)
{
    (void)turns;
    pv_pte_clear(ENTRY);
    pv_tlb_invlpg(SCRATCH_BASE);
}

/* The hand-written loop and the empty one have opened none. */
static void close_and_clear(uint32_t turns)
{
    if (batch_is_open)
        pv_mmu_batch_end();
    batch_is_open = false;
    clear(turns);
}

static void clear_both(uint32_t turns)
{
    close_and_clear(turns);
    pv_pte_clear(FAR_ENTRY);
    pv_tlb_invlpg(SCRATCH_BASE + TABLE_SPAN);
}

const struct op_bench paging_benches[] = {
    {"pte_get", op_pte_get, raw_pte_get, empty, NULL, RAW_NEEDS_RING0},
    {"pte_set", op_pte_set, raw_pte_set, empty, clear, RAW_NEEDS_RING0},
    {"pte_clear", op_pte_clear, raw_pte_clear, empty, clear, RAW_NEEDS_RING0},
    {"pte_set_queued", op_pte_set_queued, raw_pte_set, empty, close_and_clear, RAW_NEEDS_RING0},
    {"pte_set_queued_rights", op_pte_set_rights, raw_pte_set_rights, empty_rights, close_and_clear,
     RAW_NEEDS_RING0},
    {"pte_set_queued_users", op_pte_set_users, raw_pte_set_users, empty_users, close_and_clear,
     RAW_NEEDS_RING0},
    {"pte_set_queued_tables", op_pte_set_tables, raw_pte_set_tables, empty_tables, clear_both,
     RAW_NEEDS_RING0},
    {"paging_batch_open", op_batch_open, raw_batch, empty_next, NULL, RAW_NEEDS_RING0},
    {"paging_batch_close", op_batch_close, raw_batch, empty_next, NULL, RAW_NEEDS_RING0},
    {"paging_table_add", op_table_add, raw_table_add, empty, NULL, RAW_NEEDS_RING0},
    {"paging_table_remove", op_table_remove, raw_table_remove, empty_next, NULL, RAW_NEEDS_RING0},
};

const unsigned paging_bench_count = sizeof(paging_benches) / sizeof(paging_benches[0]);

#else

const struct op_bench paging_benches[] = {{NULL, NULL, NULL, NULL, NULL, NEEDS_NOTHING}};
const unsigned paging_bench_count = 0;

#endif
