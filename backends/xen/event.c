/* SPDX-License-Identifier: MIT */
/*
 * The two-level event scheme, seen from a guest.
 *
 * No event is lost and none doubled if the order is kept: upcall_pending is cleared before the
 * selector is taken, the selector before the words are read, and a port's bit before its handler
 * runs. What Xen sets behind any of these steps raises another upcall (xen/common/event_2l.c sets
 * in the opposite order). So one pass is enough, and it has an end.
 */
#include "backends/xen/event.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/event_channel.h"

_Static_assert(PV_XEN_PORTS % PV_XEN_EVENT_WORD_BITS == 0, "whole words");
_Static_assert(PV_XEN_PORTS <= PV_XEN_EVENT_PORTS, "more there are not");

struct port {
    pv_xen_event_handler handler; /* NULL: nobody's */
    void *context;
    uint32_t vcpu; /* where it is delivered */
};

static struct port ports[PV_XEN_PORTS];
static uint64_t stray;

static uint64_t bit_of(uint32_t port)
{
    return 1ull << port % PV_XEN_EVENT_WORD_BITS;
}

static void mask(uint32_t word, uint64_t bits)
{
    __atomic_fetch_or(&pv_xen_shared->mask[word], bits, __ATOMIC_SEQ_CST);
}

/* By hypercall, for Xen then looks whether something was pending, and on which CPU. */
static void unmask(uint32_t port)
{
    struct pv_evtchn_port argument = {port};

    (void)pv_xen_event_channel_op(PV_EVTCHNOP_UNMASK, &argument);
}

static void close(uint32_t port)
{
    struct pv_evtchn_port argument = {port};

    (void)pv_xen_event_channel_op(PV_EVTCHNOP_CLOSE, &argument);
}

void pv_xen_events_start(void)
{
    for (uint32_t word = 0; word < PV_XEN_EVENT_WORDS; word++)
        mask(word, UINT64_MAX);
    for (uint32_t port = 0; port < PV_XEN_PORTS; port++)
        ports[port].handler = NULL;
    stray = 0;
}

/* Port 0 is never given out: event_channel.c reserves it. */
static int take_port(uint32_t port, uint32_t vcpu, pv_xen_event_handler handler, void *context)
{
    if (port == 0 || port >= PV_XEN_EVENT_PORTS)
        return PV_E_HOST;
    if (port >= PV_XEN_PORTS || ports[port].handler != NULL) {
        close(port);
        return PV_E_FULL;
    }
    ports[port].context = context;
    ports[port].vcpu = vcpu;
    __atomic_store_n(&ports[port].handler, handler, __ATOMIC_RELEASE);
    unmask(port);
    return (int)port;
}

int pv_xen_event_bind_virq(uint32_t virq, pv_xen_event_handler handler, void *context)
{
    struct pv_evtchn_bind_virq bind = {virq, pv_xen_this_vcpu(), 0};

    if (pv_xen_event_channel_op(PV_EVTCHNOP_BIND_VIRQ, &bind) != 0)
        return PV_E_HOST;
    return take_port(bind.port, bind.vcpu, handler, context);
}

int pv_xen_event_bind_ipi(pv_xen_event_handler handler, void *context)
{
    struct pv_evtchn_bind_ipi bind = {pv_xen_this_vcpu(), 0};

    if (pv_xen_event_channel_op(PV_EVTCHNOP_BIND_IPI, &bind) != 0)
        return PV_E_HOST;
    return take_port(bind.port, bind.vcpu, handler, context);
}

void pv_xen_event_close(int port)
{
    if (port <= 0 || (uint32_t)port >= PV_XEN_PORTS)
        return;
    mask((uint32_t)port / PV_XEN_EVENT_WORD_BITS, bit_of((uint32_t)port));
    __atomic_store_n(&ports[port].handler, NULL, __ATOMIC_RELEASE);
    close((uint32_t)port);
}

/* Said once: whoever sends events to nobody can do so again and again. */
static void count_stray(uint32_t port)
{
    if (__atomic_fetch_add(&stray, 1, __ATOMIC_RELAXED) == 0)
        pv_log_number("Xen: event for a port that nobody uses; masked:", port);
}

static void run_port(uint32_t port, uint32_t vcpu, struct pv_regs *regs)
{
    uint32_t word = port / PV_XEN_EVENT_WORD_BITS;
    pv_xen_event_handler handler = __atomic_load_n(&ports[port].handler, __ATOMIC_ACQUIRE);

    if (handler == NULL) {
        mask(word, bit_of(port));
        count_stray(port);
        return;
    }
    /* A selector bit stands for a word, and ports of other CPUs are in it too: theirs to take. */
    if (ports[port].vcpu != vcpu)
        return;
    __atomic_fetch_and(&pv_xen_shared->pending[word], ~bit_of(port), __ATOMIC_SEQ_CST);
    handler(regs, ports[port].context);
}

/* The word is read once; what is set in it later comes with an upcall of its own. */
static void run_word(uint32_t word, uint32_t vcpu, struct pv_regs *regs)
{
    uint32_t first = word * PV_XEN_EVENT_WORD_BITS;

    uint64_t pending = __atomic_load_n(&pv_xen_shared->pending[word], __ATOMIC_SEQ_CST) &
                       ~__atomic_load_n(&pv_xen_shared->mask[word], __ATOMIC_SEQ_CST);

    if (pending != 0 && first >= PV_XEN_PORTS) {
        mask(word, UINT64_MAX);
        count_stray(first);
        return;
    }
    for (; pending != 0; pending &= pending - 1)
        run_port(first + (uint32_t)__builtin_ctzll(pending), vcpu, regs);
}

void pv_xen_events_run(struct pv_regs *regs)
{
    struct pv_xen_vcpu_info *info = pv_xen_this_vcpu_info();

    if (info == NULL)
        return;
    uint32_t vcpu = pv_xen_this_vcpu();
    __atomic_exchange_n(&info->upcall_pending, 0, __ATOMIC_SEQ_CST);
    uint64_t selected = __atomic_exchange_n(&info->pending_selector, 0, __ATOMIC_SEQ_CST);
    for (; selected != 0; selected &= selected - 1)
        run_word((uint32_t)__builtin_ctzll(selected), vcpu, regs);
}

uint64_t pv_xen_events_stray(void)
{
    return __atomic_load_n(&stray, __ATOMIC_RELAXED);
}
