/* SPDX-License-Identifier: MIT */
/*
 * Each CPU's one-shot timer: VCPUOP_set_singleshot_timer (xen/include/public/vcpu.h) takes an
 * absolute system time and fires at once if that is past; the tick is the event VIRQ_TIMER. Periods
 * are made of single shots. Where Xen's clock is not in use its times mean nothing, and the timer
 * of the backend below is armed instead; a PV guest has none, and goes on with what its clock last
 * said of Xen's times. The same shots serve ports that are unmasked after a while
 * (event_late.c).
 */
#include "backends/xen/event_port.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/event_channel.h"
#include "backends/xen/abi/vcpu.h"
#include "lib/pvclock.h"
#include "lib/patch.h"
#include "lib/timer.h"

/* Xen's own times are signed; this is 146 years away. */
#define FARTHEST_NS (1ull << 62)

struct cpu_timer {
    struct pv_timer_plan plan;
    uint64_t late_ns; /* when ports are to be unmasked; PV_TIMER_NEVER: none is */
    int port;         /* of VIRQ_TIMER; 0: this CPU has none */
};

const struct pv_ops *pv_xen_below;

static struct cpu_timer timers[PV_CONFIG_MAX_CPUS];

/* This CPU's timer if Xen's can be used on it. */
static struct cpu_timer *this_timer(void)
{
    uint32_t number = pv_this_cpu()->number;

    if (number >= PV_CONFIG_MAX_CPUS || timers[number].port == 0 || !pv_xen_knows_times())
        return NULL;
    return &timers[number];
}

static void stop(void)
{
    (void)pv_xen_vcpu_op(PV_VCPUOP_STOP_SINGLESHOT_TIMER, pv_xen_this_vcpu(), NULL);
}

/* For whatever comes first. */
static uint64_t next_shot(const struct cpu_timer *timer)
{
    uint64_t deadline_ns = timer->plan.deadline_ns;

    return deadline_ns < timer->late_ns ? deadline_ns : timer->late_ns;
}

static void arm(const struct cpu_timer *timer)
{
    struct pv_xen_singleshot shot = {pv_pvclock_to_vmm(next_shot(timer)), 0};

    if (shot.timeout_ns > FARTHEST_NS)
        shot.timeout_ns = FARTHEST_NS;
    int64_t result = pv_xen_vcpu_op(PV_VCPUOP_SET_SINGLESHOT_TIMER, pv_xen_this_vcpu(), &shot);
    if (result != 0)
        pv_log_number("Xen refuses to arm the timer:", (uint64_t)-result);
}

static void arm_or_stop(const struct cpu_timer *timer)
{
    if (next_shot(timer) != PV_TIMER_NEVER)
        arm(timer);
    else
        stop();
}

/* The clock was given up with the timer armed: its deadline goes to the timer below. */
static void hand_down(struct cpu_timer *timer)
{
    timer->late_ns = pv_xen_events_late_run(PV_TIMER_NEVER);
    if (!pv_timer_is_planned(&timer->plan))
        return;
    if (timer->plan.period_ns != 0)
        pv_xen_base_ops()->timer_periodic(timer->plan.period_ns);
    else
        pv_xen_base_ops()->timer_set(timer->plan.deadline_ns);
    pv_timer_plan_once(&timer->plan, PV_TIMER_NEVER);
}

/* Also called when Xen, or what was armed before, ticks early or for nothing. */
static void on_virq(struct pv_regs *regs, void *context)
{
    struct cpu_timer *timer = context;

    if (next_shot(timer) == PV_TIMER_NEVER)
        return;
    if (!pv_xen_knows_times()) {
        hand_down(timer);
        return;
    }
    uint64_t now_ns = pv_clock_ns();
    if (timer->late_ns <= now_ns)
        timer->late_ns = pv_xen_events_late_run(now_ns);
    bool due = pv_timer_is_planned(&timer->plan) && pv_timer_is_due(&timer->plan, now_ns);
    if (next_shot(timer) != PV_TIMER_NEVER)
        arm(timer);
    if (due && pv_platform->timer != NULL)
        pv_platform->timer(regs);
}

void pv_xen_timer_also(uint64_t ns)
{
    struct cpu_timer *timer = this_timer();

    if (timer == NULL || timer->late_ns <= ns)
        return;
    timer->late_ns = ns;
    if (ns < timer->plan.deadline_ns)
        arm(timer);
}

int pv_xen_timer_start(struct pv_error *error)
{
    uint32_t number = pv_this_cpu()->number;

    if (number >= PV_CONFIG_MAX_CPUS)
        return pv_fail(error, PV_E_RANGE, "more CPUs than the library was built for", number, -1);
    struct cpu_timer *timer = &timers[number];
    pv_timer_plan_once(&timer->plan, PV_TIMER_NEVER);
    timer->late_ns = PV_TIMER_NEVER;
    timer->port = 0;
    int port = pv_xen_event_bind_virq(PV_VIRQ_TIMER, on_virq, timer);
    if (port < 0)
        return pv_fail(error, port, "Xen gives no event channel for its timer", 0, -1);
    timer->port = port;
    /* Old versions start a CPU with a periodic tick. */
    (void)pv_xen_vcpu_op(PV_VCPUOP_STOP_PERIODIC_TIMER, pv_xen_this_vcpu(), NULL);
    stop();
    return PV_OK;
}

void pv_xen_timer_stop(void)
{
    uint32_t number = pv_this_cpu()->number;

    if (number >= PV_CONFIG_MAX_CPUS || timers[number].port == 0)
        return;
    stop();
    timers[number].late_ns = pv_xen_events_late_run(PV_TIMER_NEVER);
    pv_xen_event_close(timers[number].port);
    timers[number].port = 0;
}

bool pv_xen_timer_in_use(void)
{
    return this_timer() != NULL;
}

void pv_xen_timer_set(uint64_t deadline_ns)
{
    struct pv_irqflags flags = pv_irq_save();
    struct cpu_timer *timer = this_timer();

    if (timer == NULL) {
        pv_xen_base_ops()->timer_set(deadline_ns);
    } else {
        pv_timer_plan_once(&timer->plan, deadline_ns);
        arm_or_stop(timer);
    }
    pv_irq_restore(flags);
}

void pv_xen_timer_periodic(uint64_t period_ns)
{
    struct pv_irqflags flags = pv_irq_save();
    struct cpu_timer *timer = this_timer();

    if (timer == NULL) {
        pv_xen_base_ops()->timer_periodic(period_ns);
    } else {
        pv_timer_plan_period(&timer->plan, period_ns, pv_clock_ns());
        arm_or_stop(timer);
    }
    pv_irq_restore(flags);
}
