/* SPDX-License-Identifier: MIT */
/*
 * Ports whose other end is not trusted: each event is ended by its owner, and until then no other
 * comes. An owner that found nothing to do says so; from the second time in a row on the port stays
 * masked, a millisecond first, twice as long each time, a second at most. So whoever fires events
 * as fast as he can costs a handler a second, and who has work to bring is never kept waiting.
 *
 * The waiting ports are in a list of the CPU whose timer unmasks them. A port that was given back
 * and taken again may be in any CPU's. Who makes it wait says until when, and then looks whether it
 * is in a list; who takes it out of his says so, and then looks whether it is to wait. So one of
 * them sees the other.
 */
#include "backends/xen/event_port.h"

#define FREE_OF_CHARGE 1u /* nobody knows everything in advance */
#define FIRST_WAIT_NS  1000000ull
#define MOST_DOUBLINGS 10u

int pv_xen_event_set_late(int number)
{
    struct pv_xen_port *port = pv_xen_port_of(number);

    if (port == NULL)
        return PV_E_ARGUMENT;
    __atomic_store_n(&port->state.taken, PV_XEN_TAKEN_LATE, __ATOMIC_RELEASE);
    return PV_OK;
}

static uint64_t wait_ns(unsigned workless)
{
    if (workless <= FREE_OF_CHARGE)
        return 0;
    unsigned doublings = workless - FREE_OF_CHARGE - 1;

    return FIRST_WAIT_NS << (doublings < MOST_DOUBLINGS ? doublings : MOST_DOUBLINGS);
}

/* It can be in a list, of any CPU; one is enough. */
static void put_in_list(uint32_t number, struct pv_xen_port *port, struct pv_xen_event_cpu *cpu)
{
    if (__atomic_exchange_n(&port->waits, 1, __ATOMIC_SEQ_CST) != 0)
        return;
    port->next_late = cpu->late;
    cpu->late = number;
}

/* Without a timer that would end it there is no waiting. */
static bool wait(uint32_t number, struct pv_xen_port *port, uint64_t ns)
{
    struct pv_irqflags flags = pv_irq_save();
    uint32_t cpu = pv_this_cpu()->number;
    bool possible = cpu < PV_CONFIG_MAX_CPUS && pv_xen_timer_in_use();

    if (possible) {
        uint64_t due_ns = pv_clock_ns() + ns;
        __atomic_store_n(&port->due_ns, due_ns, __ATOMIC_SEQ_CST);
        put_in_list(number, port, &pv_xen_event_cpus[cpu]);
        pv_xen_timer_also(due_ns);
    }
    pv_irq_restore(flags);
    return possible;
}

int pv_xen_event_done(int number, bool work)
{
    struct pv_xen_port *port = pv_xen_port_of(number);

    if (port == NULL ||
        (__atomic_load_n(&port->state.masked, __ATOMIC_SEQ_CST) & PV_XEN_MASKED_LATE) == 0 ||
        __atomic_load_n(&port->due_ns, __ATOMIC_SEQ_CST) != UINT64_MAX)
        return PV_E_ARGUMENT;
    if (work)
        port->workless = 0;
    else if (port->workless < UINT8_MAX)
        port->workless++;
    uint64_t ns = wait_ns(port->workless);
    if (ns == 0 || !wait((uint32_t)number, port, ns))
        pv_xen_port_release((uint32_t)number, port, PV_XEN_MASKED_LATE);
    return PV_OK;
}

static void unmask(uint32_t number, struct pv_xen_port *port, uint64_t due_ns)
{
    if (__atomic_compare_exchange_n(&port->due_ns, &due_ns, UINT64_MAX, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST))
        pv_xen_port_release(number, port, PV_XEN_MASKED_LATE);
}

/* One of the list: unmasked if it is due; until when it goes on waiting there, UINT64_MAX: no more.
 */
static uint64_t goes_on(uint32_t number, struct pv_xen_port *port, uint64_t now_ns)
{
    uint64_t due_ns = __atomic_load_n(&port->due_ns, __ATOMIC_SEQ_CST);

    if (due_ns != UINT64_MAX && due_ns > now_ns)
        return due_ns;
    if (due_ns != UINT64_MAX)
        unmask(number, port, due_ns);
    __atomic_store_n(&port->waits, 0, __ATOMIC_SEQ_CST);
    due_ns = __atomic_load_n(&port->due_ns, __ATOMIC_SEQ_CST);
    if (due_ns == UINT64_MAX || __atomic_exchange_n(&port->waits, 1, __ATOMIC_SEQ_CST) != 0)
        return UINT64_MAX;
    return due_ns;
}

uint64_t pv_xen_events_late_run(uint64_t now_ns)
{
    uint32_t this = pv_this_cpu()->number;
    uint64_t nearest = UINT64_MAX;

    if (this >= PV_CONFIG_MAX_CPUS)
        return nearest;
    struct pv_xen_event_cpu *cpu = &pv_xen_event_cpus[this];
    uint32_t number = cpu->late;
    cpu->late = 0;
    while (number != 0) {
        struct pv_xen_port *port = pv_xen_port_at(number);
        uint32_t next = port->next_late;
        uint64_t due_ns = goes_on(number, port, now_ns);
        if (due_ns != UINT64_MAX) {
            port->next_late = cpu->late;
            cpu->late = number;
            nearest = due_ns < nearest ? due_ns : nearest;
        }
        number = next;
    }
    return nearest;
}
