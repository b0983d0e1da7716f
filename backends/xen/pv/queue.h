/* SPDX-License-Identifier: MIT */
/*
 * What waits for Xen: requests of one CPU that leave together, in their order, by one hypercall.
 *
 * Inside a batch there is one queue for each CPU; outside, and in interrupt handlers, each op has
 * one of its own that leaves when the op ends. Writers are the same for both:
 *
 *     struct pv_xen_queue own, *queue = pv_xen_queue_get(&own);
 *     pv_xen_queue_update(queue, where, value);
 *     pv_xen_queue_put(queue);
 *
 * Interrupt handlers never touch a batch that they interrupt, so nothing here turns interrupts off.
 */
#ifndef PVOPS_XEN_PV_QUEUE_H
#define PVOPS_XEN_PV_QUEUE_H

#include "backends/xen/abi/pv.h"
#include "pvops/percpu.h"

/* Entries of two tables of level 1, and the requests around them. */
#define PV_XEN_BATCH_UPDATES 1024u
#define PV_XEN_BATCH_CALLS   24u
#define PV_XEN_BATCH_EXTS    32u

/* Those of one op. */
#define PV_XEN_OWN_UPDATES 4u
#define PV_XEN_OWN_CALLS   6u
#define PV_XEN_OWN_EXTS    4u

/*
 * Pages that a CPU other than the one that boots borrows for the updates of its batches. Where they
 * do not lie side by side a run of updates ends with each, and becomes a call of its own.
 */
#define PV_XEN_BATCH_PARTS 4u

/* Memory for updates, all of it in one piece. */
struct pv_xen_part {
    struct pv_xen_mmu_update *begin;
    struct pv_xen_mmu_update *end;
};

/*
 * What was asked for by a call. The call itself does not tell afterwards: Xen writes its arguments
 * anew when it stops in the middle and goes on later (xen/common/multicall.c).
 */
struct pv_xen_note {
    const void *first; /* of the entries or operations */
    uint32_t count;
    uint32_t done; /* of these, that Xen made */
};

/*
 * A table that was written in a batch: what ops.S needs in order to append for it, in this batch or
 * a later one, as long as no table changes its meaning (pv_xen_table_changes). Its place is by its
 * address.
 */
struct pv_xen_recent {
    uint64_t table;   /* its address */
    uint64_t machine; /* its machine address */
    uint64_t bit;     /* of PV_XEN_WORD_WRITTEN */
    uint64_t changes; /* as counted before the rest was found out */
};

#define PV_XEN_RECENT_TABLES 16u

struct pv_xen_queue {
    struct pv_xen_part parts[PV_XEN_BATCH_PARTS];
    uint32_t parts_used, part;      /* how many there are, and which is being filled */
    struct pv_xen_mmu_update *run;  /* first that no call names yet */
    struct pv_xen_mmu_update *next; /* first that is free */
    struct pv_xen_mmuext *exts;
    struct pv_xen_multicall *calls;
    struct pv_xen_note *notes; /* one for each call */
    uint32_t exts_used, exts_most;
    uint32_t calls_used, calls_most;
    bool of_batch;
    bool refused;  /* something was, when it was sent last */
    bool switches; /* a stack or an address space waits */
    struct pv_xen_mmu_update own_updates[PV_XEN_OWN_UPDATES];
    struct pv_xen_mmuext own_exts[PV_XEN_OWN_EXTS];
    struct pv_xen_multicall own_calls[PV_XEN_OWN_CALLS];
    struct pv_xen_note own_notes[PV_XEN_OWN_CALLS];
};

/* The batch that is open on this CPU; otherwise `own`, made ready. */
struct pv_xen_queue *pv_xen_queue_get(struct pv_xen_queue *own);
/* The same where one is open. */
struct pv_xen_queue *pv_xen_queue_batch(void);
void pv_xen_queue_put(struct pv_xen_queue *queue);

/* Outside of a batch, where nothing waits: one page-table entry, some operations of mmuext_op, or
 * another hypercall. What Xen refuses is logged; pv_xen_ext_taken() is false then. Operations of
 * pv_xen_exts_now() may be made twice. */
void pv_xen_update_now(uint64_t where, uint64_t value);
void pv_xen_exts_now(const struct pv_xen_mmuext *exts, uint32_t count);
bool pv_xen_ext_taken(const struct pv_xen_mmuext *ext);
void pv_xen_call_now(uint64_t number, uint64_t a, uint64_t b);

/* Looks for what Xen refused of the calls of a queue, logs it, and has the rest done. */
void pv_xen_queue_look_at_each(const struct pv_xen_queue *queue, uint32_t count);

/* Requests of all CPUs: those that are no updates of entries, and these. */
extern uint64_t pv_xen_pv_entries PV_HIDDEN, pv_xen_pv_updates PV_HIDDEN;

static inline void pv_xen_count(uint64_t *count, uint32_t by)
{
    __atomic_fetch_add(count, by, __ATOMIC_RELAXED);
}

/* A page-table entry. */
void pv_xen_queue_update(struct pv_xen_queue *queue, uint64_t where, uint64_t value);
/* The latest value that waits for an entry in the batch of this CPU; untouched if there is none. */
void pv_xen_queue_find(uint64_t where, uint64_t *value);
/* An operation of mmuext_op. */
void pv_xen_queue_ext(struct pv_xen_queue *queue, uint32_t command, uint64_t argument);
void pv_xen_queue_ext_of(struct pv_xen_queue *queue, const struct pv_xen_mmuext *operation);
/* Any other hypercall with two arguments and no result but success. */
void pv_xen_queue_call(struct pv_xen_queue *queue, uint64_t number, uint64_t a, uint64_t b);

/* Lets this CPU have batches from now on, with memory that the platform lends once. Without it the
 * CPU asks for each thing at once. */
void pv_xen_queue_cpu_start(void);

/* Sends what waits in the batch of this CPU. */
void pv_xen_pv_flush(void);

/* The outermost batch begins and ends. */
void pv_xen_pv_c_paging_batch_open(void);
void pv_xen_pv_c_paging_batch_close(void);

/* Around interrupt handlers: the batch that is interrupted, if any, is left alone. */
struct pv_xen_paused {
    uint64_t end;
};
struct pv_xen_paused pv_xen_queue_pause(void);
void pv_xen_queue_resume(struct pv_xen_paused paused);

/*
 * Words of pv_cpu::backend. ops.S appends to a batch through them: to entries of one table, whose
 * address and machine address are known, with bits that were translated before.
 */
enum pv_xen_word {
    PV_XEN_WORD_CR3,     /* the address space in force */
    PV_XEN_WORD_NEXT,    /* first free update of the batch */
    PV_XEN_WORD_END,     /* behind the last; 0 when no batch is open */
    PV_XEN_WORD_TABLE,   /* address of a table that entries may be appended for; 1: of none */
    PV_XEN_WORD_MACHINE, /* its machine address */
    PV_XEN_WORD_BITS,    /* the kind of the last entry (struct pv_xen_pte_kind) ... */
    PV_XEN_WORD_ADD,     /* ... and what is to be added to it */
    PV_XEN_WORD_WRITTEN, /* a bit for each table with writes in the batch, by its frame modulo 64 */
    PV_XEN_WORD_INTERRUPT, /* handlers under way */
    /* PV_XEN_WORD_EVENTS of event_port.h */
    PV_XEN_WORD_RETURNS = 10, /* frames that were given back to Xen: entry.S */
    PV_XEN_WORD_RECENT,       /* address of PV_XEN_RECENT_TABLES times struct pv_xen_recent */
};

/* An address that no entry lies behind. */
#define PV_XEN_NO_TABLE 1u
/* Bits that no entry has: there is no such frame. */
#define PV_XEN_NO_BITS UINT64_MAX

static inline bool pv_xen_queue_is_open(void)
{
    return pv_this_cpu()->backend[PV_XEN_WORD_END] != 0;
}

#endif
