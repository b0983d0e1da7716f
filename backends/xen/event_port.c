/* SPDX-License-Identifier: MIT */
/*
 * What is known of ports, and why each is masked.
 *
 * The reasons are the truth, and the bit shared with Xen follows them: it can be clear for a moment
 * while another CPU adds a reason, but then the handler does not start, for the reasons are looked
 * at first; and the CPU that cleared it looks once more behind that.
 */
#include "backends/xen/event_port.h"

static struct pv_xen_port first_chunk[PV_XEN_PORT_CHUNK]
    __attribute__((aligned(sizeof(struct pv_xen_port))));

struct pv_xen_port *pv_xen_port_chunks[PV_XEN_PORT_CHUNKS] = {first_chunk};

static uint64_t stray;

void pv_xen_ports_begin(void)
{
    for (uint32_t number = 0; number < PV_XEN_PORTS; number++) {
        struct pv_xen_port *port = pv_xen_port_at(number);
        if (port != NULL)
            *port = (struct pv_xen_port){.handler = NULL};
    }
    stray = 0;
}

void *pv_xen_event_page(uint64_t *frame)
{
    if (pv_platform->page_alloc == NULL || pv_platform->phys_to_virt == NULL)
        return NULL;
    uint64_t phys = pv_platform->page_alloc();
    if (phys == 0)
        return NULL;
    *frame = pv_xen_frame_of(phys);
    return pv_platform->phys_to_virt(phys);
}

struct pv_xen_port *pv_xen_port_make(uint32_t number)
{
    struct pv_xen_port *port = pv_xen_port_at(number);
    uint64_t frame;

    if (port != NULL || number >= PV_XEN_PORTS)
        return port;
    struct pv_xen_port *chunk = pv_xen_event_page(&frame);
    if (chunk == NULL)
        return NULL;
    __atomic_store_n(&pv_xen_port_chunks[number / PV_XEN_PORT_CHUNK], chunk, __ATOMIC_RELEASE);
    return pv_xen_port_at(number);
}

struct pv_xen_port *pv_xen_port_of(int number)
{
    struct pv_xen_port *port = number > 0 ? pv_xen_port_at((uint32_t)number) : NULL;

    return port != NULL && __atomic_load_n(&port->handler, __ATOMIC_ACQUIRE) != NULL ? port : NULL;
}

void pv_xen_port_hold(uint32_t number, struct pv_xen_port *port, uint8_t reason)
{
    __atomic_fetch_or(&port->masked, reason, __ATOMIC_SEQ_CST);
    pv_xen_events->mask(number);
}

void pv_xen_port_release(uint32_t number, struct pv_xen_port *port, uint8_t reason)
{
    uint8_t before = __atomic_fetch_and(&port->masked, (uint8_t)~reason, __ATOMIC_SEQ_CST);

    if (before != reason)
        return;
    pv_xen_events->unmask(number);
    if (__atomic_load_n(&port->masked, __ATOMIC_SEQ_CST) != 0)
        pv_xen_events->mask(number);
}

/* Either CPU may see what the other did; who takes the reason away is the one that unmasks. */
void pv_xen_port_wait(uint32_t number, struct pv_xen_port *port)
{
    pv_xen_port_hold(number, port, PV_XEN_MASKED_RUNNING);
    if (__atomic_load_n(&port->active, __ATOMIC_SEQ_CST) == 0)
        pv_xen_port_release(number, port, PV_XEN_MASKED_RUNNING);
}

void pv_xen_port_ends(uint32_t number, struct pv_xen_port *port)
{
    __atomic_exchange_n(&port->active, 0, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&port->masked, __ATOMIC_SEQ_CST) & PV_XEN_MASKED_RUNNING)
        pv_xen_port_release(number, port, PV_XEN_MASKED_RUNNING);
}

/* Said once: whoever sends events to nobody can do so again and again. */
void pv_xen_port_stray(uint32_t number)
{
    pv_xen_events->mask(number);
    if (__atomic_fetch_add(&stray, 1, __ATOMIC_RELAXED) == 0)
        pv_log_number("Xen: event for a port that nobody uses; masked:", number);
}

uint64_t pv_xen_events_stray(void)
{
    return __atomic_load_n(&stray, __ATOMIC_RELAXED);
}
