/* SPDX-License-Identifier: MIT */
/*
 * The parts of event channels to each other: what is known of a port and of a CPU, and what the two
 * schemes do differently.
 */
#ifndef PVOPS_XEN_EVENT_PORT_H
#define PVOPS_XEN_EVENT_PORT_H

#include "backends/xen/event.h"
#include "backends/xen/abi/event_channel.h"

#define PV_XEN_EVENT_PAGE 4096u

/* Why a port is masked; it is unmasked when no reason is left. */
enum {
    PV_XEN_MASKED_BY_OWNER = 1, /* pv_xen_event_mask() */
    PV_XEN_MASKED_LATE = 2,     /* until pv_xen_event_done() */
    PV_XEN_MASKED_RUNNING = 4,  /* it came again while another CPU runs its handler */
    PV_XEN_MASKED_AGAIN = 8,    /* it came again while this upcall lasts */
    PV_XEN_MASKED_MOVING = 16,  /* another CPU is going to take it */
};

/* A cache line, so that CPUs with different ports do not wait for each other. */
struct pv_xen_port {
    pv_xen_event_handler handler; /* NULL: nobody's */
    void *context;
    uint64_t due_ns;    /* event_late.c: when it is unmasked; UINT64_MAX: not by then */
    uint32_t vcpu;      /* where it is delivered */
    uint32_t pass;      /* the last upcall that ran it */
    uint32_t again;     /* the one behind it that came again in the same upcall; 0: none */
    uint32_t next_late; /* the one behind it that waits; 0: none */
    uint8_t masked;     /* PV_XEN_MASKED_*; the shared bit follows */
    uint8_t active;     /* its handler runs */
    uint8_t late;       /* pv_xen_event_set_late() was called */
    uint8_t workless;   /* how many times in a row it came for nothing */
    uint8_t waits;      /* it is in a list of those that wait */
    uint8_t padding[19];
};

_Static_assert(sizeof(struct pv_xen_port) == 64, "a cache line");

struct pv_xen_event_cpu {
    struct pv_xen_vcpu_info *info;      /* NULL: no events for this CPU */
    struct pv_xen_control_block *block; /* FIFO only; stays where it is */
    uint32_t vcpu;
    uint32_t pass;
    uint32_t late;                   /* first port that waits, unmasked by this CPU; 0: none */
    uint32_t heads[PV_EVENT_QUEUES]; /* FIFO: where each queue goes on; 0 outside of an upcall */
};

struct pv_xen_event_scheme {
    const char *name;
    uint32_t ports;                /* that there can be */
    bool (*reach)(uint32_t port);  /* makes room for it in what is shared with Xen */
    void (*mask)(uint32_t port);   /* the shared bit */
    void (*unmask)(uint32_t port); /* the same, and delivers what is pending */
    void (*run)(struct pv_xen_event_cpu *cpu, struct pv_regs *regs);
};

extern const struct pv_xen_event_scheme pv_xen_events_2l;
extern const struct pv_xen_event_scheme pv_xen_events_fifo;
extern const struct pv_xen_event_scheme *pv_xen_events;

extern struct pv_xen_event_cpu pv_xen_event_cpus[PV_CONFIG_MAX_CPUS];

/* event_2l.c, event_fifo.c: masks all ports; false: Xen has no such scheme. */
void pv_xen_events_2l_begin(void);
bool pv_xen_events_fifo_begin(struct pv_xen_event_cpu *cpu);
bool pv_xen_events_fifo_cpu(struct pv_xen_event_cpu *cpu);
void pv_xen_events_fifo_end(void);

/* event_port.c: known ports, in chunks of a page; the first is the library's own. */
#define PV_XEN_PORT_CHUNK  (PV_XEN_EVENT_PAGE / sizeof(struct pv_xen_port))
#define PV_XEN_PORT_CHUNKS (PV_XEN_PORTS / PV_XEN_PORT_CHUNK)
extern struct pv_xen_port *pv_xen_port_chunks[PV_XEN_PORT_CHUNKS];
void pv_xen_ports_begin(void);

/* Lends a page from the kernel: its frame as Xen knows it, and where it is; NULL: there is none. */
void *pv_xen_event_page(uint64_t *frame);

/* A port's entry, made if need be. NULL: no memory, or beyond PV_XEN_PORTS. */
struct pv_xen_port *pv_xen_port_make(uint32_t port);

/* NULL: nobody ever asked for this port. */
static inline struct pv_xen_port *pv_xen_port_at(uint32_t port)
{
    if (port >= PV_XEN_PORTS)
        return NULL;
    struct pv_xen_port *chunk =
        __atomic_load_n(&pv_xen_port_chunks[port / PV_XEN_PORT_CHUNK], __ATOMIC_ACQUIRE);
    return chunk != NULL ? &chunk[port % PV_XEN_PORT_CHUNK] : NULL;
}

/* The entry of a port that has a handler; NULL: it has none, or is no port at all. */
struct pv_xen_port *pv_xen_port_of(int port);

/* Adds a reason to mask; takes one away, which may make the handler run. */
void pv_xen_port_hold(uint32_t number, struct pv_xen_port *port, uint8_t reason);
void pv_xen_port_release(uint32_t number, struct pv_xen_port *port, uint8_t reason);

/* Nobody's port is pending: masked, counted, said once. */
void pv_xen_port_stray(uint32_t number);

/* Behind the handler. */
void pv_xen_port_ends(uint32_t number, struct pv_xen_port *port);

/* It came again while another CPU runs its handler: that CPU lets it come when it is through. */
void pv_xen_port_wait(uint32_t number, struct pv_xen_port *port);

/*
 * The handler of a pending port if it shall run now, else NULL, and the port stays pending: whoever
 * takes the last reason to mask it away makes Xen deliver it again.
 */
static inline pv_xen_event_handler pv_xen_port_begin(uint32_t number, struct pv_xen_port *port)
{
    pv_xen_event_handler handler = __atomic_load_n(&port->handler, __ATOMIC_ACQUIRE);

    if (__builtin_expect(handler == NULL, 0)) {
        pv_xen_port_stray(number);
        return NULL;
    }
    if (__builtin_expect(__atomic_load_n(&port->masked, __ATOMIC_RELAXED) != 0, 0))
        return NULL;
    if (__builtin_expect(__atomic_exchange_n(&port->active, 1, __ATOMIC_SEQ_CST) != 0, 0)) {
        pv_xen_port_wait(number, port);
        return NULL;
    }
    if (__builtin_expect(port->late, 0))
        pv_xen_port_hold(number, port, PV_XEN_MASKED_LATE);
    return handler;
}

/*
 * What was masked for a time: unmasks what is due, and returns when the next is; UINT64_MAX: there
 * is none. On the CPU that masked it. event_late.c
 */
uint64_t pv_xen_events_late_run(uint64_t now_ns);

#endif
