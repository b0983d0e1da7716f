/* SPDX-License-Identifier: MIT */
/*
 * Real interrupts as event channels: xen/include/public/physdev.h, event_channel.h
 * (EVTCHNOP_bind_pirq). Interrupt controllers and the registers of messages are Xen's; a domain
 * that owns the hardware asks for a line by its number, or for a device's message, and binds what
 * it gets to a port. Behind the handler Xen is told its end where it wants to know.
 *
 * A domain without hardware has neither, and so has one that runs in ring 0: there lines are those
 * of an I/O APIC.
 */
#include "backends/xen/pirq.h"
#include "backends/xen/event.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/event_channel.h"
#include "backends/xen/abi/physdev.h"
#include "lib/irq.h"

#define MOST_PIRQS 32u
#define NO_GSI     UINT32_MAX

struct pirq {
    int port;       /* 0: this entry is free */
    uint32_t gsi;   /* NO_GSI: a message */
    int32_t number; /* Xen's */
    uint8_t vector;
    bool wants_end;
};

static struct pirq pirqs[MOST_PIRQS];

static void on_pirq(struct pv_regs *regs, void *context)
{
    const struct pirq *pirq = context;
    struct pv_xen_pirq_eoi end = {(uint32_t)pirq->number};

    (void)pv_irq_run(pirq->vector, regs);
    if (pirq->wants_end)
        (void)pv_xen_physdev_op(PV_PHYSDEVOP_EOI, &end);
}

static bool is_hardware_domain(void)
{
    return pv_xen_is_pv() && pv_boot->xen_pv.is_hardware_domain;
}

static struct pirq *find(uint32_t gsi)
{
    for (unsigned i = 0; i < MOST_PIRQS; i++)
        if (pirqs[i].port != 0 && pirqs[i].gsi == gsi)
            return &pirqs[i];
    return NULL;
}

static struct pirq *find_free(void)
{
    for (unsigned i = 0; i < MOST_PIRQS; i++)
        if (pirqs[i].port == 0)
            return &pirqs[i];
    return NULL;
}

static void unmap(int32_t number)
{
    struct pv_xen_unmap_pirq unmap = {PV_XEN_DOMID_SELF, number};

    (void)pv_xen_physdev_op(PV_PHYSDEVOP_UNMAP_PIRQ, &unmap);
}

/* Without an answer the end is told: once too often does no harm. */
static bool wants_end(int32_t number)
{
    struct pv_xen_irq_status status = {(uint32_t)number, 0};

    return pv_xen_physdev_op(PV_PHYSDEVOP_IRQ_STATUS_QUERY, &status) != 0 ||
           (status.flags & PV_XENIRQSTAT_NEEDS_EOI) != 0;
}

/* PV_E_HOST: Xen has no such thing to give. */
static int map(struct pirq *pirq, struct pv_xen_map_pirq *map, uint32_t bind_flags)
{
    map->domain = PV_XEN_DOMID_SELF;
    if (pv_xen_physdev_op(PV_PHYSDEVOP_MAP_PIRQ, map) != 0 || map->pirq < 0)
        return PV_E_HOST;
    pirq->number = map->pirq;
    pirq->wants_end = wants_end(map->pirq);
    int port = pv_xen_event_bind_pirq((uint32_t)map->pirq, bind_flags, on_pirq, pirq);
    if (port < 0) {
        unmap(map->pirq);
        return port;
    }
    pirq->port = port;
    return PV_OK;
}

/* A vector is of the CPU that routes something to it, and so is the handler's place. */
static int bring_here(const struct pirq *pirq)
{
    return pv_xen_event_set_vcpu(pirq->port, pv_xen_this_vcpu());
}

/* How firmware's tables have wired a line goes before what is said here; Xen has read them. */
static int map_line(struct pirq *pirq, uint32_t gsi, uint32_t flags)
{
    bool is_level = (flags & PV_IRQ_LEVEL) != 0;
    struct pv_xen_setup_gsi setup = {(int32_t)gsi, is_level, (flags & PV_IRQ_ACTIVE_LOW) != 0};
    struct pv_xen_map_pirq line = {
        .type = PV_MAP_PIRQ_TYPE_GSI,
        .index = (int32_t)gsi,
        .pirq = (int32_t)gsi,
    };

    (void)pv_xen_physdev_op(PV_PHYSDEVOP_SETUP_GSI, &setup);
    pirq->gsi = gsi;
    return map(pirq, &line, is_level ? PV_BIND_PIRQ_SHARE : 0);
}

int pv_xen_irq_route(uint32_t gsi, uint8_t vector, uint32_t flags)
{
    if (!is_hardware_domain())
        return PV_E_UNSUPPORTED;
    if (gsi > INT32_MAX || vector < 16)
        return PV_E_RANGE;
    struct pirq *pirq = find(gsi);
    if (pirq != NULL) {
        pirq->vector = vector;
        return bring_here(pirq);
    }
    pirq = find_free();
    if (pirq == NULL)
        return PV_E_FULL;
    pirq->vector = vector;
    return map_line(pirq, gsi, flags) == PV_OK ? bring_here(pirq) : PV_E_RANGE;
}

/* Messages are Xen's to write: pv_xen_msi_route(). */
int pv_xen_irq_message(uint32_t cpu, uint8_t vector, struct pv_irq_message *message)
{
    (void)cpu;
    (void)vector;
    (void)message;
    return PV_E_UNSUPPORTED;
}

static int set_masked(const struct pirq *pirq, bool masked)
{
    return masked ? pv_xen_event_mask(pirq->port) : pv_xen_event_unmask(pirq->port);
}

int pv_xen_irq_mask(uint32_t gsi, bool masked)
{
    const struct pirq *pirq = find(gsi);

    if (!is_hardware_domain())
        return PV_E_UNSUPPORTED;
    return pirq != NULL && gsi != NO_GSI ? set_masked(pirq, masked) : PV_E_RANGE;
}

int pv_xen_msi_route(uint8_t bus, uint8_t devfn, uint8_t vector)
{
    struct pv_xen_pci_device device = {.bus = bus, .devfn = devfn};
    struct pv_xen_map_pirq message = {
        .type = PV_MAP_PIRQ_TYPE_MSI_SEG,
        .index = -1,
        .pirq = -1,
        .bus = bus,
        .devfn = devfn,
    };

    if (!is_hardware_domain())
        return PV_E_UNSUPPORTED;
    struct pirq *pirq = find_free();
    if (pirq == NULL)
        return PV_E_FULL;
    /* Refused if Xen has found it by itself. */
    (void)pv_xen_physdev_op(PV_PHYSDEVOP_PCI_DEVICE_ADD, &device);
    pirq->gsi = NO_GSI;
    pirq->vector = vector;
    int status = map(pirq, &message, 0);
    if (status == PV_OK)
        status = bring_here(pirq);
    return status == PV_OK ? (int)(pirq - pirqs) : status;
}

static struct pirq *message_of(int msi)
{
    if (msi < 0 || msi >= (int)MOST_PIRQS || pirqs[msi].port == 0 || pirqs[msi].gsi != NO_GSI)
        return NULL;
    return &pirqs[msi];
}

int pv_xen_msi_mask(int msi, bool masked)
{
    const struct pirq *pirq = message_of(msi);

    return pirq != NULL ? set_masked(pirq, masked) : PV_E_ARGUMENT;
}

static void give_back(struct pirq *pirq)
{
    pv_xen_event_close(pirq->port);
    unmap(pirq->number);
    pirq->port = 0;
}

void pv_xen_msi_end(int msi)
{
    struct pirq *pirq = message_of(msi);

    if (pirq != NULL)
        give_back(pirq);
}

void pv_xen_pirqs_stop(void)
{
    for (unsigned i = 0; i < MOST_PIRQS; i++)
        if (pirqs[i].port != 0)
            give_back(&pirqs[i]);
}
