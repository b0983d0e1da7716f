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

struct pv_xen_port pv_xen_no_ports[PV_XEN_PORT_CHUNK];

struct pv_xen_port *pv_xen_port_chunks[PV_XEN_PORT_CHUNKS];

static uint64_t stray;

static struct pv_xen_port *no_ports(void)
{
    return pv_xen_no_ports;
}

static void begin_chunk(struct pv_xen_port **chunk)
{
    if (*chunk == NULL)
        *chunk = no_ports();
    for (unsigned i = 0; *chunk != no_ports() && i < PV_XEN_PORT_CHUNK; i++)
        (*chunk)[i] = (struct pv_xen_port){.handler = NULL};
}

void pv_xen_ports_begin(void)
{
    pv_xen_port_chunks[0] = first_chunk;
    for (unsigned i = 0; i < PV_XEN_PORT_CHUNKS; i++)
        begin_chunk(&pv_xen_port_chunks[i]);
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
    uint64_t frame;

    if (number >= PV_XEN_PORTS)
        return NULL;
    if (pv_xen_port_chunks[number / PV_XEN_PORT_CHUNK] != no_ports())
        return pv_xen_port_at(number);
    struct pv_xen_port *chunk = pv_xen_event_page(&frame);
    if (chunk == NULL)
        return NULL;
    __atomic_store_n(&pv_xen_port_chunks[number / PV_XEN_PORT_CHUNK], chunk, __ATOMIC_RELEASE);
    return pv_xen_port_at(number);
}

struct pv_xen_port *pv_xen_port_of(int number)
{
    if (number <= 0 || number >= (int)PV_XEN_PORTS)
        return NULL;
    struct pv_xen_port *port = pv_xen_port_at((uint32_t)number);
    return __atomic_load_n(&port->state.taken, __ATOMIC_ACQUIRE) ? port : NULL;
}

void pv_xen_port_hold(uint32_t number, struct pv_xen_port *port, uint8_t reason)
{
    __atomic_fetch_or(&port->state.masked, reason, __ATOMIC_SEQ_CST);
    pv_xen_events->mask(number);
}

void pv_xen_port_release(uint32_t number, struct pv_xen_port *port, uint8_t reason)
{
    uint8_t before = __atomic_fetch_and(&port->state.masked, (uint8_t)~reason, __ATOMIC_SEQ_CST);

    if (before != reason)
        return;
    pv_xen_events->unmask(number);
    if (__atomic_load_n(&port->state.masked, __ATOMIC_SEQ_CST) != 0)
        pv_xen_events->mask(number);
}

/*
 * Another CPU runs the handler: it lets the port come when it is through. Either may see what the
 * other did; who takes the reason away is the one that unmasks.
 */
static void wait_for_other(uint32_t number, struct pv_xen_port *port)
{
    pv_xen_port_hold(number, port, PV_XEN_MASKED_RUNNING);
    if (__atomic_load_n(&port->state.active, __ATOMIC_SEQ_CST) == 0)
        pv_xen_port_release(number, port, PV_XEN_MASKED_RUNNING);
}

bool pv_xen_port_may_run(uint32_t number, struct pv_xen_port *port)
{
    if (!__atomic_load_n(&port->state.taken, __ATOMIC_ACQUIRE)) {
        pv_xen_port_stray(number);
        return false;
    }
    if (__atomic_load_n(&port->state.masked, __ATOMIC_SEQ_CST) != 0)
        return false;
    if (__atomic_exchange_n(&port->state.active, 1, __ATOMIC_SEQ_CST) != 0) {
        wait_for_other(number, port);
        return false;
    }
    if (port->state.late)
        pv_xen_port_hold(number, port, PV_XEN_MASKED_LATE);
    return true;
}

void pv_xen_port_ends(uint32_t number, struct pv_xen_port *port)
{
    __atomic_exchange_n(&port->state.active, 0, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&port->state.masked, __ATOMIC_SEQ_CST) & PV_XEN_MASKED_RUNNING)
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
