/* SPDX-License-Identifier: MIT */
/*
 * The timer of each CPU's local APIC: one-shot to an absolute time of pv_clock_ns(), or periodic.
 * Intel SDM vol. 3A, 11.5.4.
 *
 * Where the processor has it, the timer waits for a value of the TSC (TSC-deadline mode, 11.5.4.1).
 * Elsewhere it counts down 32 bits at a rate of its own, which somebody tells or which is measured
 * against the TSC. What is too far is armed in pieces: the handler arms the next one, and calls
 * the kernel only when the clock has reached the deadline. So a tick never comes early, whatever
 * the rates are off by.
 */
#include "backends/native/native.h"
#include "lib/timer.h"
#include "lib/x86/tsc.h"

/* CPUID.01H:ECX.TSC_Deadline[bit 24], and the register. */
#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)
#define MSR_TSC_DEADLINE         0x6e0u

/* Divide configuration 1011B: by 1 (figure 11-10). */
#define DIVIDE_BY_1 0xbu

/* Half the range leaves room for a late start of the next piece. */
#define LONGEST_COUNT 0x7fffffffu
/* Far enough in TSC-deadline mode, and nothing that follows overflows. */
#define LONGEST_NS (3600ull * PV_NS_PER_SECOND)

struct cpu_timer {
    struct pv_timer_plan plan;
    bool hardware_period; /* the APIC repeats by itself */
    uint32_t mode;        /* what the local vector table entry holds; 0: not written yet */
};

static struct cpu_timer timers[PV_CONFIG_MAX_CPUS];
static struct pv_clock_rate ns_to_counts; /* multiplier 0: the timer cannot be used */
static bool by_deadline;                  /* counts are the TSC's */
static int vector = PV_E_FULL;

PV_COLD static struct cpu_timer *this_timer(void)
{
    uint32_t number = pv_this_cpu()->number;

    return number < PV_CONFIG_MAX_CPUS ? &timers[number] : NULL;
}

/* A register access may cost an exit: the entry is written only when it changes. */
PV_COLD static void set_mode(struct cpu_timer *timer, uint32_t mode)
{
    if (timer->mode == mode)
        return;
    timer->mode = mode;
    pv_native_apic_write(APIC_LVT_TIMER, mode);
    pv_native_apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
}

PV_COLD static void start(struct cpu_timer *timer, uint64_t counts, uint32_t repeat)
{
    if (counts == 0)
        counts = 1;
    if (counts > LONGEST_COUNT)
        counts = LONGEST_COUNT;
    set_mode(timer, repeat | (uint32_t)vector);
    pv_native_apic_write(APIC_TIMER_INITIAL, (uint32_t)counts);
}

/* Memory of the APIC and model-specific registers are not written in order by themselves. */
PV_COLD static void start_deadline(struct cpu_timer *timer, uint64_t counts)
{
    uint32_t mode = APIC_LVT_DEADLINE | (uint32_t)vector;

    if (timer->mode != mode) {
        timer->mode = mode;
        pv_native_apic_write(APIC_LVT_TIMER, mode);
        __asm__ volatile("mfence" : : : "memory");
    }
    (void)pv_native_cpu_msr_write(MSR_TSC_DEADLINE, pv_tsc_read() + counts);
}

/* 0 stops the timer in every mode. */
PV_COLD static void stop(void)
{
    if (by_deadline)
        (void)pv_native_cpu_msr_write(MSR_TSC_DEADLINE, 0);
    else
        pv_native_apic_write(APIC_TIMER_INITIAL, 0);
}

/* One count more than the time rounded down: the clock is read before the timer starts. */
PV_COLD static void arm(struct cpu_timer *timer)
{
    uint64_t now = pv_clock_ns();
    uint64_t deadline = timer->plan.deadline_ns;
    uint64_t ns = deadline > now ? deadline - now : 0;
    uint64_t counts = pv_clock_scale(ns < LONGEST_NS ? ns : LONGEST_NS, ns_to_counts) + 1;

    if (by_deadline)
        start_deadline(timer, counts);
    else
        start(timer, counts, 0);
}

/* Whether the kernel is to hear of a tick. One of several pieces, or of a timer that is too fast,
 * is nothing but the end of a wait. */
PV_COLD static bool is_due(struct cpu_timer *timer)
{
    if (timer->hardware_period)
        return true;
    bool due = pv_timer_is_due(&timer->plan, pv_clock_ns());

    if (pv_timer_is_planned(&timer->plan))
        arm(timer);
    return due;
}

/*
 * Also called for a tick of what was armed before and has been replaced since: it was pending while
 * interrupts were off.
 */
PV_COLD static void on_tick(struct pv_regs *regs, void *context)
{
    struct cpu_timer *timer = this_timer();

    (void)context;
    if (timer == NULL || !pv_timer_is_planned(&timer->plan))
        return;
    if (is_due(timer) && pv_platform->timer != NULL)
        pv_platform->timer(regs);
}

PV_COLD static uint32_t read_count(void)
{
    return pv_native_apic_read(APIC_TIMER_CURRENT);
}

/* The TSC's own frequency is known, so the timer's is in proportion. */
PV_COLD static uint64_t measure_hz(void)
{
    static const struct pv_native_counter counter = {read_count, UINT32_MAX, true};
    /* A crystal of at least 1 MHz counts this in a hundredth of a second, others much sooner. */
    uint32_t window = 10000;
    uint64_t counted, tsc;
    uint64_t khz = pv_native_tsc_frequency() / 1000;

    pv_native_apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED | (uint32_t)vector);
    pv_native_apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    pv_native_apic_write(APIC_TIMER_INITIAL, UINT32_MAX);
    bool counts = pv_native_measure(&counter, window, &counted, &tsc);
    /* A first look says how many counts fill a hundredth of a second; a second one counts them. */
    if (counts && tsc < khz * 10) {
        uint64_t wanted = counted * khz / tsc * 10;
        window = wanted < LONGEST_COUNT / 2 ? (uint32_t)wanted : LONGEST_COUNT / 2;
        counts = pv_native_measure(&counter, window, &counted, &tsc);
    }
    pv_native_apic_write(APIC_TIMER_INITIAL, 0);
    return counts ? counted * khz / tsc * 1000 : 0;
}

/* The rate of what the timer counts. */
PV_COLD static uint64_t counted_hz(void)
{
    if (by_deadline)
        return pv_native_tsc_frequency();
    uint64_t told = pv_native_apic_hz();
    return told != 0 ? told : measure_hz();
}

PV_COLD void pv_native_timer_init(void)
{
    for (unsigned i = 0; i < PV_CONFIG_MAX_CPUS; i++)
        pv_timer_plan_once(&timers[i].plan, PV_TIMER_NEVER);
    if (!pv_native_apic_present() || pv_native_tsc_frequency() == 0)
        return;
    vector = pv_irq_alloc(on_tick, NULL);
    if (vector < 0) {
        pv_log("no timer: the platform has no interrupt vector to give");
        return;
    }
    by_deadline = pv_native_cpu_has(CPUID_1_ECX_TSC_DEADLINE);
    uint64_t hz = counted_hz();
    if (hz < PV_CLOCK_MIN_HZ || hz > PV_CLOCK_MAX_HZ) {
        pv_log_number("no timer: the local APIC's cannot be measured; Hz", hz);
        pv_irq_free(vector);
        return;
    }
    ns_to_counts = pv_clock_rate(PV_NS_PER_SECOND, hz);
    stop();
}

PV_COLD bool pv_native_timer_by_deadline(void)
{
    return by_deadline && ns_to_counts.multiplier != 0;
}

/* A CPU begins with its timer silent, and its registers may be those of a reset. */
PV_COLD void pv_native_timer_cpu_enter(void)
{
    struct cpu_timer *timer = this_timer();

    *timer = (struct cpu_timer){.plan = {.deadline_ns = PV_TIMER_NEVER}};
    pv_native_timer_pause();
}

PV_COLD void pv_native_timer_pause(void)
{
    if (ns_to_counts.multiplier != 0)
        stop();
}

/* The timer if there is one to use, with what was armed forgotten. */
static struct cpu_timer *rearmed(void)
{
    struct cpu_timer *timer = this_timer();

    if (ns_to_counts.multiplier == 0 || timer == NULL)
        return NULL;
    pv_timer_plan_once(&timer->plan, PV_TIMER_NEVER);
    timer->hardware_period = false;
    return timer;
}

PV_COLD static void arm_or_stop(struct cpu_timer *timer)
{
    if (pv_timer_is_planned(&timer->plan))
        arm(timer);
    else
        stop();
}

PV_COLD static void start_once(struct cpu_timer *timer, uint64_t deadline_ns)
{
    pv_timer_plan_once(&timer->plan, deadline_ns);
    arm_or_stop(timer);
}

PV_COLD static void start_period(struct cpu_timer *timer, uint64_t period_ns)
{
    pv_timer_plan_period(&timer->plan, period_ns, pv_clock_ns());
    uint64_t counts = pv_clock_scale(timer->plan.period_ns, ns_to_counts);

    timer->hardware_period =
        !by_deadline && pv_timer_is_planned(&timer->plan) && counts <= LONGEST_COUNT;
    if (timer->hardware_period)
        start(timer, counts, APIC_LVT_PERIODIC);
    else
        arm_or_stop(timer);
}

PV_COLD static void change(void (*begin)(struct cpu_timer *timer, uint64_t ns), uint64_t ns)
{
    struct pv_irqflags flags = pv_irq_save_seldom();
    struct cpu_timer *timer = rearmed();

    if (timer != NULL)
        begin(timer, ns);
    pv_irq_restore(flags);
}

PV_COLD void pv_native_timer_set(uint64_t deadline_ns)
{
    change(start_once, deadline_ns);
}

PV_COLD void pv_native_timer_periodic(uint64_t period_ns)
{
    change(start_period, period_ns);
}
