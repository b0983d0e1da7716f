/* SPDX-License-Identifier: MIT */
/*
 * The channels of console and xenstore over a reset of all event channels. They were there before
 * this kernel and are for the next one too, which knows them by the same numbers.
 *
 * When a channel is closed, its other end waits for a new connection from this domain
 * (xen/common/event_channel.c, evtchn_close); so it is enough to remember who and which that was.
 * Xen gives out the lowest number that is free, and numbers that would be too low are filled
 * meanwhile.
 */
#include "backends/xen/event_port.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/hvm.h"

/* Tools make these two first, so their numbers are low. */
#define MOST_FILLERS 32u

struct kept {
    uint32_t port; /* 0: none is kept */
    uint32_t remote_port;
    uint16_t remote_domain;
};

enum { CONSOLE, STORE, KEPT };

static struct kept kept[KEPT];

static uint32_t hvm_port(uint32_t index)
{
    struct pv_xen_hvm_param param = {PV_XEN_DOMID_SELF, 0, index, 0};

    if (pv_xen_hvm_op(PV_HVMOP_GET_PARAM, &param) != 0 || param.value >= PV_XEN_PORTS)
        return 0;
    return (uint32_t)param.value;
}

static uint32_t port_of(unsigned which)
{
    if (!pv_xen_is_pv())
        return hvm_port(which == CONSOLE ? PV_HVM_PARAM_CONSOLE_EVTCHN : PV_HVM_PARAM_STORE_EVTCHN);
    return which == CONSOLE ? pv_boot->xen_pv.console_port : pv_boot->xen_pv.store_port;
}

static struct kept look_at(uint32_t port)
{
    struct pv_evtchn_status status = {.domain = PV_XEN_DOMID_SELF, .port = port};

    if (port == 0 || port >= PV_XEN_PORTS ||
        pv_xen_event_channel_op(PV_EVTCHNOP_STATUS, &status) != 0 ||
        status.status != PV_EVTCHNSTAT_INTERDOMAIN)
        return (struct kept){0, 0, 0};
    return (struct kept){port, status.remote_port, status.remote_domain};
}

void pv_xen_events_keep(void)
{
    for (unsigned i = 0; i < KEPT; i++)
        kept[i] = look_at(port_of(i));
}

static void close(uint32_t port)
{
    struct pv_evtchn_port argument = {port};

    (void)pv_xen_event_channel_op(PV_EVTCHNOP_CLOSE, &argument);
}

/* A port that nobody uses; 0: Xen gives none. */
static uint32_t fill(void)
{
    struct pv_evtchn_alloc_unbound filler = {PV_XEN_DOMID_SELF, PV_XEN_DOMID_SELF, 0};

    return pv_xen_event_channel_op(PV_EVTCHNOP_ALLOC_UNBOUND, &filler) == 0 ? filler.port : 0;
}

/* Until the port that Xen gives next is this one. How many were filled for that. */
static unsigned fill_up_to(uint32_t port, uint32_t *fillers, unsigned room)
{
    for (unsigned used = 0; used < room; used++) {
        fillers[used] = fill();
        if (fillers[used] != 0 && fillers[used] < port)
            continue;
        if (fillers[used] != 0)
            close(fillers[used]);
        return used;
    }
    return room;
}

static bool connect(const struct kept *one)
{
    struct pv_evtchn_bind_interdomain bind = {one->remote_domain, one->remote_port, 0};

    if (pv_xen_event_channel_op(PV_EVTCHNOP_BIND_INTERDOMAIN, &bind) != 0)
        return false;
    if (bind.port == one->port)
        return true;
    close(bind.port);
    return false;
}

static void restore(const struct kept *one)
{
    uint32_t fillers[MOST_FILLERS];

    if (one->port == 0)
        return;
    unsigned used = fill_up_to(one->port, fillers, MOST_FILLERS);
    if (!connect(one))
        pv_log_number("Xen: a channel of console or xenstore stays closed, port", one->port);
    while (used-- != 0)
        close(fillers[used]);
}

/* In ascending order, or the second one's place would be filled for the first one's sake. */
void pv_xen_events_kept_restore(void)
{
    bool console_first = kept[CONSOLE].port < kept[STORE].port;

    restore(&kept[console_first ? CONSOLE : STORE]);
    restore(&kept[console_first ? STORE : CONSOLE]);
}
