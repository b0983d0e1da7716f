/* SPDX-License-Identifier: MIT */
/*
 * What Xen tells of a CPU's time, and locks whose waiters block: compared with what Xen says when
 * it is asked by hypercall, which the library no longer does. Like events.c, this file looks into
 * the library's own headers.
 */
#include "backends/xen/event.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/hvm.h"
#include "backends/xen/abi/vcpu.h"
#include "backends/xen/abi/version.h"
#include "backends/xen/hvm/hvm.h"
#include "backends/xen/xen.h"
#include "selftest.h"
#include "../cpu.h"
#include "../smp.h"
#include "../string.h"
#include "../timer.h"

#define HOLD_NS  (200 * NS_PER_MS)
#define BUSY_NS  (300 * NS_PER_MS)
#define MOST_OFF (20 * NS_PER_MS)

/* What a processor of the machine's own does not do between two looks at the clock. */
#define STOOD_STILL (NS_PER_MS)
#define HAND_OVERS  400u /* in a lap */
#define MOST_LAPS   5u
#define LAPS_NS     NS_PER_S
#define SPINS       4096u /* lib/asleep.c */

static bool skip_without(struct check *check, const char *feature)
{
    if (!feature_in_use(feature))
        skip(check, "%s is not in use", feature);
    return !feature_in_use(feature);
}

/* By hypercall. */
static struct pv_xen_runstate state_of(struct check *check, unsigned cpu)
{
    struct pv_xen_runstate state = {0};
    int64_t result =
        pv_xen_vcpu_op(PV_VCPUOP_GET_RUNSTATE_INFO, pv_xen_vcpu_of(smp_block(cpu)), &state);
    EXPECT(check, result == 0, "Xen does not tell the state of CPU %u: %ld", cpu, result);
    return state;
}

/* Who imitates Xen need not have the call (KVM has not). */
static bool skip_without_answer(struct check *check)
{
    struct pv_xen_runstate state;
    int64_t result =
        pv_xen_vcpu_op(PV_VCPUOP_GET_RUNSTATE_INFO, pv_xen_vcpu_of(smp_block(0)), &state);
    if (result != 0)
        skip(check, "Xen does not tell when it is asked: %ld", result);
    return result != 0;
}

static uint64_t waited_ns(const struct pv_xen_runstate *state)
{
    return state->time_ns[PV_RUNSTATE_RUNNABLE] + state->time_ns[PV_RUNSTATE_OFFLINE];
}

static void spin(uint64_t ns)
{
    struct limit limit = limit_in(ns);
    while (!limit_passed(&limit))
        pv_cpu_relax();
}

/* ---- stolen time ----------------------------------------------------------------------------- */

static volatile bool stop;

static void be_busy(void *argument)
{
    (void)argument;
    while (!stop)
        pv_cpu_relax();
}

static void others_busy(void)
{
    stop = false;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        smp_give(cpu, be_busy, NULL);
}

static void others_idle(struct check *check)
{
    stop = true;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        EXPECT(check, smp_done(cpu, 10 * NS_PER_S), "CPU %u does not come to an end", cpu);
}

/* While CPUs want more processors than there may be. */
static void steal_is_what_xen_says(struct check *check)
{
    if (skip_without(check, "runstate") || skip_without_answer(check))
        return;
    others_busy();
    spin(BUSY_NS);
    others_idle(check);
    preempt_off();
    uint64_t before = pv_steal_ns();
    struct pv_xen_runstate state = state_of(check, 0);
    uint64_t after = pv_steal_ns();
    preempt_on();
    uint64_t told = waited_ns(&state);
    EXPECT(check, before <= told && told <= after, "stolen %lu to %lu ns, Xen says %lu", before,
           after, told);
    print("# stolen since the start: %lu ns\n", after);
}

/* How often CPU 1 is seen waiting in a while; *blind: how long nobody could have looked, as this
 * CPU stood still itself. */
static uint64_t watch(uint64_t *blind)
{
    uint64_t begin = pv_clock_ns(), now = begin, seen = 0;
    *blind = 0;
    while (now - begin < BUSY_NS) {
        uint64_t last = now;
        seen += pv_vcpu_is_preempted(1);
        now = pv_clock_ns();
        *blind += now - last > STOOD_STILL ? now - last : 0;
    }
    return seen;
}

/* Whom Xen kept waiting has been seen waiting. */
static void preemption_is_seen(struct check *check)
{
    uint64_t waited = 0, blind = 0;
    if (skip_without(check, "runstate") || skip_alone(check) || skip_without_answer(check))
        return;
    EXPECT(check, !pv_vcpu_is_preempted(0), "this CPU runs, and is said to be preempted");
    struct pv_xen_runstate before = state_of(check, 1);
    others_busy();
    uint64_t seen = watch(&blind);
    struct pv_xen_runstate after = state_of(check, 1);
    others_idle(check);
    waited = after.time_ns[PV_RUNSTATE_RUNNABLE] - before.time_ns[PV_RUNSTATE_RUNNABLE];
    spin(10 * NS_PER_MS);
    EXPECT(check, !pv_vcpu_is_preempted(1), "it blocks, and is said to be preempted");
    print("# CPU 1 waited %lu ns for a processor, and was seen so %lu times\n", waited, seen);
    if (seen == 0 && waited < MOST_OFF + blind)
        skip(check, "there is a processor for each CPU");
    else
        EXPECT(check, seen != 0, "it waited %lu ns for a processor, unseen", waited);
}

/* ---- segments -------------------------------------------------------------------------------- */

#define SEGMENT_NS NS_PER_S

static uint16_t data_segment(void)
{
    uint16_t selector;
    __asm__ volatile("mov %%ds, %0" : "=r"(selector));
    return selector;
}

static void set_data_segment(uint16_t selector)
{
    __asm__ volatile("mov %0, %%ds" : : "r"(selector));
}

/* Gives the processor away until Xen has found out that it cannot load the register; what it holds
 * then. */
static uint16_t lose_data_segment(struct check *check)
{
    uint64_t *gdt = cpus[0].gdt, descriptor = gdt[USER_DS / 8];
    preempt_off();
    set_data_segment(USER_DS);
    int gone = pv_cpu_gdt_entry_set(gdt, USER_DS / 8, 0);
    struct limit limit = limit_in(SEGMENT_NS);
    while (data_segment() != 0 && !limit_passed(&limit))
        pv_smp_yield_to(1);
    uint16_t left = data_segment();
    set_data_segment(0);
    int back = pv_cpu_gdt_entry_set(gdt, USER_DS / 8, descriptor);
    preempt_on();
    EXPECT(check, gone == PV_OK && back == PV_OK, "the descriptor: %d, then %d", gone, back);
    return left;
}

/* As it would not be by a processor, which does not look at a segment that it has loaded. */
static void lost_segment_is_empty(struct check *check)
{
    if (!pv_xen_is_pv()) {
        skip(check, "the VMM loads no segments anew");
        return;
    }
    if (skip_alone(check))
        return;
    others_busy();
    uint16_t left = lose_data_segment(check);
    others_idle(check);
    if (left != 0)
        skip(check, "there is a processor for each CPU");
}

/* ---- locks ----------------------------------------------------------------------------------- */

static struct pv_spinlock contended = PV_SPINLOCK_FREE;
static volatile bool waiting, served;

static void wait_for_lock(void *argument)
{
    (void)argument;
    waiting = true;
    struct pv_irqflags flags = lock_irq(&contended);
    served = true;
    unlock_irq(&contended, flags);
}

/* A waiter spins first. An emulated machine may run one CPU between two pauses of another. */
static void let_spin(void)
{
    for (unsigned i = 0; i < 2 * SPINS; i++)
        pv_cpu_relax();
}

static void waiter_blocks(struct check *check)
{
    if (skip_without(check, "pv-locks") || skip_alone(check) || skip_without_answer(check))
        return;
    waiting = served = false;
    preempt_off();
    pv_spin_lock(&contended);
    smp_give(1, wait_for_lock, NULL);
    wait_for(&waiting, NS_PER_S);
    let_spin();
    struct pv_xen_runstate before = state_of(check, 1);
    spin(HOLD_NS);
    struct pv_xen_runstate after = state_of(check, 1);
    bool early = served;
    pv_spin_unlock(&contended);
    bool in_time = wait_for(&served, NS_PER_S);
    thread_preempt_on();
    bool done = smp_done(1, NS_PER_S);
    uint64_t blocked = after.time_ns[PV_RUNSTATE_BLOCKED] - before.time_ns[PV_RUNSTATE_BLOCKED];
    print("# of 200 ms that a lock was waited for, %lu us were blocked\n",
          (unsigned long)(blocked / NS_PER_US));
    EXPECT(check, !early && in_time && done, "early %u, in time %u", early, in_time);
    EXPECT(check, blocked > HOLD_NS / 4, "it blocked for %lu ns", blocked);
}

static volatile unsigned served_here;

static void count_here(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
    served_here++;
}

static void wait_with_interrupts(void *argument)
{
    (void)argument;
    waiting = true;
    pv_spin_lock(&contended);
    served = true;
    pv_spin_unlock(&contended);
}

/* Who waits for a lock with interrupts on may be waited for by its holder. */
static void waiter_serves_interrupts(struct check *check)
{
    int vector = pv_irq_alloc(count_here, NULL);
    if (skip_without(check, "pv-locks") || skip_alone(check))
        return;
    waiting = served = false;
    served_here = 0;
    preempt_off();
    pv_spin_lock(&contended);
    smp_give(1, wait_with_interrupts, NULL);
    wait_for(&waiting, NS_PER_S);
    spin(HOLD_NS / 4);
    for (unsigned i = 1; i <= 100; i++) {
        struct limit limit = limit_in(NS_PER_S);
        pv_smp_ipi(1, (uint8_t)vector);
        while (served_here < i && !limit_passed(&limit))
            pv_cpu_relax();
    }
    unsigned arrived = served_here;
    bool early = served;
    pv_spin_unlock(&contended);
    bool in_time = wait_for(&served, NS_PER_S);
    thread_preempt_on();
    EXPECT(check, smp_done(1, NS_PER_S) && in_time && !early, "early %u, in time %u", early,
           in_time);
    EXPECT(check, arrived == 100, "%u interrupts of 100 while it waited", arrived);
    pv_irq_free(vector);
}

/* Each turn is another CPU's, so each is a wait; a lost kick costs a tenth of a second. */
static volatile unsigned turn;

static void take_turns(void *argument)
{
    unsigned self = pv_this_cpu()->number, count = smp_count();
    (void)argument;
    for (unsigned i = 0; i < HAND_OVERS / count; i++) {
        struct limit limit = limit_in(10 * NS_PER_S);
        for (bool mine = false; !mine && !limit_passed(&limit);) {
            struct pv_irqflags flags = lock_irq(&contended);
            mine = turn % count == self;
            turn += mine;
            unlock_irq(&contended, flags);
        }
    }
}

static void no_kick_is_lost(struct check *check)
{
    if (skip_without(check, "pv-locks") || skip_alone(check))
        return;
    /* Where CPUs share a processor each turn is one of Xen's scheduler, too. */
    struct limit limit = limit_in(LAPS_NS);
    unsigned due = 0;
    turn = 0;
    for (unsigned lap = 0; lap < MOST_LAPS && !limit_passed(&limit); lap++) {
        for (unsigned cpu = 1; cpu < smp_count(); cpu++)
            smp_give(cpu, take_turns, NULL);
        take_turns(NULL);
        for (unsigned cpu = 1; cpu < smp_count(); cpu++)
            if (!EXPECT(check, smp_done(cpu, 10 * NS_PER_S), "CPU %u does not come to an end", cpu))
                return;
        due += HAND_OVERS / smp_count() * smp_count();
        EXPECT(check, turn == due, "%u turns of %u", turn, due);
    }
    print("# a lock went from CPU to CPU %u times\n", turn);
}

static void yield_comes_back(struct check *check)
{
    if (skip_without(check, "runstate") || skip_alone(check) || skip_without_answer(check))
        return;
    others_busy();
    uint64_t before = pv_clock_ns();
    for (unsigned i = 0; i < 100; i++)
        for (unsigned cpu = 0; cpu < smp_count(); cpu++)
            pv_smp_yield_to(cpu);
    uint64_t took = pv_clock_ns() - before;
    others_idle(check);
    EXPECT(check, took < 10 * NS_PER_S, "the processor was away for %lu ns", took);
}

#define YIELD_TURNS 50u

static volatile uint64_t progress;

static void make_progress(void *argument)
{
    (void)argument;
    while (!stop)
        progress++;
}

static void keep_processor(void)
{
    (void)pv_xen_version_call(PV_XENVER_VERSION, NULL);
}

static void offer_processor(void)
{
    pv_smp_yield_to(1);
}

struct turns {
    unsigned waited;  /* before how many CPU 1 had no processor */
    unsigned further; /* after how many it had come further */
};

static struct turns take_each_turn(void (*turn)(void))
{
    struct turns turns = {0, 0};
    for (unsigned i = 0; i < YIELD_TURNS; i++) {
        uint64_t before = progress;
        turns.waited += pv_vcpu_is_preempted(1);
        turn();
        turns.further += progress != before;
    }
    return turns;
}

/*
 * Where CPUs share a processor, one that makes another hypercall instead keeps the processor for as
 * long as Xen's scheduler lets it, which is thousands of them.
 */
static void yield_lets_others_run(struct check *check)
{
    if (skip_without(check, "runstate") || skip_alone(check) || skip_without_answer(check))
        return;
    stop = false;
    progress = 0;
    smp_give(1, make_progress, NULL);
    struct limit begun = limit_in(10 * NS_PER_S);
    while (progress == 0 && !limit_passed(&begun))
        pv_smp_yield_to(1);
    preempt_off();
    struct turns kept = take_each_turn(keep_processor), offered = take_each_turn(offer_processor);
    thread_preempt_on();
    stop = true;
    EXPECT(check, smp_done(1, 10 * NS_PER_S), "CPU 1 does not come to an end");
    print("# of %u turns CPU 1 came further in %u that kept the processor, and in %u that offered "
          "it\n",
          YIELD_TURNS, kept.further, offered.further);
    if (kept.waited < YIELD_TURNS / 2)
        skip(check, "there is a processor for each CPU");
    else
        EXPECT(check, offered.further > YIELD_TURNS / 4, "CPU 1 came further in %u turns of %u",
               offered.further, YIELD_TURNS);
}

/* ---- what the processor is shown as ----------------------------------------------------------
 */

#define LEAF_FEATURES   1u
#define LEAF_EXTENDED   0x80000001u
#define ECX_VMX         (1u << 5)  /* of leaf 1 */
#define ECX_HYPERVISOR  (1u << 31) /* the same */
#define ECX_SVM         (1u << 2)  /* of the extended one */
#define EDX_LONG_MODE   (1u << 29)
#define EDX_EXTENDED_NX (1u << 20)

static void raw_cpuid(uint32_t leaf, uint32_t *regs)
{
    __asm__ volatile("cpuid"
                     : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
                     : "a"(leaf), "c"(0));
}

/* A PV guest has no virtualization of its own, and the processor may show what it has. */
static void processor_is_as_xen_shows_it(struct check *check)
{
    uint32_t first[4], extended[4], raw_first[4], raw_extended[4];
    if (!pv_xen_is_pv()) {
        skip(check, "the VMM shows its processor by the instruction itself");
        return;
    }
    pv_cpu_cpuid(LEAF_FEATURES, 0, first);
    pv_cpu_cpuid(LEAF_EXTENDED, 0, extended);
    raw_cpuid(LEAF_FEATURES, raw_first);
    raw_cpuid(LEAF_EXTENDED, raw_extended);
    bool masked = (raw_first[2] & ECX_VMX) == 0 && (raw_extended[2] & ECX_SVM) == 0;
    EXPECT(check, (first[2] & ECX_HYPERVISOR) != 0, "no hypervisor is shown: %x", first[2]);
    EXPECT(check, (~extended[3] & (EDX_LONG_MODE | EDX_EXTENDED_NX)) == 0, "%x", extended[3]);
    EXPECT(check, (first[2] & ECX_VMX) == 0 && (extended[2] & ECX_SVM) == 0,
           "it can virtualize: %x, %x", first[2], extended[2]);
    print("# by the instruction the processor %s\n",
          masked ? "shows the same" : "can virtualize, and Xen hides that");
}

/* ---- how events come -------------------------------------------------------------------------
 */

/* Whichever vector is in force: the tools of the host take 0 for a guest that knows no Xen. */
static void callback_is_set(struct check *check)
{
    struct pv_xen_hvm_param callback = {PV_XEN_DOMID_SELF, 0, PV_HVM_PARAM_CALLBACK_IRQ, 0};
    bool of_domain = feature_in_use("callback-vector");
    if (pv_xen_is_pv() || (!of_domain && !feature_in_use("upcall-vector"))) {
        skip(check, "upcalls come by no vector");
        return;
    }
    int64_t result = pv_xen_hvm_op(PV_HVMOP_GET_PARAM, &callback);
    if (result != 0) {
        skip(check, "Xen does not tell: %ld", result);
        return;
    }
    bool is_vector = (callback.value & PV_HVM_CALLBACK_VECTOR) != 0;
    print("# Xen has %lx for the callback, %s\n", callback.value,
          of_domain ? "which is the domain's vector" : "and each CPU has a vector of its own");
    EXPECT(check, callback.value != 0, "Xen knows of no callback");
    EXPECT(check, is_vector == of_domain, "it is %s vector: %lx", is_vector ? "a" : "no",
           callback.value);
}

static volatile unsigned notified;
static volatile bool was_notified;

static void note(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
    notified++;
    was_notified = true;
}

/* Of the console that the toolstack made; 0: there is none, as for the hardware domain. */
static uint32_t console_port(void)
{
    struct pv_xen_hvm_param param = {PV_XEN_DOMID_SELF, 0, PV_HVM_PARAM_CONSOLE_EVTCHN, 0};
    if (pv_xen_is_pv())
        return pv_boot->xen_pv.console_port;
    return pv_xen_hvm_op(PV_HVMOP_GET_PARAM, &param) == 0 ? (uint32_t)param.value : 0;
}

/* At the other end is a process of another domain, which says when it has taken what was written.
 */
static void other_domain_sends(struct check *check)
{
    static const char text[] = "# the console's other end is asked to say that it has taken this\n";
    struct pv_facts facts;
    pv_facts(&facts);
    uint32_t number = same_text(facts.vmm, "xen") ? console_port() : 0;
    if (number == 0 || number >= PV_XEN_PORTS) {
        skip(check, "no other domain has made this one a console");
        return;
    }
    int port = pv_xen_event_adopt(number, note, NULL);
    if (!EXPECT(check, port == (int)number, "port %u is not to be had: %d", number, port))
        return;
    notified = 0;
    was_notified = false;
    int status = pv_xen_console_write(text, sizeof(text) - 1);
    bool in_time = wait_for(&was_notified, 10 * NS_PER_S);
    EXPECT(check, pv_xen_event_close(port) == PV_OK, "the port cannot be given back");
    EXPECT(check, status == PV_OK, "nothing can be written: %d", status);
    EXPECT(check, in_time, "the other end says nothing");
    print("# %u events came from the console's other end, to port %d\n", notified, port);
}

/* ---- how CPUs are started --------------------------------------------------------------------
 */

/* By Xen's word it is down however it came: a halt with interrupts off is taken for that
 * (xen/arch/x86/hvm/hvm.c, hvm_hlt). */
static void parked_cpu_is_down(struct check *check)
{
    struct pv_error error;
    if (skip_without(check, "runstate") || skip_alone(check) || skip_without_answer(check))
        return;
    uint32_t vcpu = pv_xen_vcpu_of(smp_block(1));
    bool by_xen = pv_xen_is_pv() || pv_xen_hvm_started_by_xen(vcpu);
    int status = smp_offline(1);
    EXPECT(check, status == PV_OK, "CPU 1 does not go: %d", status);
    struct limit limit = limit_in(3 * NS_PER_S);
    int64_t is_up = 1;
    while (!limit_passed(&limit) && is_up == 1)
        is_up = pv_xen_vcpu_op(PV_VCPUOP_IS_UP, vcpu, NULL);
    EXPECT(check, is_up == 0, "by Xen's word it is %ld", is_up);
    print("# CPU 1 was started by %s: when it is parked, Xen says that it is %s\n",
          by_xen ? "Xen" : "messages", is_up == 0 ? "down" : "up");
    EXPECT(check, by_xen != pv_command_line_has("smp=sipi"), "it was to be started otherwise");
    expect_ok(check, "a CPU does not come back", smp_online(1, &error), &error);
}

static const struct test xen_tests[] = {
    {"Xen is told of a callback, whichever vector is in force", callback_is_set},
    {"an event of another domain's arrives at a port that was there before", other_domain_sends},
    {"a CPU is started by Xen unless messages are asked for, and down when it is parked",
     parked_cpu_is_down},
    {"stolen time is what Xen says when it is asked", steal_is_what_xen_says},
    {"a CPU that waits for a processor is seen to, and one that blocks is not", preemption_is_seen},
    {"a segment that is gone when its CPU is resumed is empty, and the CPU goes on",
     lost_segment_is_empty},
    {"a waiter for a lock that is held for long blocks, and is woken", waiter_blocks},
    {"a waiter for a lock serves interrupts while it is blocked", waiter_serves_interrupts},
    {"a lock goes from CPU to CPU many times, and no kick is lost", no_kick_is_lost},
    {"the processor is shown as Xen lets a guest use it", processor_is_as_xen_shows_it},
    {"the processor is given away to others and comes back", yield_comes_back},
    {"a CPU that offers its processor lets another one run, each time", yield_lets_others_run},
};

const struct test_group xen_group = TEST_GROUP(xen);
