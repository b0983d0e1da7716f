/* SPDX-License-Identifier: MIT */
/*
 * The two-level event scheme, seen from a guest: xen/include/public/xen.h, struct shared_info.
 *
 * No event is lost and none doubled if the order is kept: upcall_pending is cleared before the
 * selector is taken, the selector before the words are read, and a port's bit before its handler
 * runs. What Xen sets behind any of these steps raises another upcall (xen/common/event_2l.c sets
 * in the opposite order). So one pass is enough, and it has an end.
 */
#include "backends/xen/event_port.h"
#include "backends/xen/hypercall.h"

static uint64_t bit_of(uint32_t port)
{
    return 1ull << port % PV_XEN_EVENT_WORD_BITS;
}

static bool reach(uint32_t port)
{
    return port < PV_XEN_EVENT_PORTS;
}

static void mask(uint32_t port)
{
    __atomic_fetch_or(&pv_xen_shared->mask[port / PV_XEN_EVENT_WORD_BITS], bit_of(port),
                      __ATOMIC_SEQ_CST);
}

/* Xen delivers what is pending, and to which CPU, but looks only if it finds the port masked. */
static void unmask(uint32_t port)
{
    struct pv_evtchn_port argument = {port};
    uint32_t word = port / PV_XEN_EVENT_WORD_BITS;

    __atomic_fetch_and(&pv_xen_shared->mask[word], ~bit_of(port), __ATOMIC_SEQ_CST);
    if ((__atomic_load_n(&pv_xen_shared->pending[word], __ATOMIC_SEQ_CST) & bit_of(port)) == 0)
        return;
    mask(port);
    (void)pv_xen_event_channel_op(PV_EVTCHNOP_UNMASK, &argument);
}

static void clear(uint32_t port)
{
    __atomic_fetch_and(&pv_xen_shared->pending[port / PV_XEN_EVENT_WORD_BITS], ~bit_of(port),
                       __ATOMIC_SEQ_CST);
}

static uint64_t unmasked_in(const struct pv_xen_shared_info *shared, uint64_t word)
{
    return __atomic_load_n(&shared->pending[word], __ATOMIC_SEQ_CST) &
           ~__atomic_load_n(&shared->mask[word], __ATOMIC_SEQ_CST);
}

/* An earlier handler may have masked or closed it, or been where the backend, and so the page, went
 * away. */
static bool is_due(uint32_t number)
{
    return pv_xen_shared != NULL &&
           (unmasked_in(pv_xen_shared, number / PV_XEN_EVENT_WORD_BITS) & bit_of(number)) != 0;
}

/* Has Xen tell the CPU where it belongs by now. */
static void deliver_there(uint32_t number, struct pv_xen_port *port)
{
    if (!pv_xen_port_could_run(port))
        return;
    unmask(number);
    pv_xen_port_settle(number, port);
}

/*
 * A selector bit stands for a word, and ports of other CPUs are in it too: theirs to take. Of one
 * that was moved they may not know: who sent it learnt before the move whom to tell.
 */
static void leave_to_other(uint32_t number, struct pv_xen_port *port)
{
    if (__atomic_load_n(&port->moved, __ATOMIC_RELAXED))
        deliver_there(number, port);
}

static void run_port(uint32_t number, const struct pv_xen_event_cpu *cpu, struct pv_regs *regs)
{
    struct pv_xen_port *port = pv_xen_port_at(number);

    if (!is_due(number))
        return;
    if (__builtin_expect(port->vcpu != cpu->vcpu, 0) && port->state.taken) {
        leave_to_other(number, port);
        return;
    }
    if (!pv_xen_port_begin(number, port, cpu))
        return;
    __atomic_fetch_and(&pv_xen_shared->pending[number / PV_XEN_EVENT_WORD_BITS], ~bit_of(number),
                       __ATOMIC_SEQ_CST);
    port->handler(regs, port->context);
    pv_xen_port_ends(number, port);
}

/* The words are read once; what is set in them later comes with an upcall of its own. */
static __attribute__((noinline)) void run_all(const struct pv_xen_event_cpu *cpu, uint64_t selected,
                                              struct pv_regs *regs)
{
    for (; selected != 0 && pv_xen_shared != NULL; selected &= selected - 1) {
        uint32_t word = (uint32_t)__builtin_ctzll(selected);
        uint64_t pending = unmasked_in(pv_xen_shared, word);
        for (; pending != 0; pending &= pending - 1)
            run_port(word * PV_XEN_EVENT_WORD_BITS + (uint32_t)__builtin_ctzll(pending), cpu, regs);
    }
    pv_xen_events_look_after();
}

_Static_assert(PV_XEN_PORT_CHUNK == PV_XEN_EVENT_WORD_BITS, "a word's ports are a chunk");

static bool is_single(uint64_t bits)
{
    return bits != 0 && (bits & (bits - 1)) == 0;
}

/*
 * Most upcalls are for one port, at rest and alone in its word: that is written out. Whatever is
 * otherwise goes the long way.
 */
static void run(struct pv_xen_event_cpu *cpu, struct pv_regs *regs)
{
    struct pv_xen_shared_info *shared = pv_xen_shared;
    uint64_t selected = __atomic_exchange_n(&cpu->info->pending_selector, 0, __ATOMIC_SEQ_CST);

    if (selected == 0)
        return;
    uint64_t word = (uint64_t)__builtin_ctzll(selected);
    uint64_t pending = unmasked_in(shared, word);
    if (!is_single(pending)) {
        run_all(cpu, selected, regs);
        return;
    }
    uint64_t bit = (uint64_t)__builtin_ctzll(pending);
    struct pv_xen_port *port = &pv_xen_port_chunks[word][bit];
    if (port->vcpu != cpu->vcpu || !pv_xen_port_at_rest(port, cpu)) {
        run_all(cpu, selected, regs);
        return;
    }
    __atomic_fetch_and(&shared->pending[word], ~pending, __ATOMIC_SEQ_CST);
    port->handler(regs, port->context);
    pv_xen_port_ends((uint32_t)(word * PV_XEN_EVENT_WORD_BITS + bit), port);
    run_all(cpu, selected & (selected - 1), regs);
}

static bool came(const struct pv_xen_event_cpu *cpu)
{
    return pv_xen_shared != NULL && cpu->info != NULL &&
           __atomic_load_n(&cpu->info->pending_selector, __ATOMIC_SEQ_CST) != 0;
}

static void hand_on_port(uint32_t number)
{
    struct pv_xen_port *port = pv_xen_port_at(number);

    if (port->state.taken)
        deliver_there(number, port);
    else
        pv_xen_port_stray(number);
}

/* All words: a kernel that brings the CPU back may have cleared its block, and the selector there.
 */
static void hand_on(struct pv_xen_event_cpu *cpu)
{
    __atomic_store_n(&cpu->info->pending_selector, 0, __ATOMIC_SEQ_CST);
    for (uint32_t word = 0; word < PV_XEN_EVENT_WORDS; word++) {
        uint64_t pending = unmasked_in(pv_xen_shared, word);
        for (; pending != 0; pending &= pending - 1)
            hand_on_port(word * PV_XEN_EVENT_WORD_BITS + (uint32_t)__builtin_ctzll(pending));
    }
}

void pv_xen_events_2l_begin(void)
{
    for (uint32_t word = 0; word < PV_XEN_EVENT_WORDS; word++)
        __atomic_store_n(&pv_xen_shared->mask[word], UINT64_MAX, __ATOMIC_SEQ_CST);
}

const struct pv_xen_event_scheme pv_xen_events_2l = {
    .name = "events-2-level",
    .ports = PV_XEN_EVENT_PORTS,
    .reach = reach,
    .mask = mask,
    .unmask = unmask,
    .clear = clear,
    .run = run,
    .came = came,
    .hand_on = hand_on,
};
