/* SPDX-License-Identifier: MIT */
/*
 * What is asked of Xen at once, outside of batches; what is to be done about requests that Xen
 * refuses, in a batch or not; and how many requests there were. See queue.h.
 */
#include "backends/xen/pv/hypercall.h"
#include "backends/xen/pv/pv.h"
#include "backends/xen/pv/queue.h"
#include "lib/live.h"

uint64_t pv_xen_pv_calls PV_HIDDEN; /* of all CPUs, like these */
uint64_t pv_xen_pv_entries PV_HIDDEN, pv_xen_pv_updates PV_HIDDEN;

static void ext_refused(const struct pv_xen_mmuext *ext, int64_t result)
{
    if (ext->command == PV_MMUEXT_PIN_L4_TABLE || ext->command == PV_MMUEXT_NEW_BASEPTR ||
        ext->command == PV_MMUEXT_NEW_USER_BASEPTR)
        pv_xen_pv_report_table(pv_xen_from_machine((struct pv_xen_mfn){ext->argument}), 4, result);
    else
        pv_log_number("Xen PV: an operation on page tables is refused, errno", (uint64_t)-result);
}

void pv_xen_update_now(uint64_t where, uint64_t value)
{
    struct pv_xen_mmu_update update = {where, value};
    int64_t result = pv_xen_mmu_update(&update, 1, NULL);

    pv_xen_count(&pv_xen_pv_updates, 1);
    if (result != 0)
        pv_xen_pv_report_entry(where, value, result);
}

static inline int64_t ask(const struct pv_xen_mmuext *exts, uint32_t count)
{
    int64_t result =
        pv_xen_pv_call(PV_XEN_HC_MMUEXT_OP, pv_xen_pv_pointer(exts), count, 0, PV_XEN_DOMID_SELF);

    pv_xen_count(&pv_xen_pv_entries, count);
    return result;
}

/* Each by itself, since Xen did not say how far it came. They may be asked for twice. */
static __attribute__((noinline)) void ask_each(const struct pv_xen_mmuext *exts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        int64_t result = ask(&exts[i], 1);
        if (result != 0)
            ext_refused(&exts[i], result);
    }
}

/* Whether Xen refused is of no use to most, and to know it costs those five instructions. */
void pv_xen_exts_now(const struct pv_xen_mmuext *exts, uint32_t count)
{
    if (ask(exts, count) != 0)
        ask_each(exts, count);
}

bool pv_xen_ext_taken(const struct pv_xen_mmuext *ext)
{
    int64_t result = ask(ext, 1);

    if (result != 0)
        ext_refused(ext, result);
    return result == 0;
}

/* ---- what Xen refuses of a call that has several parts: entries, or operations of mmuext_op -----
 */

static int64_t send_update(const void *first, uint32_t count, uint32_t *done)
{
    return pv_xen_mmu_update(first, count, done);
}

static void update_refused(const void *update, int64_t result)
{
    const struct pv_xen_mmu_update *refused = update;

    pv_xen_pv_report_entry(refused->where, refused->value, result);
}

static int64_t send_ext(const void *first, uint32_t count, uint32_t *done)
{
    return pv_xen_pv_call(PV_XEN_HC_MMUEXT_OP, pv_xen_pv_pointer(first), count,
                          pv_xen_pv_pointer(done), PV_XEN_DOMID_SELF);
}

static void report_ext(const void *ext, int64_t result)
{
    ext_refused(ext, result);
}

static const struct parts {
    uint32_t bytes; /* of one */
    int64_t (*send)(const void *first, uint32_t count, uint32_t *done);
    void (*refused)(const void *part, int64_t result);
} update_parts = {sizeof(struct pv_xen_mmu_update), send_update, update_refused},
  ext_parts = {sizeof(struct pv_xen_mmuext), send_ext, report_ext};

/* The parts that are still to be made. */
struct rest {
    const char *next;
    uint32_t count;
};

/* Less those that Xen made, and never the one that it stopped at. */
static void take_off(struct rest *rest, const struct parts *parts, uint32_t done)
{
    if (done >= rest->count)
        done = rest->count - 1;
    rest->next += (size_t)done * parts->bytes;
    rest->count -= done;
}

static int64_t send_rest(struct rest *rest, const struct parts *parts)
{
    uint32_t done = 0;
    int64_t result = parts->send(rest->next, rest->count, &done);

    take_off(rest, parts, done);
    return result;
}

/*
 * Xen goes in order and stops at the first part that it refuses; those behind it are sent again.
 * Whether any were: then they come behind later calls of the same multicall, and what Xen refuses
 * of these may be only for that, so it is asked once more (`late`).
 */
static bool go_on(const struct parts *parts, const struct pv_xen_note *note, int64_t result,
                  bool late)
{
    struct rest rest = {note->first, note->count};

    take_off(&rest, parts, note->done);
    if (late)
        result = send_rest(&rest, parts);
    while (result != 0) {
        parts->refused(rest.next, result);
        rest.next += parts->bytes;
        if (--rest.count == 0)
            break;
        late = true;
        result = send_rest(&rest, parts);
    }
    return late;
}

static void call_refused(int64_t result)
{
    pv_log_number("Xen PV: a request is refused, errno", (uint64_t)-result);
}

void pv_xen_call_now(uint64_t number, uint64_t a, uint64_t b)
{
    int64_t result = pv_xen_pv_call(number, a, b, 0, 0);

    pv_xen_count(&pv_xen_pv_entries, 1);
    if (result != 0)
        call_refused(result);
}

/* Whether some of it was made late. */
static bool look_at(const struct pv_xen_multicall *call, const struct pv_xen_note *note, bool late)
{
    int64_t result = (int64_t)call->result;

    if (result == 0)
        return late;
    if (call->number == PV_XEN_HC_MMU_UPDATE)
        return go_on(&update_parts, note, result, late);
    if (call->number == PV_XEN_HC_MMUEXT_OP)
        return go_on(&ext_parts, note, result, late);
    call_refused(result);
    return late;
}

/* What is said about a refusal may be long, and is not to find the queue half sent. A flush that
 * was to follow what came late has been made before it. */
void pv_xen_queue_look_at_each(const struct pv_xen_queue *queue, uint32_t count)
{
    bool late = false;

    for (uint32_t i = 0; i < count; i++)
        late = look_at(&queue->calls[i], &queue->notes[i], late);
    if (late)
        pv_xen_exts_now(&(struct pv_xen_mmuext){PV_MMUEXT_TLB_FLUSH_ALL, 0, 0}, 1);
}

/* Of all CPUs that are up: who goes takes its own along. */
static uint64_t returns(void)
{
    uint64_t sum = 0;

    for (unsigned number = 0; number <= pv_other_cpus(); number++) {
        const struct pv_cpu *cpu = pv_cpu_of(number);
        sum += cpu != NULL ? cpu->backend[PV_XEN_WORD_RETURNS] : 0;
    }
    return sum;
}

void pv_xen_pv_host_calls(struct pv_host_calls *counts)
{
    counts->calls = __atomic_load_n(&pv_xen_pv_calls, __ATOMIC_RELAXED);
    counts->entries = __atomic_load_n(&pv_xen_pv_entries, __ATOMIC_RELAXED);
    counts->updates = __atomic_load_n(&pv_xen_pv_updates, __ATOMIC_RELAXED);
    counts->returns = returns();
}
