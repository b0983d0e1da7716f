/* SPDX-License-Identifier: MIT */
/*
 * Pages that become page tables. Xen takes a page as a table only if nobody can write to it: so the
 * mapping at pv_platform::phys_to_virt becomes read-only. Tables below the top become so by
 * themselves when an entry names them; top-level tables are pinned, which keeps them checked while
 * no CPU uses them (xen/include/public/xen.h, MMUEXT_PIN_L4_TABLE).
 *
 * The kernel and its users run in the same ring, so what protects the kernel is a second top-level
 * table that does not map it. Xen changes between the two; the library keeps the users' half of
 * both the same. Which users' table belongs to a kernel's one is written down in entries of the
 * former that are free: its kernel's half maps nothing, and a processor ignores what is not
 * present. So users' tables are in chains, by their kernels' frames, each behind a lock: CPUs build
 * and take down spaces at the same time, and walk past each other's.
 */
#include "backends/xen/pv/hypercall.h"
#include "backends/xen/pv/pv.h"
#include "backends/xen/pv/queue.h"

#define TOP_LEVEL 4u

/* Entries of a users' table: the frame of the kernel's one, and of the next in the same chain. */
#define ENTRY_KERNEL 510u
#define ENTRY_NEXT   511u

/* Frames, shifted by 12 like any entry's; so bit 0, present, is clear. */
#define FRAME_SHIFT 12

#define CHAINS 64u

struct chain {
    uint64_t first; /* frame of a users' table; 0: none */
    struct pv_spinlock lock;
};

static struct chain chains[CHAINS];

static struct chain *chain_of(uint64_t kernel_frame)
{
    return &chains[kernel_frame % CHAINS];
}

/* A thread may be taken off its CPU, and the space changed, in an interrupt. */
static struct pv_irqflags hold(struct chain *chain)
{
    struct pv_irqflags flags = pv_irq_save();

    pv_spin_lock(&chain->lock);
    return flags;
}

static void let_go(struct chain *chain, struct pv_irqflags flags)
{
    pv_spin_unlock(&chain->lock);
    pv_irq_restore(flags);
}

static const uint64_t *entries(uint64_t frame)
{
    return pv_xen_pv_at(frame * PV_XEN_PAGE);
}

static uint64_t next_of(uint64_t user)
{
    return entries(user)[ENTRY_NEXT] >> FRAME_SHIFT;
}

static bool belongs_to(uint64_t user, uint64_t kernel_frame)
{
    return entries(user)[ENTRY_KERNEL] >> FRAME_SHIFT == kernel_frame;
}

static __attribute__((noinline)) uint64_t search(struct chain *chain, uint64_t frame)
{
    struct pv_irqflags flags = hold(chain);
    uint64_t user = chain->first;

    while (user != 0 && !belongs_to(user, frame))
        user = next_of(user);
    let_go(chain, flags);
    return user;
}

/* Mostly the first, which needs no lock: if it is that of a space in use it stays what it is, and
 * if it was taken away meanwhile it is not first any more. */
uint64_t pv_xen_pv_user_root(uint64_t frame)
{
    struct chain *chain = chain_of(frame);
    uint64_t first = __atomic_load_n(&chain->first, __ATOMIC_ACQUIRE);

    if (first == 0)
        return 0;
    if (belongs_to(first, frame) && __atomic_load_n(&chain->first, __ATOMIC_ACQUIRE) == first)
        return first;
    return search(chain, frame);
}

/* Read-only or not at the address where the kernel has all memory. */
static bool protect(struct pv_xen_queue *queue, uint64_t frame, bool writable)
{
    const void *address = pv_xen_pv_at(frame * PV_XEN_PAGE);

    return address != NULL && pv_xen_pv_queue_remap(queue, address, frame, writable);
}

static void pin(struct pv_xen_queue *queue, uint64_t frame, bool pinned)
{
    pv_xen_queue_ext(queue, pinned ? PV_MMUEXT_PIN_L4_TABLE : PV_MMUEXT_UNPIN_TABLE,
                     pv_xen_to_machine(frame).frame);
}

static void free_page(uint64_t frame)
{
    if (pv_platform->page_free != NULL)
        pv_platform->page_free(frame * PV_XEN_PAGE);
}

/* A fresh page, with the two notes in it, first in its chain; 0: no memory. */
static uint64_t user_root_make(uint64_t kernel_frame)
{
    struct chain *chain = chain_of(kernel_frame);
    uint64_t phys = pv_platform->page_alloc != NULL ? pv_platform->page_alloc() : 0;
    uint64_t *table = phys != 0 ? pv_xen_pv_at(phys) : NULL;

    if (table == NULL)
        return 0;
    table[ENTRY_KERNEL] = kernel_frame << FRAME_SHIFT;
    struct pv_irqflags flags = hold(chain);
    table[ENTRY_NEXT] = chain->first << FRAME_SHIFT;
    __atomic_store_n(&chain->first, phys / PV_XEN_PAGE, __ATOMIC_RELEASE);
    let_go(chain, flags);
    /* It may be a table that entries were appended for, here or on another CPU. */
    pv_xen_tables_change();
    pv_this_cpu()->backend[PV_XEN_WORD_TABLE] = PV_XEN_NO_TABLE;
    return phys / PV_XEN_PAGE;
}

/* What another table's note says from now on; at once, for others go by it. */
static void write_note(uint64_t user, uint64_t value)
{
    struct pv_xen_mmu_update update = {
        pv_xen_to_machine(user).frame * PV_XEN_PAGE + ENTRY_NEXT * sizeof(uint64_t), value};
    uint32_t done = 0;

    int64_t result = pv_xen_mmu_update(&update, 1, &done);
    if (result != 0)
        pv_xen_pv_report_entry(update.where, value, result);
}

/* Whoever points at this one points at the next instead: the chain's head, or another table. */
static void unchain(uint64_t kernel_frame, uint64_t user)
{
    struct chain *chain = chain_of(kernel_frame);
    struct pv_irqflags flags = hold(chain);
    uint64_t before = chain->first;

    if (before == user) {
        __atomic_store_n(&chain->first, next_of(user), __ATOMIC_RELEASE);
    } else {
        while (before != 0 && next_of(before) != user)
            before = next_of(before);
        if (before != 0)
            write_note(before, entries(user)[ENTRY_NEXT]);
    }
    let_go(chain, flags);
}

static int refuse(uint64_t frame, uint32_t level)
{
    pv_xen_pv_report_table(frame, level, PV_E_HOST);
    return PV_E_HOST;
}

/* The kernel's table, and the users' one beside it; both or none. The latter may be there already,
 * if this is another attempt after Xen has refused the former. */
static int add_top(struct pv_xen_queue *queue, uint64_t frame)
{
    uint64_t there = pv_xen_pv_user_root(frame);
    uint64_t user = there != 0 ? there : user_root_make(frame);

    if (user == 0) {
        pv_log("Xen PV: pv_platform::page_alloc gives no page for the users' top-level table");
        return PV_E_FULL;
    }
    if (!protect(queue, frame, false) || !protect(queue, user, false)) {
        (void)protect(queue, frame, true);
        if (there == 0) {
            unchain(frame, user);
            free_page(user);
        }
        return refuse(frame, TOP_LEVEL);
    }
    pin(queue, frame, true);
    if (there == 0)
        pin(queue, user, true);
    return PV_OK;
}

/* A table below the top, outside of a batch: one hypercall changes its mapping and, on all CPUs,
 * drops what they know of it. */
static bool remap_now(uint64_t frame, bool writable)
{
    const void *address = pv_xen_pv_at(frame * PV_XEN_PAGE);

    return address != NULL && pv_xen_pv_remap(address, frame, writable);
}

int pv_xen_pv_c_paging_table_add(uint64_t frame, uint32_t level)
{
    if (level != TOP_LEVEL && !pv_xen_queue_is_open())
        return remap_now(frame, false) ? PV_OK : refuse(frame, level);
    struct pv_xen_queue own, *queue = pv_xen_queue_get(&own);
    int status = PV_OK;

    if (level == TOP_LEVEL)
        status = add_top(queue, frame);
    else if (!protect(queue, frame, false))
        status = refuse(frame, level);
    else
        pv_xen_pv_table_begins(frame);
    pv_xen_queue_put(queue);
    return status == PV_OK && !queue->of_batch && own.refused ? PV_E_HOST : status;
}

/* A processor may remember that the page was read-only. */
static void give_back(struct pv_xen_queue *queue, uint64_t frame, uint32_t level)
{
    if (level == TOP_LEVEL)
        pin(queue, frame, false);
    if (protect(queue, frame, true))
        pv_xen_queue_ext(queue, PV_MMUEXT_INVLPG_ALL,
                         pv_xen_pv_pointer(pv_xen_pv_at(frame * PV_XEN_PAGE)));
}

/*
 * Outside of a batch, and behind a top-level table, whose second page is the kernel's again,
 * nothing waits any longer.
 */
void pv_xen_pv_c_paging_table_remove(uint64_t frame, uint32_t level)
{
    if (level != TOP_LEVEL && !pv_xen_queue_is_open()) {
        if (!remap_now(frame, true))
            pv_log_number("Xen PV: a page that was a page table stays read-only, frame", frame);
        return;
    }
    uint64_t user = level == TOP_LEVEL ? pv_xen_pv_user_root(frame) : 0;
    struct pv_xen_queue own, *queue = pv_xen_queue_get(&own);

    if (user != 0) {
        unchain(frame, user);
        give_back(queue, user, TOP_LEVEL);
    }
    give_back(queue, frame, level);
    pv_xen_queue_put(queue);
    if (user == 0)
        return;
    pv_xen_pv_flush();
    free_page(user);
}
