/* SPDX-License-Identifier: MIT */
/*
 * Event channels at large: which scheme is in force, CPUs, and upcalls. The two schemes are in
 * event_2l.c and event_fifo.c, ports in event_port.c, how they are had in event_bind.c.
 */
#include "backends/xen/event_port.h"
#include "backends/xen/hypercall.h"
#include "lib/patch.h"

const struct pv_xen_event_scheme *pv_xen_events = &pv_xen_events_2l;

struct pv_xen_event_cpu pv_xen_event_cpus[PV_CONFIG_MAX_CPUS];

uint32_t pv_xen_events_left;

static bool started; /* and not ended */

/* How long a CPU that goes is there for who was about to tell it of an event: Xen does not stop
 * between the two, but what it runs on may. */
#define LINGER_NS    20000u
#define MOST_LINGERS 1000u

/* How long a CPU that comes waits for who hands on what came for it. */
#define MOST_SPINS 100000000u

static struct pv_xen_event_cpu *this_cpu(void)
{
    uint32_t number = pv_this_cpu()->number;

    return number < PV_CONFIG_MAX_CPUS ? &pv_xen_event_cpus[number] : NULL;
}

/* Upcalls of two CPUs do not have the same number, but for one of 16 million. */
#define PASSES_OF_A_CPU (1u << 24)

/* A CPU that does not run, or has no place in the shared page, has no record. */
static void know(struct pv_xen_event_cpu *cpu)
{
    cpu->pass = (uint32_t)(cpu - pv_xen_event_cpus) * PASSES_OF_A_CPU;
    cpu->run = NULL;
    cpu->vcpu = pv_xen_this_vcpu();
    cpu->active = PV_XEN_PORT_AT_REST | (uint32_t)pv_xen_port_active_here()
                                            << PV_XEN_PORT_ACTIVE_SHIFT;
    cpu->info = pv_xen_this_vcpu_info();
    pv_this_cpu()->backend[PV_XEN_WORD_EVENTS] = 0;
}

/* From here on an upcall on this CPU finds something to do. */
static void take_upcalls(struct pv_xen_event_cpu *cpu)
{
    __atomic_store_n(&cpu->going, false, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->run, pv_xen_events->run, __ATOMIC_SEQ_CST);
    pv_this_cpu()->backend[PV_XEN_WORD_EVENTS] = (uintptr_t)cpu;
}

/* Queues of last time may have ports in them. */
static void begin_cpu(struct pv_xen_event_cpu *cpu, bool is_this)
{
    bool is_left = cpu->block != NULL && !is_this;

    *cpu = (struct pv_xen_event_cpu){
        .block = cpu->block,
        .queue = is_left ? PV_XEN_QUEUE_LEFT : PV_XEN_QUEUE_OWN,
    };
    pv_xen_events_left += is_left;
}

void pv_xen_events_start(void)
{
    struct pv_xen_event_cpu *cpu = this_cpu();

    pv_xen_events_left = 0;
    for (uint32_t number = 0; number < PV_CONFIG_MAX_CPUS; number++)
        begin_cpu(&pv_xen_event_cpus[number], &pv_xen_event_cpus[number] == cpu);
    started = true;
    pv_xen_ports_begin();
    pv_xen_events = &pv_xen_events_2l;
    pv_xen_events_2l_begin();
    if (cpu == NULL)
        return;
    know(cpu);
    if (!pv_command_line_has("events=2l") && pv_xen_events_fifo_begin(cpu))
        pv_xen_events = &pv_xen_events_fifo;
    if (cpu->info != NULL)
        take_upcalls(cpu);
}

/* Behind that nobody else looks into its queue. What came for it, and may have been told to
 * nobody, is delivered where it belongs. */
static bool take_queue_back(struct pv_xen_event_cpu *cpu)
{
    for (uint32_t i = 0; i < MOST_SPINS; i++) {
        uint32_t left = PV_XEN_QUEUE_LEFT;
        if (__atomic_compare_exchange_n(&cpu->queue, &left, PV_XEN_QUEUE_OWN, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            __atomic_fetch_sub(&pv_xen_events_left, 1, __ATOMIC_SEQ_CST);
            pv_xen_events->hand_on(cpu);
            return true;
        }
        pv_cpu_relax();
    }
    return false;
}

static void leave_queue(struct pv_xen_event_cpu *cpu)
{
    __atomic_store_n(&cpu->queue, PV_XEN_QUEUE_LEFT, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&pv_xen_events_left, 1, __ATOMIC_SEQ_CST);
}

static void hand_on(struct pv_xen_event_cpu *cpu)
{
    uint32_t left = PV_XEN_QUEUE_LEFT;

    if (__atomic_load_n(&cpu->queue, __ATOMIC_SEQ_CST) != left || !pv_xen_events->came(cpu) ||
        !__atomic_compare_exchange_n(&cpu->queue, &left, PV_XEN_QUEUE_HANDED_ON, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return;
    pv_xen_events->hand_on(cpu);
    __atomic_store_n(&cpu->queue, PV_XEN_QUEUE_LEFT, __ATOMIC_SEQ_CST);
}

void pv_xen_events_hand_on(void)
{
    uint32_t left = __atomic_load_n(&pv_xen_events_left, __ATOMIC_RELAXED);

    for (uint32_t number = 0; number < PV_CONFIG_MAX_CPUS && left != 0; number++) {
        struct pv_xen_event_cpu *cpu = &pv_xen_event_cpus[number];
        left -= __atomic_load_n(&cpu->queue, __ATOMIC_RELAXED) != PV_XEN_QUEUE_OWN;
        hand_on(cpu);
    }
}

int pv_xen_events_cpu_start(struct pv_error *error)
{
    struct pv_xen_event_cpu *cpu = this_cpu();

    if (cpu == NULL)
        return pv_fail(error, PV_E_RANGE, "more CPUs than the library was built for",
                       pv_this_cpu()->number, -1);
    know(cpu);
    if (cpu->info == NULL)
        return pv_fail(error, PV_E_RANGE, "Xen's shared page has no place for this CPU", cpu->vcpu,
                       -1);
    if (pv_xen_events == &pv_xen_events_fifo && !pv_xen_events_fifo_cpu(cpu)) {
        return pv_fail(error, PV_E_HOST, "Xen takes no queues of events for this CPU", cpu->vcpu,
                       -1);
    }
    if (cpu->queue != PV_XEN_QUEUE_OWN && !take_queue_back(cpu))
        return pv_fail(error, PV_E_TIMEOUT, "another CPU does not let go of the events of this one",
                       cpu->vcpu, -1);
    take_upcalls(cpu);
    return PV_OK;
}

bool pv_xen_events_reach_vcpu(uint32_t vcpu)
{
    for (uint32_t number = 0; number < PV_CONFIG_MAX_CPUS; number++) {
        const struct pv_xen_event_cpu *cpu = &pv_xen_event_cpus[number];
        if (__atomic_load_n(&cpu->run, __ATOMIC_SEQ_CST) != NULL && cpu->vcpu == vcpu)
            return !__atomic_load_n(&cpu->going, __ATOMIC_SEQ_CST);
    }
    return false;
}

/* Upcalls that are on their way to this CPU find nothing to do. */
static void take_no_upcalls(struct pv_xen_event_cpu *cpu)
{
    __atomic_store_n(&cpu->run, NULL, __ATOMIC_SEQ_CST);
    pv_this_cpu()->backend[PV_XEN_WORD_EVENTS] = 0;
}

static void linger(void)
{
    uint64_t end_ns = pv_clock_ns() + LINGER_NS;

    for (unsigned i = 0; i < MOST_LINGERS && pv_clock_ns() < end_ns; i++)
        pv_cpu_relax();
}

/*
 * Ports of its own, by which it is meant and nobody else, have been closed by their owners. Who
 * moves a port here while they are gone through finds `going` behind that, and moves it on. What
 * comes for this CPU although its port was moved it takes itself, and others later.
 */
void pv_xen_events_cpu_stop(void)
{
    struct pv_xen_event_cpu *cpu = this_cpu();

    if (cpu == NULL || cpu->run == NULL)
        return;
    __atomic_store_n(&cpu->going, true, __ATOMIC_SEQ_CST);
    for (uint32_t number = 1; number < PV_XEN_PORTS; number++) {
        const struct pv_xen_port *port = pv_xen_port_of((int)number);
        if (port != NULL && port->vcpu == cpu->vcpu)
            (void)pv_xen_event_set_vcpu((int)number, pv_xen_event_cpus[0].vcpu);
    }
    linger();
    pv_xen_events_run(NULL);
    (void)pv_xen_events_late_run(UINT64_MAX);
    take_no_upcalls(cpu);
    leave_queue(cpu);
}

void pv_xen_events_stop(void)
{
    struct pv_xen_event_cpu *cpu = this_cpu();

    for (int number = 1; number < (int)PV_XEN_PORTS; number++)
        (void)pv_xen_event_close(number);
    pv_xen_events_left = 0;
    if (cpu != NULL)
        take_no_upcalls(cpu);
}

static void run_nothing(struct pv_xen_event_cpu *cpu, struct pv_regs *regs)
{
    (void)cpu;
    (void)regs;
}

/*
 * With two levels there are no queues to take back, but ports: of CPUs that stand still, and of
 * drivers. Such a CPU may still be called up when it goes on.
 */
void pv_xen_events_end(void)
{
    for (uint32_t number = 0; number < PV_CONFIG_MAX_CPUS; number++)
        if (pv_xen_event_cpus[number].run != NULL)
            pv_xen_event_cpus[number].run = run_nothing;
    if (started)
        pv_xen_events_fifo_end();
    started = false;
    pv_xen_events_left = 0;
    pv_xen_events = &pv_xen_events_2l;
}

const char *pv_xen_events_name(void)
{
    return pv_xen_events->name;
}

/* upcall_pending is cleared first: what Xen sets behind that comes with another upcall. */
void pv_xen_events_run(struct pv_regs *regs)
{
    struct pv_xen_event_cpu *cpu =
        (struct pv_xen_event_cpu *)pv_this_cpu()->backend[PV_XEN_WORD_EVENTS];

    if (cpu == NULL)
        return;
    __atomic_exchange_n(&cpu->info->upcall_pending, 0, __ATOMIC_SEQ_CST);
    cpu->run(cpu, regs);
}
