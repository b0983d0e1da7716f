/* SPDX-License-Identifier: MIT */
/*
 * Event channels of Xen, from within: over channels whose both ends are this domain's. They are no
 * part of what the library offers to kernels, so this file, alone of the kernel, looks into the
 * library's own headers.
 */
#include "backends/xen/event.h"
#include "selftest.h"
#include "../commands.h"
#include "../cpu.h"
#include "../smp.h"
#include "../string.h"
#include "../timer.h"
#include "../bench/steps.h"

#define SELF            0x7ff0 /* DOMID_SELF, xen/include/public/xen.h */
#define MANY            4000u
#define TRIES           20u
#define MOST_STEPS      200 /* the handler and what is behind it included */
#define RACES           1000000u
#define LEAST_TOGGLE_NS (200 * NS_PER_US)
#define SENDS_A_TOGGLE  20u
#define STORM_SECONDS   10u
#define SHORT_STORM     3u
#define RACE_NS         (2 * NS_PER_S)
#define MOST_RUNS       60u
#define ALARM_NS        (100 * NS_PER_MS)

unsigned storm_seconds;

/* How long a storm goes on, which could for ever. */
static unsigned long_seconds(void)
{
    return storm_seconds != 0 ? storm_seconds : STORM_SECONDS;
}

/* Two ends: what is sent at one arrives at the other. */
static int sender, receiver;
static volatile uint32_t arrived;
static volatile bool any;

static void count(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
    arrived++;
    any = true;
}

static void ignore(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
}

static bool by_fifo(void)
{
    return same_text(pv_xen_events_name(), "events-fifo");
}

static bool skip_without_events(struct check *check)
{
    struct pv_facts facts;
    pv_facts(&facts);
    bool none = !same_text(facts.backend, "xen-pv") && !same_text(facts.backend, "xen-hvm");
    if (none)
        skip(check, "there are no event channels: the backend is %s", facts.backend);
    return none;
}

static bool skip_without_fifo(struct check *check)
{
    if (skip_without_events(check))
        return true;
    if (!by_fifo())
        skip(check, "two levels of events are in force");
    return !by_fifo();
}

static bool open_channel(struct check *check, pv_xen_event_handler handler)
{
    arrived = 0;
    any = false;
    receiver = pv_xen_event_offer(SELF, handler, NULL);
    sender = receiver < 0 ? receiver : pv_xen_event_connect(SELF, (uint32_t)receiver, ignore, NULL);
    bool open = EXPECT(check, receiver > 0 && sender > 0, "ports %d and %d", receiver, sender);
    /* Connecting makes a port pending: nothing of that is to be counted. */
    sleep_ns(NS_PER_MS);
    arrived = 0;
    any = false;
    return open;
}

static void close_channel(void)
{
    pv_xen_event_close(sender);
    pv_xen_event_close(receiver);
}

static void as_asked(struct check *check)
{
    static const char fifo[] = "events-fifo", two[] = "events-2-level";
    struct pv_facts facts;
    bool told = false;
    if (skip_without_events(check))
        return;
    pv_facts(&facts);
    for (unsigned i = 0; facts.features[i] != NULL; i++)
        told |= same_text(facts.features[i], by_fifo() ? fifo : two);
    EXPECT(check, told, "%s is not among the features", pv_xen_events_name());
    EXPECT(check, !by_fifo() || !pv_command_line_has("events=2l"), "two levels were asked for");
}

static void each_arrives(struct check *check)
{
    if (skip_without_events(check) || !open_channel(check, count))
        return;
    for (uint32_t i = 1; i <= 100; i++) {
        any = false;
        EXPECT(check, pv_xen_event_send(sender) == PV_OK, "number %u cannot be sent", i);
        if (!EXPECT(check, wait_for(&any, NS_PER_S), "number %u did not arrive", i))
            break;
    }
    EXPECT(check, arrived == 100, "%u arrived", arrived);
    close_channel();
}

static void masked_waits(struct check *check)
{
    if (skip_without_events(check) || !open_channel(check, count))
        return;
    pv_xen_event_mask(receiver);
    for (unsigned i = 0; i < 3; i++)
        pv_xen_event_send(sender);
    sleep_ns(2 * NS_PER_MS);
    EXPECT(check, arrived == 0, "%u arrived while masked", arrived);
    pv_xen_event_unmask(receiver);
    EXPECT(check, wait_for(&any, NS_PER_S), "it did not arrive afterwards");
    sleep_ns(2 * NS_PER_MS);
    EXPECT(check, arrived == 1, "%u arrived", arrived);
    close_channel();
}

static void closed_is_silent(struct check *check)
{
    if (skip_without_events(check) || !open_channel(check, count))
        return;
    pv_xen_event_close(receiver);
    int status = pv_xen_event_send(receiver);
    pv_xen_event_send(sender);
    sleep_ns(2 * NS_PER_MS);
    EXPECT(check, arrived == 0, "%u arrived", arrived);
    EXPECT(check, status == PV_E_ARGUMENT, "sending there: %d", status);
    pv_xen_event_close(sender);
}

static volatile bool masked;

/* From the timer's interrupt, between any two instructions of the sender. */
static void toggle(void)
{
    if (masked)
        pv_xen_event_unmask(receiver);
    else
        pv_xen_event_mask(receiver);
    masked = !masked;
}

/* Where each look at the clock is an exit, a sender needs longer. */
static uint64_t choose_period(void)
{
    uint64_t start = pv_clock_ns();
    for (unsigned i = 0; i < SENDS_A_TOGGLE; i++) {
        any = false;
        pv_xen_event_send(sender);
        wait_for(&any, NS_PER_S);
    }
    uint64_t took = pv_clock_ns() - start;
    return took < LEAST_TOGGLE_NS ? LEAST_TOGGLE_NS : took;
}

static void send_and_wait(struct check *check)
{
    struct limit limit = limit_in(RACE_NS);
    uint32_t sent = 0;
    arrived = 0;
    while (sent < RACES && !limit_passed(&limit)) {
        any = false;
        pv_xen_event_send(sender);
        sent++;
        if (!EXPECT(check, wait_for(&any, NS_PER_S), "number %u did not arrive", sent) ||
            !EXPECT(check, arrived == sent, "%u arrived of %u", arrived, sent))
            return;
    }
    print("# %u events were sent while their port was masked and unmasked\n", sent);
    EXPECT(check, sent > 100, "only %u could be sent", sent);
}

static void exact_in_races(struct check *check)
{
    if (skip_without_events(check) || skip_without_timer(check) || !open_channel(check, count))
        return;
    uint64_t period = choose_period();
    masked = false;
    timer_hook = toggle;
    preempt_off();
    pv_timer_periodic(period);
    preempt_on();
    send_and_wait(check);
    pv_irq_disable();
    pv_timer_periodic(0);
    timer_hook = NULL;
    pv_irq_enable();
    close_channel();
}

/* Nothing to do, and another event is on its way already. */
static void feed_storm(struct pv_regs *regs, void *context)
{
    count(regs, context);
    pv_xen_event_send(sender);
    pv_xen_event_done(receiver, false);
}

static volatile uint32_t alarms;

static void count_alarm(void)
{
    alarms++;
    timer_start(TIMER_ALARM, pv_clock_ns() + ALARM_NS, count_alarm);
}

static void storm_is_survived(struct check *check)
{
    if (skip_without_events(check) || skip_without_timer(check) || !open_channel(check, feed_storm))
        return;
    pv_xen_event_set_late(receiver);
    alarms = 0;
    count_alarm();
    struct limit limit = limit_in(long_seconds() * NS_PER_S);
    pv_xen_event_send(sender);
    while (!limit_passed(&limit))
        pv_cpu_relax();
    timer_stop(TIMER_ALARM);
    close_channel();
    unsigned due = long_seconds() * (unsigned)(NS_PER_S / ALARM_NS);
    print("# a storm of %u s: its handler ran %u times, and %u alarms of %u came\n", long_seconds(),
          arrived, alarms, due);
    EXPECT(check, arrived >= 5 && arrived <= MOST_RUNS, "its handler ran %u times", arrived);
    EXPECT(check, alarms >= due * 8 / 10, "%u alarms of %u came", alarms, due);
}

/* Whoever sends from another CPU keeps a processor of the machine busy. */
static unsigned others_seconds(void)
{
    unsigned most = long_seconds();
    return most > SHORT_STORM && !pv_command_line_has("long") ? SHORT_STORM : most;
}

static volatile uint32_t stormed;
static volatile bool storm_ends;

static void storm_on(void *argument)
{
    (void)argument;
    for (stormed = 0; !storm_ends; stormed++)
        pv_xen_event_send(sender);
}

/* Each event is for nothing. */
static void be_done(struct pv_regs *regs, void *context)
{
    count(regs, context);
    pv_xen_event_done(receiver, false);
}

/* Which may take as long to notice as the machine likes: how often it looks is what counts. */
static void storm_of_another_is_survived(struct check *check)
{
    if (skip_without_events(check) || skip_without_timer(check))
        return;
    if (skip_alone(check))
        return;
    if (!open_channel(check, be_done))
        return;
    pv_xen_event_set_late(receiver);
    alarms = 0;
    storm_ends = false;
    count_alarm();
    smp_give(1, storm_on, NULL);
    struct limit limit = limit_in(others_seconds() * NS_PER_S);
    while (!limit_passed(&limit))
        pv_cpu_relax();
    timer_stop(TIMER_ALARM);
    storm_ends = true;
    EXPECT(check, smp_done(1, 5 * NS_PER_S), "who sends does not come to an end");
    close_channel();
    unsigned due = others_seconds() * (unsigned)(NS_PER_S / ALARM_NS);
    print("# another CPU sent %u events in %u s: their handler ran %u times, and %u alarms of %u "
          "came\n",
          stormed, others_seconds(), arrived, alarms, due);
    EXPECT(check, arrived >= 5 && arrived <= MOST_RUNS, "its handler ran %u times", arrived);
    EXPECT(check, stormed > 10 * arrived, "%u were sent, %u came", stormed, arrived);
    EXPECT(check, alarms >= due * 8 / 10, "%u alarms of %u came", alarms, due);
}

static char order[2];
static volatile unsigned ordered;

static void note(struct pv_regs *regs, void *context)
{
    count(regs, NULL);
    if (ordered < sizeof(order))
        order[ordered] = *(const char *)context;
    ordered++;
}

/* Both are sent with interrupts off, the urgent one last. */
static void send_two(struct check *check, int usual, int urgent)
{
    int first = pv_xen_event_connect(SELF, (uint32_t)usual, ignore, NULL);
    int second = pv_xen_event_connect(SELF, (uint32_t)urgent, ignore, NULL);
    int status = pv_xen_event_set_priority(urgent, 0);
    EXPECT(check, first > 0 && second > 0, "ports %d and %d", first, second);
    EXPECT(check, status == PV_OK, "the priority is refused: %d", status);
    sleep_ns(NS_PER_MS);
    pv_irq_disable();
    ordered = 0;
    pv_xen_event_send(first);
    pv_xen_event_send(second);
    pv_irq_enable();
    struct limit limit = limit_in(NS_PER_S);
    while (ordered < 2 && !limit_passed(&limit))
        pv_cpu_relax();
    EXPECT(check, ordered == 2 && order[0] == 'B' && order[1] == 'A', "%u ran, the first was %c",
           ordered, order[0]);
    pv_xen_event_close(first);
    pv_xen_event_close(second);
}

static void urgent_overtakes(struct check *check)
{
    static char a = 'A', b = 'B';
    if (skip_without_fifo(check))
        return;
    int usual = pv_xen_event_offer(SELF, note, &a);
    int urgent = pv_xen_event_offer(SELF, note, &b);
    if (EXPECT(check, usual > 0 && urgent > 0, "ports %d and %d", usual, urgent))
        send_two(check, usual, urgent);
    pv_xen_event_close(usual);
    pv_xen_event_close(urgent);
}

/* ---- many of them ---------------------------------------------------------------------------- */

static void take_what_is_pending(uint32_t turns)
{
    static struct pv_regs nobody;
    (void)turns;
    pv_xen_events_run(&nobody);
}

/* The library's instructions for one event, one at a time; something else may come with it. */
static int64_t steps_of_one(void)
{
    int64_t least = INT64_MAX;
    preempt_off();
    struct pv_irqflags flags = pv_irq_save();
    for (unsigned i = 0; i < TRIES; i++) {
        arrived = 0;
        pv_xen_event_send(sender);
        int64_t steps = bench_step(take_what_is_pending, 1).steps;
        least = arrived == 1 && steps < least ? steps : least;
    }
    pv_irq_restore(flags);
    preempt_on();
    return least;
}

static int ports[MANY];

static uint32_t open_many(void)
{
    for (uint32_t i = 0; i < MANY; i++) {
        ports[i] = pv_xen_event_offer(SELF, count, NULL);
        if (ports[i] < 0)
            return i;
    }
    return MANY;
}

static int64_t steps_with_one_port(struct check *check)
{
    int64_t steps = 0;
    if (open_channel(check, count))
        steps = steps_of_one();
    close_channel();
    return steps;
}

/* Of two levels there is a word for each 64, which is not promised to be looked for in no time. */
static void expect_as_cheap(struct check *check, int64_t one, int64_t many)
{
    print("# an event takes %ld instructions with one port and %ld with many\n", one, many);
    EXPECT(check, one > 0 && one < MOST_STEPS, "one port: %ld", one);
    if (by_fifo())
        EXPECT(check, many <= one, "%ld instructions with one port and %ld with many", one, many);
}

static void many_ports(struct check *check)
{
    if (skip_without_events(check))
        return;
    int64_t one = steps_with_one_port(check);
    uint32_t open = open_many();
    arrived = 0;
    /* A toolstack gives a guest as many as it was told to. */
    if (open < MANY && ports[open] == PV_E_HOST)
        skip(check, "Xen gives this domain %u ports", open);
    else
        EXPECT(check, open == MANY, "port %u of %u: %d", open, MANY, ports[open]);
    if (open > 1) {
        pv_xen_event_close(ports[--open]);
        receiver = ports[open - 1];
        sender = pv_xen_event_connect(SELF, (uint32_t)receiver, ignore, NULL);
        any = false;
        pv_xen_event_send(sender);
        EXPECT(check, wait_for(&any, NS_PER_S), "nothing arrives at port %d", receiver);
        expect_as_cheap(check, one, steps_of_one());
        pv_xen_event_close(sender);
    }
    for (uint32_t i = 0; i < open; i++)
        pv_xen_event_close(ports[i]);
}

static void none_astray(struct check *check)
{
    if (skip_without_events(check))
        return;
    EXPECT(check, pv_xen_events_stray() == 0, "%lu events came for ports that nobody has",
           pv_xen_events_stray());
}

static const struct test events_tests[] = {
    {"the events in force are listed, and those that were asked for", as_asked},
    {"an event arrives each time it is sent", each_arrives},
    {"masked events wait, and come as one", masked_waits},
    {"a closed port is silent", closed_is_silent},
    {"an event of a higher priority overtakes", urgent_overtakes},
    {"events neither vanish nor double while an interrupt masks and unmasks them", exact_in_races},
    {"a storm of events leaves time for everything else", storm_is_survived},
    {"a storm of events from another CPU leaves time for everything else",
     storm_of_another_is_survived},
    {"four thousand ports can be had, and the last one works and costs what one costs", many_ports},
    {"no event came for a port that nobody has", none_astray},
};

const struct test_group events_group = TEST_GROUP(events);
