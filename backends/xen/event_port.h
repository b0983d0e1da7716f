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

/* Who has a port. */
enum {
    PV_XEN_NOT_TAKEN = 0,
    PV_XEN_TAKEN = 1,      /* it has a handler */
    PV_XEN_TAKEN_LATE = 3, /* and pv_xen_event_set_late() was called */
};

/*
 * What decides whether a handler may run, in one word that is changed as a whole where it matters:
 * at rest, the port is taken and nothing else is set.
 */
union pv_xen_port_state {
    uint32_t all;
    struct {
        uint8_t masked; /* PV_XEN_MASKED_*; the shared bit follows */
        uint8_t taken;  /* PV_XEN_TAKEN... */
        uint16_t
            active; /* its handler runs: on the CPU of this number, and one more; 0: it does not */
    };
};

#define PV_XEN_PORT_AT_REST      0x0100u
#define PV_XEN_PORT_LATE         0x0200u /* which is no reason not to run */
#define PV_XEN_PORT_ACTIVE_SHIFT 16

_Static_assert(PV_CONFIG_MAX_CPUS < UINT16_MAX, "pv_xen_port_state::active names each CPU");

/* A cache line, so that CPUs with different ports do not wait for each other. */
struct pv_xen_port {
    union pv_xen_port_state state;
    uint32_t pass;                /* the last upcall that ran it */
    pv_xen_event_handler handler; /* valid while taken */
    void *context;
    uint64_t due_ns;    /* event_late.c: when it is unmasked; UINT64_MAX: not by then */
    uint32_t vcpu;      /* where it is delivered */
    uint32_t again;     /* the one behind it that came again in the same upcall; 0: none */
    uint32_t next_late; /* the one behind it that waits; 0: none */
    uint8_t workless;   /* how many times in a row it came for nothing */
    uint8_t waits;      /* it is in a list of those that wait */
    bool stays;         /* at Xen, when it is closed: it was there before this kernel */
    bool moved;         /* it was once: who sends may still be about to tell the CPU before */
    uint8_t padding[12];
};

_Static_assert(sizeof(struct pv_xen_port) == 64, "a cache line");

/* Which word of pv_cpu::backend points at this CPU's struct pv_xen_event_cpu, 0 where there are no
 * events; pv/queue.h has the others. */
#define PV_XEN_WORD_EVENTS 9

/* Who takes what comes for a CPU. */
enum {
    PV_XEN_QUEUE_OWN = 0,  /* it does */
    PV_XEN_QUEUE_LEFT,     /* it has gone: whoever comes by */
    PV_XEN_QUEUE_HANDED_ON /* who does so at the moment */
};

struct pv_xen_event_cpu {
    struct pv_xen_vcpu_info *info;
    /* The scheme's; NULL: no events for this CPU. */
    void (*run)(struct pv_xen_event_cpu *cpu, struct pv_regs *regs);
    struct pv_xen_control_block *block; /* FIFO only; stays where it is */
    uint32_t vcpu;
    uint32_t active; /* the state of a port at rest, once its handler runs here */
    bool going;      /* it gives its ports away, and gets none */
    uint32_t pass;
    uint32_t queue;                  /* PV_XEN_QUEUE_* */
    uint32_t late;                   /* first port that waits, unmasked by this CPU; 0: none */
    uint32_t heads[PV_EVENT_QUEUES]; /* FIFO: where each queue goes on; 0 outside of an upcall */
};

struct pv_xen_event_scheme {
    const char *name;
    uint32_t ports;                /* that there can be */
    bool (*reach)(uint32_t port);  /* makes room for it in what is shared with Xen */
    void (*mask)(uint32_t port);   /* the shared bit */
    void (*unmask)(uint32_t port); /* the same, and delivers what is pending */
    void (*clear)(uint32_t port);  /* of a masked port: it is not pending any more */
    void (*run)(struct pv_xen_event_cpu *cpu, struct pv_regs *regs);
    /* Of a CPU that has gone: whether something came for it, and has Xen deliver that where it
     * belongs by now. */
    bool (*came)(const struct pv_xen_event_cpu *cpu);
    void (*hand_on)(struct pv_xen_event_cpu *cpu);
};

extern const struct pv_xen_event_scheme pv_xen_events_2l;
extern const struct pv_xen_event_scheme pv_xen_events_fifo;
extern const struct pv_xen_event_scheme *pv_xen_events;

extern struct pv_xen_event_cpu pv_xen_event_cpus[PV_CONFIG_MAX_CPUS];

/*
 * Who sends learns first where a port is delivered, and links and tells then. In between the port
 * may be moved, and the CPU that is told may go. So each upcall looks, behind its handlers, at what
 * came for CPUs that have gone. How many these are, and that.
 */
extern uint32_t pv_xen_events_left;
void pv_xen_events_hand_on(void);

static inline void pv_xen_events_look_after(void)
{
    if (__builtin_expect(__atomic_load_n(&pv_xen_events_left, __ATOMIC_RELAXED) != 0, 0))
        pv_xen_events_hand_on();
}

/* event_array.c: the words of the FIFO scheme, how many ports have one, and the last of these. */
#define PV_XEN_EVENT_PAGE_WORDS (PV_XEN_EVENT_PAGE / sizeof(uint32_t))
#define PV_XEN_EVENT_PAGES      (PV_XEN_PORTS / PV_XEN_EVENT_PAGE_WORDS)
extern uint32_t *pv_xen_event_pages[PV_XEN_EVENT_PAGES];
extern uint32_t pv_xen_event_words_end;
extern uint32_t pv_xen_event_last;
extern bool pv_xen_event_lie_told; /* a queue that cannot be was logged */
bool pv_xen_events_fifo_reach(uint32_t port);

static inline uint32_t *pv_xen_event_word(uint32_t port)
{
    return &pv_xen_event_pages[port / PV_XEN_EVENT_PAGE_WORDS][port % PV_XEN_EVENT_PAGE_WORDS];
}

/* event.c: whether what is delivered to one of Xen's CPUs is taken there, and will be. */
bool pv_xen_events_reach_vcpu(uint32_t vcpu);

/* event_2l.c, event_array.c: masks all ports; false: Xen has no such scheme. */
void pv_xen_events_2l_begin(void);
bool pv_xen_events_fifo_begin(struct pv_xen_event_cpu *cpu);
bool pv_xen_events_fifo_cpu(struct pv_xen_event_cpu *cpu);
void pv_xen_events_fifo_end(void);

/* event_keep.c: before a reset of all ports notes those of console and xenstore, and connects them
 * again behind it. */
void pv_xen_events_keep(void);
void pv_xen_events_kept_restore(void);

/* event_port.c: known ports, in chunks of a page; the first is the library's own, and those that
 * are not there yet are one page of ports that nobody has. */
#define PV_XEN_PORT_CHUNK  (PV_XEN_EVENT_PAGE / sizeof(struct pv_xen_port))
#define PV_XEN_PORT_CHUNKS (PV_XEN_PORTS / PV_XEN_PORT_CHUNK)
extern struct pv_xen_port *pv_xen_port_chunks[PV_XEN_PORT_CHUNKS];
extern struct pv_xen_port pv_xen_no_ports[PV_XEN_PORT_CHUNK];
void pv_xen_ports_begin(void);

/* Lends a page from the kernel: its frame as Xen knows it, and where it is; NULL: there is none. */
void *pv_xen_event_page(uint64_t *frame);

/* A port's entry, made if need be. NULL: no memory, or beyond PV_XEN_PORTS. */
struct pv_xen_port *pv_xen_port_make(uint32_t port);

/* The entry of a port below PV_XEN_PORTS; not to be written unless the port is taken. */
static inline struct pv_xen_port *pv_xen_port_at(uint32_t port)
{
    struct pv_xen_port *chunk =
        __atomic_load_n(&pv_xen_port_chunks[port / PV_XEN_PORT_CHUNK], __ATOMIC_ACQUIRE);

    return &chunk[port % PV_XEN_PORT_CHUNK];
}

/* The entry of a port that has a handler; NULL: it has none, or is no port at all. */
struct pv_xen_port *pv_xen_port_of(int port);

/* Adds a reason to mask, and tells whether it was not there yet; takes one away, which may make the
 * handler run. */
bool pv_xen_port_hold(uint32_t number, struct pv_xen_port *port, uint8_t reason);
void pv_xen_port_release(uint32_t number, struct pv_xen_port *port, uint8_t reason);

/* Behind each change of the shared bit: makes it what the reasons say by now. */
void pv_xen_port_settle(uint32_t number, struct pv_xen_port *port);

/* The state's `active` of the CPU that this runs on. */
uint16_t pv_xen_port_active_here(void);

/* Nobody's port is pending: masked, counted, said once. */
void pv_xen_port_stray(uint32_t number);

/* Behind the handler. */
void pv_xen_port_ends(uint32_t number, struct pv_xen_port *port);

/*
 * A pending port's handler shall run, and did not find the port at rest: whether it may run now. If
 * not it stays pending, and whoever takes the last reason to mask it away makes Xen deliver it
 * again.
 */
bool pv_xen_port_may_run(uint32_t number, struct pv_xen_port *port,
                         const struct pv_xen_event_cpu *cpu);

/* Whether nothing speaks against running a port's handler. */
static inline bool pv_xen_port_could_run(const struct pv_xen_port *port)
{
    uint32_t state = __atomic_load_n(&port->state.all, __ATOMIC_SEQ_CST);

    return (state & ~PV_XEN_PORT_LATE) == PV_XEN_PORT_AT_REST;
}

/* Whether a port was at rest; then it is active on this CPU. */
static inline bool pv_xen_port_at_rest(struct pv_xen_port *port, const struct pv_xen_event_cpu *cpu)
{
    uint32_t at_rest = PV_XEN_PORT_AT_REST;

    return __builtin_expect(__atomic_compare_exchange_n(&port->state.all, &at_rest, cpu->active,
                                                        false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST),
                            1);
}

static inline bool pv_xen_port_begin(uint32_t number, struct pv_xen_port *port,
                                     const struct pv_xen_event_cpu *cpu)
{
    return pv_xen_port_at_rest(port, cpu) || pv_xen_port_may_run(number, port, cpu);
}

/*
 * What was masked for a time: unmasks what is due, and returns when the next is; UINT64_MAX: there
 * is none. On the CPU that masked it. event_late.c
 */
uint64_t pv_xen_events_late_run(uint64_t now_ns);

#endif
