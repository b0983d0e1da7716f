/* SPDX-License-Identifier: MIT */
/*
 * CPUs against each other: one clock read by all of them, and Xen's event channels whose ends are
 * on different CPUs, while they are masked and while CPUs come and go. `long` on the command line
 * goes to the numbers that are wanted, or to less where the counter is emulated, as all else is
 * then; with `million` besides to a million events there too. Without it each check has a few
 * seconds.
 *
 * Like events.c, this file looks into the library's own headers.
 */
#include "backends/xen/event_port.h"
#include "backends/xen/xen.h"
#include "selftest.h"
#include "../cpu.h"
#include "../smp.h"
#include "../string.h"
#include "../timer.h"

#define SELF           0x7ff0 /* DOMID_SELF, xen/include/public/xen.h */
#define READS          10000000u
#define READS_DEAR     100000u /* where each is an exit */
#define RACES          1000000u
#define RACES_DEAR     10000u
#define RACES_OF_THREE 100000u
#define LEAST_RACES    100u
#define SENT_A_LINE    100000u
#define LEAST_READS    1000u
#define LAPS           20u
#define ROUND_NS       (3 * NS_PER_S)
#define PATIENCE_NS    (5 * NS_PER_S)
#define LOOKS          1000u
#define TOGGLES        5u
#define GIVES_WAY      100u

static bool skip_with_fewer(struct check *check, unsigned cpus)
{
    bool fewer = smp_count() < cpus;
    if (fewer)
        skip(check, "%u CPUs run here, of %u that are listed", smp_count(), smp_listed());
    return fewer;
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

static bool goes_to_the_end(void)
{
    return pv_command_line_has("long");
}

/* ---- the clock ------------------------------------------------------------------------------- */

static uint64_t latest; /* that any CPU was told */
static volatile uint32_t reads_of_each;
static volatile uint64_t most_backwards, most_forwards;
static uint32_t reads_made;

static bool tsc_exits(void)
{
    struct pv_facts facts;
    pv_facts(&facts);
    for (unsigned i = 0; facts.features[i] != NULL; i++)
        if (same_text(facts.features[i], "tsc-emulated"))
            return privileged();
    return false;
}

/* What was told before this CPU asks must not be later than what it is told. */
static void read_clock(struct limit *limit)
{
    for (uint32_t i = 0; i < reads_of_each; i++) {
        uint64_t before = __atomic_load_n(&latest, __ATOMIC_ACQUIRE);
        uint64_t now = pv_clock_ns();
        if (now < before)
            most_backwards = before - now;
        else if (before != 0 && now - before > most_forwards)
            most_forwards = now - before;
        while (now > before && !__atomic_compare_exchange_n(&latest, &before, now, false,
                                                            __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            ;
        __atomic_fetch_add(&reads_made, 1, __ATOMIC_RELAXED);
        if (i % LOOKS == 0 && !goes_to_the_end() && limit_passed(limit))
            break;
    }
}

static void read_there(void *argument)
{
    struct limit limit = limit_in(ROUND_NS);
    (void)argument;
    read_clock(&limit);
}

static void clock_is_one(struct check *check)
{
    struct limit limit = limit_in(ROUND_NS);
    if (skip_with_fewer(check, 2))
        return;
    latest = reads_made = 0;
    most_backwards = most_forwards = 0;
    reads_of_each = (tsc_exits() ? READS_DEAR : READS) / smp_count() + 1;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        smp_give(cpu, read_there, NULL);
    read_clock(&limit);
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        while (!smp_done(cpu, PATIENCE_NS) && goes_to_the_end())
            still_going();
    print("# the clock was read %u times by %u CPUs; its longest step was %lu ns\n", reads_made,
          smp_count(), most_forwards);
    EXPECT(check, most_backwards == 0, "it went back by %lu ns", most_backwards);
    uint32_t least = goes_to_the_end() ? reads_of_each * smp_count() : LEAST_READS;
    EXPECT(check, reads_made >= least, "it was read %u times, which is to be %u", reads_made,
           least);
}

/* ---- events ---------------------------------------------------------------------------------- */

static int sender, receiver;
static volatile uint32_t arrived, sent, lost_at;
static volatile uint32_t arrived_on; /* the number of a CPU */
static volatile bool stop, sender_is_done;

static void count(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
    arrived_on = pv_this_cpu()->number;
    arrived++;
}

static void ignore(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
}

static bool open_channel(struct check *check)
{
    receiver = pv_xen_event_offer(SELF, count, NULL);
    sender = receiver < 0 ? receiver : pv_xen_event_connect(SELF, (uint32_t)receiver, ignore, NULL);
    bool open = EXPECT(check, receiver > 0 && sender > 0, "ports %d and %d", receiver, sender);
    /* Connecting makes a port pending: nothing of that is to be counted. */
    sleep_ns(NS_PER_MS);
    arrived = sent = lost_at = 0;
    stop = sender_is_done = false;
    return open;
}

static void close_channel(void)
{
    pv_xen_event_close(sender);
    pv_xen_event_close(receiver);
}

/* Who shares a processor with somebody that it races leaves it to them. */
static void give_way(void)
{
    for (unsigned cpu = 0; cpu < smp_count(); cpu++)
        pv_smp_yield_to(cpu);
}

static bool arrives(uint32_t number)
{
    struct limit limit = limit_in(PATIENCE_NS);
    do
        for (unsigned i = 0; i < LOOKS; i++) {
            if (arrived >= number)
                return true;
            pv_cpu_relax();
            if (i % GIVES_WAY == GIVES_WAY - 1)
                give_way();
        }
    while (!limit_passed(&limit));
    return arrived >= number;
}

/* On another CPU: one after the other, each when the one before has arrived. */
static void send_all(void *argument)
{
    uint32_t most = (uint32_t)(uintptr_t)argument;
    while (sent < most && !stop && lost_at == 0) {
        uint32_t number = sent + 1;
        pv_xen_event_send(sender);
        sent = number;
        if (!arrives(number))
            lost_at = number;
    }
    sender_is_done = true;
}

/* What is known of the port on both sides, for who has to find out where an event went. */
static void tell_port(void)
{
    uint32_t number = (uint32_t)receiver;
    const struct pv_xen_port *port = pv_xen_port_at(number);
    uint32_t shared = 0;
    if (number < pv_xen_event_words_end)
        shared = *pv_xen_event_word(number);
    print("# %u arrived of %u; port %u of vCPU %u, state %x, its word in the queues %x\n", arrived,
          sent, number, port->vcpu, port->state.all, shared);
}

static void expect_exact(struct check *check)
{
    if (lost_at != 0 || arrived != sent)
        tell_port();
    EXPECT(check, lost_at == 0, "number %u did not arrive", lost_at);
    EXPECT(check, arrived == sent, "%u arrived of %u", arrived, sent);
}

static uint32_t races(void)
{
    return tsc_exits() && !pv_command_line_has("million") ? RACES_DEAR : RACES;
}

/* Of the second kind, where three CPUs want processors. */
static uint32_t more_races(void)
{
    return races() == RACES ? RACES_OF_THREE : RACES_DEAR;
}

/* A million of them can take long. */
static void tell_progress(void)
{
    static uint32_t told;
    if (sent < told)
        told = 0;
    if (sent - told < SENT_A_LINE)
        return;
    told = sent;
    print("# %u so far\n", told);
}

static uint32_t toggles_made;

/* As fast as it goes, until everything is sent. */
static void toggle_all(void *argument)
{
    (void)argument;
    for (toggles_made = 0; !sender_is_done; toggles_made++) {
        pv_xen_event_mask(receiver);
        pv_xen_event_unmask(receiver);
        if (toggles_made % TOGGLES == 0)
            pv_cpu_relax();
        if (toggles_made % GIVES_WAY == 0)
            give_way();
    }
}

/* Whose CPU only takes them. */
static void exact_while_others_mask(struct check *check)
{
    struct limit limit = limit_in(ROUND_NS);
    if (skip_with_fewer(check, 3) || skip_without_events(check) || !open_channel(check))
        return;
    smp_give(1, toggle_all, NULL);
    smp_give(2, send_all, (void *)(uintptr_t)more_races());
    while (!sender_is_done) {
        sleep_ns(NS_PER_MS);
        still_going();
        stop = !goes_to_the_end() && limit_passed(&limit);
    }
    EXPECT(check, smp_done(2, PATIENCE_NS), "the sender does not come to an end");
    EXPECT(check, smp_done(1, PATIENCE_NS), "who masks does not come to an end");
    print("# %u events were sent to a CPU whose port others masked and unmasked %u times\n", sent,
          toggles_made);
    EXPECT(check, sent >= LEAST_RACES, "only %u could be sent", sent);
    expect_exact(check);
    close_channel();
}

static void exact_while_masked(struct check *check)
{
    struct limit limit = limit_in(ROUND_NS);
    uint32_t toggles = 0;
    if (skip_with_fewer(check, 2) || skip_without_events(check) || !open_channel(check))
        return;
    smp_give(1, send_all, (void *)(uintptr_t)races());
    while (!sender_is_done) {
        pv_xen_event_mask(receiver);
        pv_xen_event_unmask(receiver);
        if (++toggles % TOGGLES == 0)
            pv_cpu_relax(); /* an emulated machine may run the other CPU now */
        if (toggles % GIVES_WAY == 0)
            give_way();
        if (toggles % LOOKS != 0)
            continue;
        still_going();
        tell_progress();
        stop = !goes_to_the_end() && limit_passed(&limit);
    }
    EXPECT(check, smp_done(1, PATIENCE_NS), "the sender does not come to an end");
    print(
        "# %u events were sent by another CPU while their port was masked and unmasked %u times\n",
        sent, toggles);
    EXPECT(check, sent >= LEAST_RACES, "only %u could be sent", sent);
    expect_exact(check);
    close_channel();
}

static void expect_taken_by(struct check *check, uint32_t cpu)
{
    uint32_t before = arrived;
    bool all = arrives(before + 10);
    if (!all || arrived_on != cpu)
        tell_port();
    EXPECT(check, all, "%u came in all this time", arrived - before);
    EXPECT(check, arrived_on == cpu, "CPU %u takes what CPU %u alone is to take", arrived_on, cpu);
}

/* The port is the going CPU's again and again, and always somebody's. */
static void exact_while_cpus_go(struct check *check)
{
    struct pv_error error;
    if (skip_with_fewer(check, 3) || skip_without_events(check) || !open_channel(check))
        return;
    smp_give(2, send_all, (void *)(uintptr_t)UINT32_MAX);
    for (unsigned i = 0; i < LAPS && check->outcome == CHECK_PASSED; i++) {
        int status = pv_xen_event_set_vcpu(receiver, pv_xen_vcpu_of(smp_block(1)));
        EXPECT(check, status == PV_OK, "its port does not move there: %d", status);
        expect_taken_by(check, 1);
        status = smp_offline(1);
        EXPECT(check, status == PV_OK, "CPU 1 does not go: %d", status);
        expect_taken_by(check, 0);
        expect_ok(check, "a CPU does not come back", smp_online(1, &error), &error);
        still_going();
    }
    stop = true;
    EXPECT(check, smp_done(2, PATIENCE_NS), "the sender does not come to an end");
    print("# %u events were sent while the CPU of their port went and came %u times\n", sent, LAPS);
    EXPECT(check, sent >= LAPS, "only %u could be sent", sent);
    expect_exact(check);
    close_channel();
}

static const struct test races_tests[] = {
    {"the clock is one clock, whichever CPU reads it", clock_is_one},
    {"events neither vanish nor double while one CPU sends and another masks", exact_while_masked},
    {"events neither vanish nor double while another masks them, and neither has the port",
     exact_while_others_mask},
    {"events neither vanish nor double while the CPU of their port goes", exact_while_cpus_go},
};

const struct test_group races_group = TEST_GROUP(races);
