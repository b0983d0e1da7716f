/* SPDX-License-Identifier: MIT */
/*
 * How ports are had and given back, and what their owners do with them.
 */
#include "backends/xen/event_port.h"
#include "backends/xen/hypercall.h"

/* How long another CPU is waited for that runs a handler, or moves a port. */
#define MOST_SPINS 100000000u

static void close(uint32_t number)
{
    struct pv_evtchn_port argument = {number};

    (void)pv_xen_event_channel_op(PV_EVTCHNOP_CLOSE, &argument);
}

/* The port's entry, if it is nobody's yet, and there is room. Port 0 is never given out:
 * event_channel.c reserves it. */
static struct pv_xen_port *free_port(uint32_t number)
{
    struct pv_xen_port *port = pv_xen_port_make(number);

    return port == NULL || port->state.taken || !pv_xen_events->reach(number) ? NULL : port;
}

static int take(uint32_t number, struct pv_xen_port *port, uint32_t vcpu,
                pv_xen_event_handler handler, void *context)
{
    /* It may still be in a list: links stay. */
    port->handler = handler;
    port->context = context;
    port->vcpu = vcpu;
    port->workless = 0;
    port->stays = port->moved = false;
    __atomic_store_n(&port->due_ns, UINT64_MAX, __ATOMIC_SEQ_CST);
    port->state.masked = PV_XEN_MASKED_BY_OWNER;
    __atomic_store_n(&port->state.taken, PV_XEN_TAKEN, __ATOMIC_RELEASE);
    pv_xen_port_release(number, port, PV_XEN_MASKED_BY_OWNER);
    return (int)number;
}

static int take_port(uint32_t number, uint32_t vcpu, pv_xen_event_handler handler, void *context)
{
    if (number == 0 || number >= pv_xen_events->ports)
        return PV_E_HOST;
    struct pv_xen_port *port = free_port(number);
    if (port != NULL)
        return take(number, port, vcpu, handler, context);
    close(number);
    return PV_E_FULL;
}

int pv_xen_event_adopt(uint32_t number, pv_xen_event_handler handler, void *context)
{
    struct pv_evtchn_status status = {.domain = PV_XEN_DOMID_SELF, .port = number};

    if (number == 0 || number >= pv_xen_events->ports ||
        pv_xen_event_channel_op(PV_EVTCHNOP_STATUS, &status) != 0 ||
        status.status != PV_EVTCHNSTAT_INTERDOMAIN)
        return PV_E_ARGUMENT;
    struct pv_xen_port *port = free_port(number);
    if (port == NULL)
        return PV_E_FULL;
    int result = take(number, port, status.vcpu, handler, context);
    port->stays = true;
    return result;
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

/* These go to CPU 0 until they are moved. */
int pv_xen_event_bind_pirq(uint32_t pirq, uint32_t flags, pv_xen_event_handler handler,
                           void *context)
{
    struct pv_evtchn_bind_pirq bind = {pirq, flags, 0};

    if (pv_xen_event_channel_op(PV_EVTCHNOP_BIND_PIRQ, &bind) != 0)
        return PV_E_HOST;
    return take_port(bind.port, 0, handler, context);
}

int pv_xen_event_offer(uint16_t domain, pv_xen_event_handler handler, void *context)
{
    struct pv_evtchn_alloc_unbound offer = {PV_XEN_DOMID_SELF, domain, 0};

    if (pv_xen_event_channel_op(PV_EVTCHNOP_ALLOC_UNBOUND, &offer) != 0)
        return PV_E_HOST;
    return take_port(offer.port, 0, handler, context);
}

int pv_xen_event_connect(uint16_t domain, uint32_t remote_port, pv_xen_event_handler handler,
                         void *context)
{
    struct pv_evtchn_bind_interdomain bind = {domain, remote_port, 0};

    if (pv_xen_event_channel_op(PV_EVTCHNOP_BIND_INTERDOMAIN, &bind) != 0)
        return PV_E_HOST;
    return take_port(bind.port, 0, handler, context);
}

/* A handler may close its own port: nobody waits for himself. Where the port is delivered says
 * nothing: it may have been moved while its handler runs. */
static int wait_until_idle(const struct pv_xen_port *port)
{
    for (uint32_t i = 0; i < MOST_SPINS; i++) {
        uint16_t active = __atomic_load_n(&port->state.active, __ATOMIC_ACQUIRE);
        if (active == 0 || active == pv_xen_port_active_here())
            return PV_OK;
        pv_cpu_relax();
    }
    pv_log("Xen: a port was closed, and its handler does not come to an end");
    return PV_E_TIMEOUT;
}

int pv_xen_event_close(int number)
{
    struct pv_xen_port *port = pv_xen_port_of(number);

    if (port == NULL)
        return PV_E_ARGUMENT;
    pv_xen_port_hold((uint32_t)number, port, PV_XEN_MASKED_BY_OWNER);
    __atomic_store_n(&port->state.taken, PV_XEN_NOT_TAKEN, __ATOMIC_SEQ_CST);
    if (!port->stays)
        close((uint32_t)number);
    return wait_until_idle(port);
}

int pv_xen_event_send(int number)
{
    struct pv_evtchn_port send = {(uint32_t)number};

    if (pv_xen_port_of(number) == NULL)
        return PV_E_ARGUMENT;
    return pv_xen_event_channel_op(PV_EVTCHNOP_SEND, &send) == 0 ? PV_OK : PV_E_HOST;
}

int pv_xen_event_mask(int number)
{
    struct pv_xen_port *port = pv_xen_port_of(number);

    if (port == NULL)
        return PV_E_ARGUMENT;
    pv_xen_port_hold((uint32_t)number, port, PV_XEN_MASKED_BY_OWNER);
    return PV_OK;
}

int pv_xen_event_unmask(int number)
{
    struct pv_xen_port *port = pv_xen_port_of(number);

    if (port == NULL)
        return PV_E_ARGUMENT;
    pv_xen_port_release((uint32_t)number, port, PV_XEN_MASKED_BY_OWNER);
    return PV_OK;
}

void pv_xen_event_clear(int number)
{
    if (pv_xen_port_of(number) != NULL)
        pv_xen_events->clear((uint32_t)number);
}

static bool move(uint32_t number, struct pv_xen_port *port, uint32_t vcpu)
{
    struct pv_evtchn_bind_vcpu bind = {number, vcpu};

    __atomic_store_n(&port->moved, true, __ATOMIC_SEQ_CST);
    if (pv_xen_event_channel_op(PV_EVTCHNOP_BIND_VCPU, &bind) != 0)
        return false;
    __atomic_store_n(&port->vcpu, vcpu, __ATOMIC_SEQ_CST);
    return true;
}

/* One CPU at a time moves a port, or Xen would know one place and its entry another. */
static bool begin_to_move(uint32_t number, struct pv_xen_port *port)
{
    for (uint32_t i = 0; i < MOST_SPINS; i++) {
        if (pv_xen_port_hold(number, port, PV_XEN_MASKED_MOVING))
            return true;
        pv_cpu_relax();
    }
    return false;
}

/* What is pending meanwhile is delivered by the unmasking, where it belongs by then. The CPU may go
 * while a port is moved there: then the port goes where its others went. */
static int move_alone(uint32_t number, struct pv_xen_port *port, uint32_t vcpu)
{
    if (!begin_to_move(number, port))
        return PV_E_TIMEOUT;
    int status = move(number, port, vcpu) ? PV_OK : PV_E_HOST;
    if (status == PV_OK && !pv_xen_events_reach_vcpu(vcpu)) {
        (void)move(number, port, pv_xen_event_cpus[0].vcpu);
        status = PV_E_RANGE;
    }
    pv_xen_port_release(number, port, PV_XEN_MASKED_MOVING);
    return status;
}

/* Xen would take any CPU, and drop or keep what comes for one that is not up. */
int pv_xen_event_set_vcpu(int number, uint32_t vcpu)
{
    struct pv_xen_port *port = pv_xen_port_of(number);

    if (port == NULL)
        return PV_E_ARGUMENT;
    if (!pv_xen_events_reach_vcpu(vcpu))
        return PV_E_RANGE;
    struct pv_irqflags flags = pv_irq_save();
    int status = move_alone((uint32_t)number, port, vcpu);
    pv_irq_restore(flags);
    return status;
}

int pv_xen_event_set_priority(int number, uint32_t priority)
{
    struct pv_evtchn_set_priority set = {(uint32_t)number, priority};

    if (pv_xen_port_of(number) == NULL || priority >= PV_EVENT_QUEUES)
        return PV_E_ARGUMENT;
    return pv_xen_event_channel_op(PV_EVTCHNOP_SET_PRIORITY, &set) == 0 ? PV_OK : PV_E_UNSUPPORTED;
}
