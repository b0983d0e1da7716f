/* SPDX-License-Identifier: MIT */
/*
 * What is known of ports, and why each is masked.
 *
 * The reasons are the truth, and the bit shared with Xen follows them. It can differ for a moment:
 * clear while another CPU adds a reason, but then the handler does not start, for the reasons are
 * looked at first; or set while another CPU takes the last one away. So whoever changes the bit
 * looks at the reasons behind that. The last one to change it then knows all of them, or leaves the
 * bit to somebody who has changed them since and is about to do the same.
 */
#include "backends/xen/event_port.h"

/* How often a CPU follows reasons that others change meanwhile. */
#define MOST_ROUNDS 1000u

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

/* Masked for good: a port that nobody has. */
static bool has_reason(struct pv_xen_port *port)
{
    union pv_xen_port_state state = {.all = __atomic_load_n(&port->state.all, __ATOMIC_SEQ_CST)};

    return state.masked != 0 || state.taken == PV_XEN_NOT_TAKEN;
}

/* Each further round is another CPU's, which has changed the reasons once more since the last. */
static void follow(uint32_t number, struct pv_xen_port *port, bool is_masked)
{
    for (unsigned i = 0; i < MOST_ROUNDS && has_reason(port) != is_masked; i++) {
        is_masked = !is_masked;
        if (is_masked)
            pv_xen_events->mask(number);
        else
            pv_xen_events->unmask(number);
    }
}

void pv_xen_port_settle(uint32_t number, struct pv_xen_port *port)
{
    follow(number, port, false);
}

bool pv_xen_port_hold(uint32_t number, struct pv_xen_port *port, uint8_t reason)
{
    uint8_t before = __atomic_fetch_or(&port->state.masked, reason, __ATOMIC_SEQ_CST);

    pv_xen_events->mask(number);
    follow(number, port, true);
    return (before & reason) == 0;
}

void pv_xen_port_release(uint32_t number, struct pv_xen_port *port, uint8_t reason)
{
    uint8_t before = __atomic_fetch_and(&port->state.masked, (uint8_t)~reason, __ATOMIC_SEQ_CST);

    if (before != reason)
        return;
    pv_xen_events->unmask(number);
    follow(number, port, false);
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

bool pv_xen_port_may_run(uint32_t number, struct pv_xen_port *port,
                         const struct pv_xen_event_cpu *cpu)
{
    uint16_t nobody = 0, here = (uint16_t)(cpu->active >> PV_XEN_PORT_ACTIVE_SHIFT);
    uint8_t taken = __atomic_load_n(&port->state.taken, __ATOMIC_ACQUIRE);

    if (taken == PV_XEN_NOT_TAKEN) {
        pv_xen_port_stray(number);
        return false;
    }
    if (__atomic_load_n(&port->state.masked, __ATOMIC_SEQ_CST) != 0)
        return false;
    if (!__atomic_compare_exchange_n(&port->state.active, &nobody, here, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
        wait_for_other(number, port);
        return false;
    }
    if (taken == PV_XEN_TAKEN_LATE)
        pv_xen_port_hold(number, port, PV_XEN_MASKED_LATE);
    return true;
}

uint16_t pv_xen_port_active_here(void)
{
    return (uint16_t)(pv_this_cpu()->number + 1);
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
    follow(number, pv_xen_port_at(number), true);
    if (__atomic_fetch_add(&stray, 1, __ATOMIC_RELAXED) == 0)
        pv_log_number("Xen: event for a port that nobody uses; masked:", number);
}

uint64_t pv_xen_events_stray(void)
{
    return __atomic_load_n(&stray, __ATOMIC_RELAXED);
}
