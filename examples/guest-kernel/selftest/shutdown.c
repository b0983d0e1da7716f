/* SPDX-License-Identifier: MIT */
/*
 * The end of this kernel's dealings with Xen, as before another kernel is started in the same
 * memory, and a new beginning: nothing of it is written to any more, no event channel is left but
 * those of the console and xenstore, and everything can be set up again. Like events.c this file
 * looks into the library's own headers. It comes last.
 */
#include "backends/xen/event.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/event_channel.h"
#include "backends/xen/abi/sched.h"
#include "backends/xen/xen.h"
#include "selftest.h"
#include "../commands.h"
#include "../cpu.h"
#include "../smp.h"
#include "../string.h"
#include "../timer.h"

#define LOOKED_AT 64u
#define PAUSE_NS  (20 * NS_PER_MS)

/* How often this CPU is away until another one's record has changed, whose processor may be slow,
 * and how often to see that it does not change any more. */
#define TURNS_TO_CHANGE 250u
#define TURNS_UNCHANGED 10u

struct remains {
    unsigned open;  /* channels but for those two */
    bool record;    /* of time, still registered */
    bool rewritten; /* while this CPU was away: its own, or that of a CPU that stands still */
    struct pv_evtchn_status console, store;
};

static struct pv_evtchn_status status_of(uint32_t port)
{
    struct pv_evtchn_status status = {.domain = PV_XEN_DOMID_SELF, .port = port};
    if (port == 0 || pv_xen_event_channel_op(PV_EVTCHNOP_STATUS, &status) != 0)
        status.status = PV_EVTCHNSTAT_CLOSED;
    return status;
}

static unsigned open_ports(void)
{
    unsigned open = 0;
    for (uint32_t port = 1; port < LOOKED_AT; port++)
        if (port != boot_info.xen_pv.console_port && port != boot_info.xen_pv.store_port)
            open += status_of(port).status != PV_EVTCHNSTAT_CLOSED;
    return open;
}

/* Xen's time on this CPU, without the clock that pv_shutdown() ends; near enough. */
static uint64_t xens_ns(void)
{
    const volatile struct pv_pvclock_record *time = &pv_xen_this_vcpu_info()->time;
    uint64_t ticks = read_tsc() - time->tsc_timestamp;
    ticks = time->tsc_shift < 0 ? ticks >> -time->tsc_shift : ticks << time->tsc_shift;
    return time->system_time + (uint64_t)((unsigned __int128)ticks * time->tsc_to_system_mul >> 32);
}

/* So that Xen has a record to write. */
static void be_away(uint64_t ns)
{
    struct pv_xen_poll poll = {NULL, 0, xens_ns() + ns};
    (void)pv_xen_sched_op(PV_SCHEDOP_POLL, &poll);
}

static bool differs(const volatile uint8_t *record, const uint8_t *before, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (record[i] != before[i])
            return true;
    return false;
}

static bool record_changes(const struct pv_cpu *cpu, unsigned turns)
{
    uint8_t before[sizeof(cpu->vmm_clock)];
    memcpy(before, cpu->vmm_clock, sizeof(before));
    while (turns-- != 0) {
        be_away(PAUSE_NS);
        if (differs(cpu->vmm_clock, before, sizeof(before)))
            return true;
    }
    return false;
}

static struct remains look(const struct pv_cpu *cpu, unsigned turns)
{
    return (struct remains){
        .open = open_ports(),
        .record = pv_xen_runstate_in_use(),
        .rewritten = record_changes(cpu, turns),
        .console = status_of(boot_info.xen_pv.console_port),
        .store = status_of(boot_info.xen_pv.store_port),
    };
}

static bool same_channel(const struct pv_evtchn_status *a, const struct pv_evtchn_status *b)
{
    return a->status == b->status &&
           (a->status != PV_EVTCHNSTAT_INTERDOMAIN ||
            (a->remote_domain == b->remote_domain && a->remote_port == b->remote_port));
}

static void expect_nothing_left(struct check *check, const struct remains *before,
                                const struct remains *after)
{
    EXPECT(check, before->record && before->rewritten && before->open != 0,
           "before: record %u, rewritten %u, %u channels", before->record, before->rewritten,
           before->open);
    EXPECT(check, !after->record && !after->rewritten, "Xen still writes a record of time");
    EXPECT(check, after->open == 0, "%u event channels are still open", after->open);
    EXPECT(check, same_channel(&before->console, &after->console), "the console's channel: %u",
           after->console.status);
    EXPECT(check, same_channel(&before->store, &after->store), "xenstore's channel: %u",
           after->store.status);
}

/* A CPU that stands still, interrupts off, and blocks now and then, so that Xen has a record to
 * write. */
static struct still {
    bool wanted;
    bool stands;
} still;

static void stand_still(void *argument)
{
    (void)argument;
    pv_irq_disable();
    __atomic_store_n(&still.stands, true, __ATOMIC_RELEASE);
    while (__atomic_load_n(&still.wanted, __ATOMIC_ACQUIRE))
        be_away(PAUSE_NS / 20);
}

/* The last one, until it is let go. */
static bool have_one_stand_still(struct check *check, unsigned cpu)
{
    struct limit limit = limit_in(5 * NS_PER_S);
    still = (struct still){.wanted = true};
    smp_give(cpu, stand_still, NULL);
    while (!__atomic_load_n(&still.stands, __ATOMIC_ACQUIRE) && !limit_passed(&limit))
        pv_cpu_relax();
    return EXPECT(check, still.stands, "CPU %u does not stand still", cpu);
}

/* It goes by itself: nobody can interrupt it any more, so it must not come to wait for anything. */
static void let_go(struct check *check, unsigned cpu)
{
    smp_bid_leave(cpu);
    __atomic_store_n(&still.wanted, false, __ATOMIC_RELEASE);
    EXPECT(check, smp_offline(cpu) == PV_OK, "CPU %u does not go", cpu);
}

/* With nothing pending: what comes in between is for nobody. `standing`: a CPU, or 0 for none. */
static bool go_down_and_up(struct check *check, unsigned standing)
{
    struct pv_error error;
    struct pv_irqflags flags = pv_irq_save();
    struct remains before = look(smp_block(standing), TURNS_TO_CHANGE);
    pv_shutdown();
    struct remains after = look(smp_block(standing), TURNS_UNCHANGED);
    if (standing != 0)
        let_go(check, standing);
    int status = pv_init(&error);
    pv_irq_restore(flags);
    expect_nothing_left(check, &before, &after);
    return expect_ok(check, "pv_init", status, &error);
}

static bool skip_elsewhere(struct check *check)
{
    struct pv_facts facts;
    pv_facts(&facts);
    bool here = same_text(facts.backend, "xen-pv");
    if (!here)
        skip(check, "the backend is %s", facts.backend);
    return !here;
}

/* All but one that stands still, if it is not 0, are parked before. */
static void end_and_begin_anew(struct check *check, unsigned standing)
{
    struct pv_error error;
    unsigned count = smp_count();
    for (unsigned cpu = 1; cpu < count; cpu++)
        if (cpu != standing)
            EXPECT(check, smp_offline(cpu) == PV_OK, "CPU %u does not go", cpu);
    if (standing != 0 && !have_one_stand_still(check, standing))
        return;
    if (!go_down_and_up(check, standing))
        return;
    still_going();
    for (unsigned cpu = 1; cpu < count; cpu++)
        if (!expect_ok(check, "a CPU does not come back", smp_online(cpu, &error), &error))
            return;
    uint64_t ticks = timer_interrupts();
    sleep_ns(NS_PER_MS);
    EXPECT(check, timer_interrupts() != ticks, "the timer does not fire any more");
    ops_work(check);
}

static void nothing_is_left(struct check *check)
{
    if (!skip_elsewhere(check))
        end_and_begin_anew(check, 0);
}

static void nothing_of_others_is_left(struct check *check)
{
    if (!skip_elsewhere(check) && !skip_alone(check))
        end_and_begin_anew(check, smp_count() - 1);
}

static const struct test shutdown_tests[] = {
    {"after pv_shutdown() Xen has no channels and no record of this kernel, and takes new ones",
     nothing_is_left},
    {"nor of a CPU that merely stands still then", nothing_of_others_is_left},
};

const struct test_group shutdown_group = TEST_GROUP(shutdown);
