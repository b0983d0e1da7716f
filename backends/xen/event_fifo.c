/* SPDX-License-Identifier: MIT */
/*
 * The FIFO event scheme, seen from a guest: xen/include/public/event_channel.h, "FIFO ABI". Each
 * port has a word of an array, which grows by a page of 1,024; each CPU has a queue for each of 16
 * priorities, linked through these words. Xen links a port to the end of its queue when it becomes
 * pending, and names the first one in the CPU's control block (xen/common/event_fifo.c,
 * evtchn_fifo_set_pending). Nothing is searched: the cost is that of the ports which are pending.
 *
 * A port is unlinked by the same step that reads its PENDING: what comes behind that links it
 * again.
 *
 * Every word can be a lie. A port beyond the array ends its queue; so does a word that changes
 * faster than it can be read. A port that comes again in the same upcall stays pending, is masked,
 * and is given back to Xen at the end, for another upcall: so each handler runs once, whatever is
 * sent meanwhile. More ports than there can be are no queue.
 */
#include "backends/xen/event_port.h"
#include "backends/xen/hypercall.h"

#define QUEUES ((1u << PV_EVENT_QUEUES) - 1)

/* A port that is masked behind a look at it is linked once more; so each may be met twice. */
#define MOST_VISITS (2 * PV_XEN_PORTS)

/* Xen changes a word in a few steps (evtchn_fifo_set_link): nobody needs as many tries. */
#define MOST_TRIES 64u

static void corrupt(uint32_t what)
{
    if (!__atomic_exchange_n(&pv_xen_event_lie_told, true, __ATOMIC_RELAXED))
        pv_log_number("Xen: a queue of events cannot be; its rest is left alone:", what);
}

static void mask(uint32_t port)
{
    if (port < __atomic_load_n(&pv_xen_event_words_end, __ATOMIC_ACQUIRE))
        __atomic_fetch_or(pv_xen_event_word(port), PV_EVENT_MASKED, __ATOMIC_SEQ_CST);
}

/* Not while Xen changes the link of a port, which it says by BUSY: then Xen unmasks it itself. */
static void unmask(uint32_t port)
{
    struct pv_evtchn_port argument = {port};

    if (port >= __atomic_load_n(&pv_xen_event_words_end, __ATOMIC_ACQUIRE))
        return;
    uint32_t *word = pv_xen_event_word(port);
    uint32_t seen = __atomic_load_n(word, __ATOMIC_SEQ_CST) & ~PV_EVENT_BUSY;
    if ((seen & PV_EVENT_PENDING) == 0 &&
        __atomic_compare_exchange_n(word, &seen, seen & ~PV_EVENT_MASKED, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST))
        return;
    (void)pv_xen_event_channel_op(PV_EVTCHNOP_UNMASK, &argument);
}

static void clear(uint32_t port)
{
    if (port < __atomic_load_n(&pv_xen_event_words_end, __ATOMIC_ACQUIRE))
        __atomic_fetch_and(pv_xen_event_word(port), ~PV_EVENT_PENDING, __ATOMIC_SEQ_CST);
}

/* Behind the ports that came again in this upcall; *again: the first of them. */
static void come_again(uint32_t number, struct pv_xen_port *port, uint32_t *again)
{
    pv_xen_port_hold(number, port, PV_XEN_MASKED_AGAIN);
    port->again = *again;
    *again = number;
}

static void give_back(uint32_t first)
{
    while (first != 0) {
        uint32_t number = first;
        struct pv_xen_port *port = pv_xen_port_at(number);
        first = port->again;
        pv_xen_port_release(number, port, PV_XEN_MASKED_AGAIN);
    }
}

/* Port 0 is none. */
static bool is_port(uint32_t number)
{
    return __builtin_expect(number - 1 < __atomic_load_n(&pv_xen_event_last, __ATOMIC_RELAXED), 1);
}

/* The first port of a queue; 0: there is none. */
static uint32_t first_of(const struct pv_xen_event_cpu *cpu, unsigned queue)
{
    uint32_t number = cpu->heads[queue];

    if (number == 0)
        number = __atomic_load_n(&cpu->block->head[queue], __ATOMIC_ACQUIRE);
    if (is_port(number))
        return number;
    if (number != 0)
        corrupt(number);
    return 0;
}

static bool is_due(uint32_t word)
{
    return (word & (PV_EVENT_PENDING | PV_EVENT_MASKED)) == PV_EVENT_PENDING;
}

/* Whether a linked port's handler shall run now; if not, what is to become of the port. */
static bool shall_run(uint32_t number, uint32_t seen, const struct pv_xen_event_cpu *cpu,
                      uint32_t *again)
{
    struct pv_xen_port *port = pv_xen_port_at(number);

    if (!is_due(seen))
        return false;
    if (__builtin_expect(port->pass != cpu->pass, 1))
        return pv_xen_port_begin(number, port, cpu);
    if (pv_xen_port_could_run(port))
        come_again(number, port, again);
    return false;
}

/*
 * A pending port was taken out of its queue and did not run. Who let it come meanwhile may have
 * found it linked, in which case Xen has not linked it again.
 */
static void deliver_later(uint32_t number)
{
    struct pv_evtchn_port argument = {number};
    struct pv_xen_port *port = pv_xen_port_at(number);

    if (!pv_xen_port_could_run(port))
        return;
    (void)pv_xen_event_channel_op(PV_EVTCHNOP_UNMASK, &argument);
    pv_xen_port_settle(number, port);
}

/*
 * Takes a port out of its queue; true: its handler is to run, and PENDING is cleared by the same
 * step. *seen: its word before that.
 */
static bool take_out(uint32_t number, const struct pv_xen_event_cpu *cpu, uint32_t *again,
                     uint32_t *seen)
{
    uint32_t *word = pv_xen_event_word(number);
    bool runs = false;

    *seen = __atomic_load_n(word, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < MOST_TRIES; i++) {
        runs = runs || shall_run(number, *seen, cpu, again);
        uint32_t cleared = PV_EVENT_LINKED | PV_EVENT_LINK | (runs ? PV_EVENT_PENDING : 0);
        if (!__atomic_compare_exchange_n(word, seen, *seen & ~cleared, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_RELAXED))
            continue;
        if (!runs && is_due(*seen))
            deliver_later(number);
        return runs;
    }
    corrupt(number);
    *seen = 0;
    return runs;
}

/* Takes one port out of a queue and runs it. false: the queue is at its end. */
static bool run_first(struct pv_xen_event_cpu *cpu, unsigned queue, uint32_t *again,
                      struct pv_regs *regs)
{
    uint32_t number = first_of(cpu, queue);
    uint32_t seen = 0;

    bool runs = number != 0 && take_out(number, cpu, again, &seen);
    cpu->heads[queue] = seen & PV_EVENT_LINK;
    if (runs) {
        struct pv_xen_port *port = pv_xen_port_at(number);
        port->pass = cpu->pass;
        port->handler(regs, port->context);
        pv_xen_port_ends(number, port);
    }
    return (seen & PV_EVENT_LINK) != 0;
}

static void drop_all(struct pv_xen_event_cpu *cpu)
{
    corrupt(cpu->vcpu);
    for (unsigned queue = 0; queue < PV_EVENT_QUEUES; queue++)
        cpu->heads[queue] = 0;
}

/* Ready queues are looked for before each port, for a more urgent one may have come. */
static __attribute__((noinline)) void run_all(struct pv_xen_event_cpu *cpu, uint32_t ready,
                                              struct pv_regs *regs)
{
    uint32_t again = 0;

    cpu->pass++;
    for (uint32_t visits = 0; visits <= MOST_VISITS; visits++) {
        if (__atomic_load_n(&cpu->block->ready, __ATOMIC_RELAXED) != 0)
            ready |= __atomic_exchange_n(&cpu->block->ready, 0, __ATOMIC_SEQ_CST) & QUEUES;
        if (ready == 0)
            break;
        unsigned queue = (unsigned)__builtin_ctz(ready);
        if (visits == MOST_VISITS)
            drop_all(cpu);
        else if (!run_first(cpu, queue, &again, regs))
            ready &= ~(1u << queue);
    }
    give_back(again);
    pv_xen_events_look_after();
}

/*
 * Behind the handler of a port that was alone in its queue. Which CPU this is, and where the port's
 * entry lies, is found once more, so that the way to the handler has little to keep.
 */
static __attribute__((noinline)) void ran_alone(uint32_t number, uint32_t ready,
                                                struct pv_regs *regs)
{
    struct pv_xen_event_cpu *cpu = &pv_xen_event_cpus[pv_this_cpu()->number];
    struct pv_xen_port *port = pv_xen_port_at(number);

    pv_xen_port_ends(number, port);
    port->pass = cpu->pass + 1;
    run_all(cpu, ready, regs);
}

/* A port at rest became active, and goes on through its queue. */
static __attribute__((noinline)) void not_alone(struct pv_xen_event_cpu *cpu, uint32_t ready,
                                                struct pv_regs *regs, uint32_t number)
{
    pv_xen_port_ends(number, pv_xen_port_at(number));
    run_all(cpu, ready, regs);
}

/*
 * Most upcalls are for one port, at rest and alone in its queue: that is written out. Whatever is
 * otherwise goes the long way.
 */
static void run(struct pv_xen_event_cpu *cpu, struct pv_regs *regs)
{
    struct pv_xen_control_block *block = cpu->block;
    uint32_t ready = __atomic_exchange_n(&block->ready, 0, __ATOMIC_SEQ_CST) & QUEUES;

    if (ready == 0)
        return;
    uint32_t number = __atomic_load_n(&block->head[__builtin_ctz(ready)], __ATOMIC_ACQUIRE);
    if (!is_port(number)) {
        run_all(cpu, ready, regs);
        return;
    }
    struct pv_xen_port *port = pv_xen_port_at(number);
    uint32_t alone = PV_EVENT_PENDING | PV_EVENT_LINKED;
    if (!pv_xen_port_at_rest(port, cpu)) {
        run_all(cpu, ready, regs);
        return;
    }
    if (!__atomic_compare_exchange_n(pv_xen_event_word(number), &alone, 0, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED)) {
        not_alone(cpu, ready, regs, number);
        return;
    }
    ready &= ready - 1;
    port->handler(regs, port->context);
    ran_alone(number, ready, regs);
}

static bool came(const struct pv_xen_event_cpu *cpu)
{
    return cpu->block != NULL && __atomic_load_n(&cpu->block->ready, __ATOMIC_SEQ_CST) != 0;
}

/* Takes a port out of its queue, whatever is to become of it. The one behind it; 0: there is none.
 */
static uint32_t pass_on(uint32_t number)
{
    uint32_t *word = pv_xen_event_word(number);
    uint32_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);

    for (unsigned i = 0; i < MOST_TRIES; i++) {
        if (!__atomic_compare_exchange_n(word, &seen, seen & ~(PV_EVENT_LINKED | PV_EVENT_LINK),
                                         false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            continue;
        if (is_due(seen))
            deliver_later(number);
        return seen & PV_EVENT_LINK;
    }
    corrupt(number);
    return 0;
}

/* A link to nowhere ends a queue here, too. */
static void hand_on(struct pv_xen_event_cpu *cpu)
{
    uint32_t ready = __atomic_exchange_n(&cpu->block->ready, 0, __ATOMIC_SEQ_CST) & QUEUES;
    uint32_t visits = 0;

    for (; ready != 0; ready &= ready - 1) {
        uint32_t number = first_of(cpu, (unsigned)__builtin_ctz(ready));
        while (number != 0 && is_port(number) && visits++ < MOST_VISITS)
            number = pass_on(number);
    }
}

const struct pv_xen_event_scheme pv_xen_events_fifo = {
    .name = "events-fifo",
    .ports = 1u << PV_EVENT_LINK_BITS,
    .reach = pv_xen_events_fifo_reach,
    .mask = mask,
    .unmask = unmask,
    .clear = clear,
    .run = run,
    .came = came,
    .hand_on = hand_on,
};
