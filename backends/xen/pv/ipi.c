/* SPDX-License-Identifier: MIT */
/*
 * Interrupts from CPU to CPU: one event channel for each CPU, and a word of bits for which vectors
 * were meant (xen/include/public/event_channel.h, EVTCHNOP_bind_ipi).
 */
#include "backends/xen/event.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/event_channel.h"
#include "backends/xen/abi/pv.h"
#include "backends/xen/pv/pv.h"
#include "lib/irq.h"

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
            (void)pv_irq_dispatch(word * 64 + (unsigned)__builtin_ctzll(sent), regs);
    }
}

int pv_xen_pv_ipi_start(struct pv_error *error)
{
    uint32_t number = pv_this_cpu()->number;

    if (number >= PV_CONFIG_MAX_CPUS)
        return pv_fail(error, PV_E_RANGE, "more CPUs than the library was built for", number, -1);
    int port = pv_xen_event_bind_ipi(on_ipi, &mailboxes[number]);
    if (port < 0)
        return pv_fail(error, port, "Xen gives no event channel for interrupts between CPUs", 0,
                       -1);
    mailboxes[number].port = port;
    return PV_OK;
}

void pv_xen_pv_ipi_stop(void)
{
    uint32_t number = pv_this_cpu()->number;

    if (number >= PV_CONFIG_MAX_CPUS || mailboxes[number].port == 0)
        return;
    pv_xen_event_close(mailboxes[number].port);
    mailboxes[number].port = 0;
}

void pv_xen_pv_smp_ipi(uint32_t cpu, uint8_t vector)
{
    if (cpu >= PV_CONFIG_MAX_CPUS || mailboxes[cpu].port == 0) {
        pv_log_number("Xen PV: an interrupt is lost, for there is no CPU", cpu);
        return;
    }
    struct pv_evtchn_port send = {(uint32_t)mailboxes[cpu].port};
    __atomic_fetch_or(&mailboxes[cpu].vectors[vector / 64], 1ull << vector % 64, __ATOMIC_RELEASE);
    (void)pv_xen_event_channel_op(PV_EVTCHNOP_SEND, &send);
}
