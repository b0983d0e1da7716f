/* SPDX-License-Identifier: MIT */
/*
 * Interrupts from CPU to CPU: one event channel for each CPU, and a word of bits for which vectors
 * were meant (xen/include/public/event_channel.h, EVTCHNOP_bind_ipi). What ends the upcall is not
 * the end of these.
 */
#include "backends/xen/event.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/event_channel.h"
#include "lib/irq.h"
#include "lib/patch.h"

#define VECTOR_WORDS 4u

struct mailbox {
    uint64_t vectors[VECTOR_WORDS]; /* a bit for each that was sent and not taken */
    int port;                       /* 0: this CPU cannot be reached */
};

static struct mailbox mailboxes[PV_CONFIG_MAX_CPUS];

/* The bits are taken before their handlers run: what is sent meanwhile comes as another event. */
static void on_ipi(struct pv_regs *regs, void *context)
{
    struct mailbox *mailbox = context;

    for (unsigned word = 0; word < VECTOR_WORDS; word++) {
        uint64_t sent = __atomic_exchange_n(&mailbox->vectors[word], 0, __ATOMIC_ACQ_REL);
        for (; sent != 0; sent &= sent - 1)
            (void)pv_irq_run(word * 64 + (unsigned)__builtin_ctzll(sent), regs);
    }
}

static bool any_left(const struct mailbox *mailbox)
{
    uint64_t any = 0;

    for (unsigned word = 0; word < VECTOR_WORDS; word++)
        any |= __atomic_load_n(&mailbox->vectors[word], __ATOMIC_ACQUIRE);
    return any != 0;
}

static bool send_event(const struct mailbox *mailbox)
{
    struct pv_evtchn_port send = {(uint32_t)__atomic_load_n(&mailbox->port, __ATOMIC_ACQUIRE)};

    return send.port != 0 && pv_xen_event_channel_op(PV_EVTCHNOP_SEND, &send) == 0;
}

/* Who was in the middle of sending while backends changed may have left something. */
int pv_xen_ipi_start(struct pv_error *error)
{
    uint32_t number = pv_this_cpu()->number;

    if (number >= PV_CONFIG_MAX_CPUS)
        return pv_fail(error, PV_E_RANGE, "more CPUs than the library was built for", number, -1);
    int port = pv_xen_event_bind_ipi(on_ipi, &mailboxes[number]);
    if (port < 0)
        return pv_fail(error, port, "Xen gives no event channel for interrupts between CPUs", 0,
                       -1);
    __atomic_store_n(&mailboxes[number].port, port, __ATOMIC_RELEASE);
    if (any_left(&mailboxes[number]))
        (void)send_event(&mailboxes[number]);
    return PV_OK;
}

/* Without an event the interrupt goes the way of the ops below, if they have one. */
static void send_below(uint32_t cpu, uint8_t vector)
{
    if (pv_xen_base_ops()->smp_ipi != NULL)
        pv_xen_base_ops()->smp_ipi(cpu, vector);
    else
        pv_log_number("Xen: an interrupt is lost, for there is no CPU", cpu);
}

void pv_xen_ipi_stop(void)
{
    uint32_t number = pv_this_cpu()->number;

    if (number >= PV_CONFIG_MAX_CPUS || mailboxes[number].port == 0)
        return;
    struct mailbox *mailbox = &mailboxes[number];
    int port = mailbox->port;
    __atomic_store_n(&mailbox->port, 0, __ATOMIC_RELEASE);
    pv_xen_event_close(port);
    for (unsigned word = 0; word < VECTOR_WORDS; word++) {
        uint64_t left = __atomic_exchange_n(&mailbox->vectors[word], 0, __ATOMIC_ACQ_REL);
        for (; left != 0; left &= left - 1)
            send_below(number, (uint8_t)(word * 64 + (unsigned)__builtin_ctzll(left)));
    }
}

/* The bit comes first: whoever takes the port away behind it takes the bit too. */
void pv_xen_smp_ipi(uint32_t cpu, uint8_t vector)
{
    uint64_t bit = 1ull << vector % 64;

    if (cpu >= PV_CONFIG_MAX_CPUS) {
        send_below(cpu, vector);
        return;
    }
    uint64_t *word = &mailboxes[cpu].vectors[vector / 64];
    __atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
    if (!send_event(&mailboxes[cpu]) && (__atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST) & bit))
        send_below(cpu, vector);
}
