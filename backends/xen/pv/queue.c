/* SPDX-License-Identifier: MIT */
/*
 * See queue.h. Entries of page tables are one array, and the calls that carry them name runs of it;
 * a request of another kind ends a run, so the order is kept. A single call is made as what it is,
 * several as one multicall (xen/include/public/xen.h, HYPERVISOR_multicall).
 */
#include "backends/xen/pv/queue.h"
#include "backends/xen/pv/hypercall.h"
#include "backends/xen/pv/offsets.h"
#include "backends/xen/pv/pv.h"

_Static_assert(CPU_NEXT == CPU_BACKEND + 8 * PV_XEN_WORD_NEXT, "offsets.h");
_Static_assert(CPU_END == CPU_BACKEND + 8 * PV_XEN_WORD_END, "offsets.h");
_Static_assert(CPU_TABLE == CPU_BACKEND + 8 * PV_XEN_WORD_TABLE, "offsets.h");
_Static_assert(CPU_MACHINE == CPU_BACKEND + 8 * PV_XEN_WORD_MACHINE, "offsets.h");
_Static_assert(CPU_BITS == CPU_BACKEND + 8 * PV_XEN_WORD_BITS, "offsets.h");
_Static_assert(CPU_ADD == CPU_BACKEND + 8 * PV_XEN_WORD_ADD, "offsets.h");
_Static_assert(CPU_WRITTEN == CPU_BACKEND + 8 * PV_XEN_WORD_WRITTEN, "offsets.h");
_Static_assert(CPU_RECENT == CPU_BACKEND + 8 * PV_XEN_WORD_RECENT, "offsets.h");
_Static_assert(RECENT_TABLE == offsetof(struct pv_xen_recent, table), "offsets.h");
_Static_assert(RECENT_MACHINE == offsetof(struct pv_xen_recent, machine), "offsets.h");
_Static_assert(RECENT_BIT == offsetof(struct pv_xen_recent, bit), "offsets.h");
_Static_assert(RECENT_CHANGES == offsetof(struct pv_xen_recent, changes), "offsets.h");
_Static_assert(1 << RECENT_SHIFT == sizeof(struct pv_xen_recent), "offsets.h");
_Static_assert(RECENT_MASK == (PV_XEN_RECENT_TABLES - 1) << RECENT_SHIFT, "offsets.h");
_Static_assert(CPU_RETURNS == CPU_BACKEND + 8 * PV_XEN_WORD_RETURNS, "offsets.h");

/* Of the CPU that boots. */
static struct pv_xen_mmu_update boot_updates[PV_XEN_BATCH_UPDATES];

/* What a batch has besides updates. */
struct room {
    struct pv_xen_queue queue;
    struct pv_xen_mmuext exts[PV_XEN_BATCH_EXTS];
    struct pv_xen_multicall calls[PV_XEN_BATCH_CALLS];
    struct pv_xen_note notes[PV_XEN_BATCH_CALLS];
    struct pv_xen_recent recent[PV_XEN_RECENT_TABLES];
};

_Static_assert(sizeof(struct room) <= PV_XEN_PAGE, "other CPUs have it in a page");
_Static_assert(offsetof(struct room, queue) == 0, "a CPU's batch is where its room is");

static struct room boot_room;

/* Of each CPU, in a struct room; NULL: it has no batches. */
static struct pv_xen_queue *batches[PV_CONFIG_MAX_CPUS];

static uint64_t *words(void)
{
    return pv_this_cpu()->backend;
}

/* While one is open. */
static struct pv_xen_queue *this_batch(void)
{
    return batches[pv_this_cpu()->number];
}

static void begin_again(struct pv_xen_queue *queue)
{
    queue->part = 0;
    queue->run = queue->next = queue->parts[0].begin;
    queue->exts_used = queue->calls_used = 0;
}

static struct pv_xen_queue *furnish(struct room *room)
{
    struct pv_xen_queue *queue = &room->queue;

    queue->exts = room->exts;
    queue->calls = room->calls;
    queue->notes = room->notes;
    queue->exts_most = PV_XEN_BATCH_EXTS;
    queue->calls_most = PV_XEN_BATCH_CALLS;
    queue->of_batch = true;
    begin_again(queue);
    return queue;
}

static void *borrow_page(void)
{
    uint64_t phys = pv_platform->page_alloc != NULL ? pv_platform->page_alloc() : 0;

    return phys != 0 ? pv_xen_pv_at(phys) : NULL;
}

/* Beside a part that is there already, on either side, or as one of its own. */
static void add_part(struct pv_xen_queue *queue, struct pv_xen_mmu_update *begin, uint32_t count)
{
    struct pv_xen_mmu_update *end = begin + count;

    for (uint32_t i = 0; i < queue->parts_used; i++) {
        struct pv_xen_part *part = &queue->parts[i];
        if (part->end != begin && part->begin != end)
            continue;
        *part = part->end == begin ? (struct pv_xen_part){part->begin, end}
                                   : (struct pv_xen_part){begin, part->end};
        return;
    }
    queue->parts[queue->parts_used++] = (struct pv_xen_part){begin, end};
}

static struct pv_xen_queue *borrow(void)
{
    struct room *room = borrow_page();

    if (room == NULL)
        return NULL;
    for (uint32_t i = 0; i < PV_XEN_BATCH_PARTS; i++) {
        struct pv_xen_mmu_update *page = borrow_page();
        if (page != NULL)
            add_part(&room->queue, page, PV_XEN_PAGE / sizeof(*page));
    }
    return room->queue.parts_used != 0 ? furnish(room) : NULL;
}

static struct pv_xen_queue *get_batch(uint32_t number)
{
    if (number != 0)
        return borrow();
    add_part(&boot_room.queue, boot_updates, PV_XEN_BATCH_UPDATES);
    return furnish(&boot_room);
}

/* A CPU that comes back has what it had, in a block that may be new. */
void pv_xen_queue_cpu_start(void)
{
    uint32_t number = pv_this_cpu()->number;

    if (number >= PV_CONFIG_MAX_CPUS)
        return;
    if (batches[number] == NULL)
        batches[number] = get_batch(number);
    if (batches[number] == NULL) {
        pv_log_number("Xen PV: no pages for batches of a CPU (pv_platform::page_alloc):", number);
        return;
    }
    words()[PV_XEN_WORD_RECENT] = pv_xen_pv_pointer(((struct room *)batches[number])->recent);
    words()[PV_XEN_WORD_BITS] = PV_XEN_NO_BITS;
}

struct pv_xen_queue *pv_xen_queue_batch(void)
{
    struct pv_xen_queue *batch = this_batch();
    batch->next = (struct pv_xen_mmu_update *)(uintptr_t)words()[PV_XEN_WORD_NEXT];
    return batch;
}

struct pv_xen_queue *pv_xen_queue_get(struct pv_xen_queue *own)
{
    if (pv_xen_queue_is_open())
        return pv_xen_queue_batch();
    own->parts[0] = (struct pv_xen_part){own->own_updates, own->own_updates + PV_XEN_OWN_UPDATES};
    own->parts_used = 1;
    own->exts = own->own_exts;
    own->calls = own->own_calls;
    own->notes = own->own_notes;
    own->exts_most = PV_XEN_OWN_EXTS;
    own->calls_most = PV_XEN_OWN_CALLS;
    own->of_batch = false;
    begin_again(own);
    return own;
}

static const struct pv_xen_part *filling(const struct pv_xen_queue *queue)
{
    return &queue->parts[queue->part];
}

/* ops.S appends too, and both are to know where. */
static void tell_next(const struct pv_xen_queue *queue)
{
    if (queue->of_batch)
        words()[PV_XEN_WORD_NEXT] = pv_xen_pv_pointer(queue->next);
}

static void tell_end(const struct pv_xen_queue *queue)
{
    if (queue->of_batch)
        words()[PV_XEN_WORD_END] = pv_xen_pv_pointer(filling(queue)->end);
}

/* Arguments that a call does not have are left as they are: nobody looks at them. */
static inline __attribute__((always_inline)) struct pv_xen_multicall *
add_call(struct pv_xen_queue *queue, uint64_t number, uint64_t a, uint64_t b)
{
    struct pv_xen_multicall *call = &queue->calls[queue->calls_used++];

    /* Behind a hypercall the analyzer believes nothing; the arrays of a queue are always there. */
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    call->number = number;
    call->result = 0;
    call->arguments[0] = a;
    call->arguments[1] = b;
    return call;
}

/* Entries, or operations of mmuext_op, in one piece. */
static inline __attribute__((always_inline)) void
add_list(struct pv_xen_queue *queue, uint64_t number, const void *first, uint32_t count)
{
    struct pv_xen_note *note = &queue->notes[queue->calls_used];
    struct pv_xen_multicall *call = add_call(queue, number, pv_xen_pv_pointer(first), count);

    note->first = first;
    note->count = count;
    note->done = 0;
    call->arguments[2] = pv_xen_pv_pointer(&note->done);
    call->arguments[3] = PV_XEN_DOMID_SELF;
}

static inline __attribute__((always_inline)) void end_run(struct pv_xen_queue *queue)
{
    if (queue->run == queue->next)
        return;
    add_list(queue, PV_XEN_HC_MMU_UPDATE, queue->run, (uint32_t)(queue->next - queue->run));
    queue->run = queue->next;
}

static void look_at_all(struct pv_xen_queue *queue, uint32_t count)
{
    uint32_t all_updates = 0, all_entries = 0;
    uint64_t results = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t number = queue->calls[i].number;
        if (number == PV_XEN_HC_MMU_UPDATE)
            all_updates += queue->notes[i].count;
        else
            all_entries += number == PV_XEN_HC_MMUEXT_OP ? queue->notes[i].count : 1;
        results |= queue->calls[i].result;
    }
    pv_xen_count(&pv_xen_pv_updates, all_updates);
    pv_xen_count(&pv_xen_pv_entries, all_entries);
    queue->refused = results != 0;
    if (results != 0)
        pv_xen_queue_look_at_each(queue, count);
}

static void send(struct pv_xen_queue *queue)
{
    end_run(queue);
    uint32_t count = queue->calls_used;
    if (count == 1) {
        struct pv_xen_multicall *call = &queue->calls[0];
        call->result =
            (uint64_t)pv_xen_pv_call(call->number, call->arguments[0], call->arguments[1],
                                     call->arguments[2], call->arguments[3]);
    } else if (count != 0) {
        int64_t result =
            pv_xen_pv_call(PV_XEN_HC_MULTICALL, pv_xen_pv_pointer(queue->calls), count, 0, 0);
        if (result != 0)
            pv_log_number("Xen PV: a multicall is refused, errno", (uint64_t)-result);
    }
    queue->switches = false;
    begin_again(queue);
    tell_next(queue);
    tell_end(queue);
    look_at_all(queue, count);
}

void pv_xen_queue_put(struct pv_xen_queue *queue)
{
    if (!queue->of_batch)
        send(queue);
}

static bool next_part(struct pv_xen_queue *queue)
{
    if (queue->part + 1 == queue->parts_used)
        return false;
    end_run(queue);
    queue->part++;
    queue->run = queue->next = filling(queue)->begin;
    tell_next(queue);
    tell_end(queue);
    return true;
}

/* A call may be needed for the run that is open, and one for what comes. */
static bool calls_are_full(const struct pv_xen_queue *queue)
{
    return queue->calls_used + 2 >= queue->calls_most;
}

void pv_xen_queue_update(struct pv_xen_queue *queue, uint64_t where, uint64_t value)
{
    if (calls_are_full(queue) || (queue->next == filling(queue)->end && !next_part(queue)))
        send(queue);
    *queue->next++ = (struct pv_xen_mmu_update){where, value};
    tell_next(queue);
}

/* The bits of pv_xen_mmu_update::where that are no address. */
#define HOW 3ull

/* From the last one back. */
static bool find_in(const struct pv_xen_mmu_update *begin, const struct pv_xen_mmu_update *behind,
                    uint64_t where, uint64_t *value)
{
    while (behind != begin) {
        behind--;
        if ((behind->where & ~HOW) != where)
            continue;
        *value = behind->value;
        return true;
    }
    return false;
}

void pv_xen_queue_find(uint64_t where, uint64_t *value)
{
    const struct pv_xen_queue *batch = this_batch();
    const struct pv_xen_mmu_update *behind =
        (const struct pv_xen_mmu_update *)(uintptr_t)words()[PV_XEN_WORD_NEXT];

    for (uint32_t part = batch->part;; behind = batch->parts[--part].end)
        if (find_in(batch->parts[part].begin, behind, where, value) || part == 0)
            return;
}

/* Operations that follow each other are one call, too. */
static inline __attribute__((always_inline)) void
queue_ext(struct pv_xen_queue *queue, uint32_t command, uint64_t argument, uint64_t more)
{
    if (queue->exts_used == queue->exts_most || calls_are_full(queue))
        send(queue);
    end_run(queue);
    struct pv_xen_mmuext *ext = &queue->exts[queue->exts_used++];
    uint32_t calls = queue->calls_used;

    *ext = (struct pv_xen_mmuext){command, argument, more};
    if (calls == 0 || queue->calls[calls - 1].number != PV_XEN_HC_MMUEXT_OP) {
        add_list(queue, PV_XEN_HC_MMUEXT_OP, ext, 1);
        return;
    }
    queue->calls[calls - 1].arguments[1]++;
    queue->notes[calls - 1].count++;
}

void pv_xen_queue_ext(struct pv_xen_queue *queue, uint32_t command, uint64_t argument)
{
    queue_ext(queue, command, argument, 0);
}

void pv_xen_queue_ext_of(struct pv_xen_queue *queue, const struct pv_xen_mmuext *operation)
{
    queue_ext(queue, operation->command, operation->argument, operation->argument2);
}

void pv_xen_queue_call(struct pv_xen_queue *queue, uint64_t number, uint64_t a, uint64_t b)
{
    if (calls_are_full(queue))
        send(queue);
    end_run(queue);
    (void)add_call(queue, number, a, b);
}

void pv_xen_pv_flush(void)
{
    if (!pv_xen_queue_is_open())
        return;
    send(pv_xen_queue_batch());
    words()[PV_XEN_WORD_WRITTEN] = 0;
    /* The next entry finds its table anew, and notes it as written. */
    words()[PV_XEN_WORD_TABLE] = PV_XEN_NO_TABLE;
}

/* Called after the depth is counted up. */
void pv_xen_pv_c_paging_batch_open(void)
{
    const struct pv_cpu *cpu = pv_this_cpu();
    const struct pv_xen_queue *batch =
        cpu->number < PV_CONFIG_MAX_CPUS ? batches[cpu->number] : NULL;

    if (batch == NULL || cpu->batch_depth != 1 || words()[PV_XEN_WORD_INTERRUPT] != 0)
        return;
    words()[PV_XEN_WORD_TABLE] = PV_XEN_NO_TABLE;
    words()[PV_XEN_WORD_WRITTEN] = 0;
    tell_next(batch);
    tell_end(batch);
}

/* Called after the depth is counted down. A switch of threads has its batch inside of the one of a
 * thread that gave the CPU away in it; the next one is not to run on what was. */
void pv_xen_pv_c_paging_batch_close(void)
{
    if (words()[PV_XEN_WORD_INTERRUPT] != 0)
        return;
    if (pv_this_cpu()->batch_depth > 0) {
        if (pv_xen_queue_is_open() && this_batch()->switches)
            pv_xen_pv_flush();
        return;
    }
    pv_xen_pv_flush();
    words()[PV_XEN_WORD_END] = 0;
}

struct pv_xen_paused pv_xen_queue_pause(void)
{
    struct pv_xen_paused paused = {words()[PV_XEN_WORD_END]};

    words()[PV_XEN_WORD_END] = 0;
    words()[PV_XEN_WORD_INTERRUPT]++;
    return paused;
}

void pv_xen_queue_resume(struct pv_xen_paused paused)
{
    words()[PV_XEN_WORD_INTERRUPT]--;
    words()[PV_XEN_WORD_END] = paused.end;
}
