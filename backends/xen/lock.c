/* SPDX-License-Identifier: MIT */
/*
 * Spin locks whose waiters block instead of spinning for ever (lib/asleep.c). A CPU blocks in
 * SCHEDOP_poll until a port of its own is pending (xen/include/public/sched.h), and is kicked by an
 * event to that port. The port is masked for good: it wakes, and runs nothing.
 *
 * With events on, an upcall ends the call too, so who waits serves interrupts; and a handler may
 * have to wait in the same way, on the same port. So only the outermost of these waits clears the
 * port, before it looks at its byte for the last time: what is pending then came for a change that
 * it sees. An inner one that finds the port pending, for whomever, does not block at all.
 *
 * No kick is lost. Should the host lose one all the same, the wait is over after a while, and the
 * byte is looked at again.
 */
#include "backends/xen/event.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/sched.h"
#include "lib/asleep.h"
#include "lib/pvclock.h"

#define LONGEST_NS 100000000ull

struct kicker {
    int port;         /* 0: this CPU cannot be kicked, and does not block */
    uint32_t nesting; /* waits under way on this CPU */
};

static struct kicker kickers[PV_CONFIG_MAX_CPUS];

static void nothing(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
}

bool pv_xen_locks_start(void)
{
    uint32_t number = pv_this_cpu()->number;

    if (number >= PV_CONFIG_MAX_CPUS)
        return false;
    int port = pv_xen_event_bind_ipi(nothing, NULL);
    if (port < 0)
        return false;
    (void)pv_xen_event_mask(port);
    kickers[number] = (struct kicker){.port = port};
    return true;
}

void pv_xen_locks_stop(void)
{
    uint32_t number = pv_this_cpu()->number;

    if (number >= PV_CONFIG_MAX_CPUS || kickers[number].port == 0)
        return;
    int port = kickers[number].port;
    __atomic_store_n(&kickers[number].port, 0, __ATOMIC_SEQ_CST);
    pv_xen_event_close(port);
}

bool pv_xen_locks_in_use(void)
{
    uint32_t number = pv_this_cpu()->number;

    return number < PV_CONFIG_MAX_CPUS && kickers[number].port != 0;
}

static void block(int port)
{
    uint32_t number = (uint32_t)port;
    struct pv_xen_poll poll = {&number, 1, 0};

    if (pv_xen_knows_times())
        poll.timeout_ns = pv_pvclock_to_vmm(pv_clock_ns() + LONGEST_NS);
    (void)pv_xen_sched_op(PV_SCHEDOP_POLL, &poll);
}

static void block_while(const uint8_t *byte, uint8_t marked)
{
    struct kicker *kicker = &kickers[pv_this_cpu()->number];

    if (kicker->port == 0)
        return;
    uint32_t nesting = kicker->nesting;
    __atomic_store_n(&kicker->nesting, nesting + 1, __ATOMIC_SEQ_CST);
    if (nesting == 0)
        pv_xen_event_clear(kicker->port);
    if (__atomic_load_n(byte, __ATOMIC_SEQ_CST) == marked)
        block(kicker->port);
    __atomic_store_n(&kicker->nesting, nesting, __ATOMIC_SEQ_CST);
}

void pv_xen_lock_wait(const uint8_t *byte, uint8_t value)
{
    pv_lock_wait_asleep(byte, value, block_while);
}

void pv_xen_lock_kick(uint32_t cpu)
{
    if (cpu >= PV_CONFIG_MAX_CPUS)
        return;
    int port = __atomic_load_n(&kickers[cpu].port, __ATOMIC_SEQ_CST);
    if (port != 0)
        (void)pv_xen_event_send(port);
}

/* To whom is Xen's choice. */
void pv_xen_smp_yield_to(uint32_t cpu)
{
    if (pv_vcpu_is_preempted(cpu))
        (void)pv_xen_sched_op(PV_SCHEDOP_YIELD, NULL);
}
