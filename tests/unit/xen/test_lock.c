/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a lock by blocking (backends/xen/lock.c, lib/asleep.c) on the host. The test is Xen
 * and the lock's owner at once: it lets things happen exactly between two steps of the waiter.
 */
#include "fake.h"

#include <string.h>

#include "backends/xen/lock.c"

#define SELF  3u
#define OTHER 5u
#define PORT  40
#define HELD  1u

static uint64_t now;
static bool pending; /* the port */
static bool gives_port, clock_usable;
static unsigned bound, masked, closed, sent, cleared;
static int sent_to;
static struct pv_spinlock lock;
static uint8_t *const byte_of = &lock.locked;
static void (*at_poll)(void);  /* what happens when the waiter blocks */
static void (*at_clear)(void); /* and when it has cleared its port */
static struct pv_xen_poll polled;

static uint64_t clock_ns(void)
{
    return now;
}

static bool is_preempted;

static bool preempted(uint32_t cpu)
{
    assert_int_equal(cpu, OTHER);
    return is_preempted;
}

static void kick(uint32_t cpu)
{
    pv_xen_lock_kick(cpu);
}

struct pv_ops pv_ops = {
    .clock_ns = clock_ns,
    .vcpu_is_preempted = preempted,
    .lock_kick = kick,
};

bool pv_xen_knows_times(void)
{
    return clock_usable;
}

uint64_t pv_pvclock_to_vmm(uint64_t ns)
{
    return ns + 7;
}

unsigned pv_other_cpus(void)
{
    return OTHER;
}

int pv_xen_event_bind_ipi(pv_xen_event_handler handler, void *context)
{
    (void)context;
    assert_non_null(handler);
    bound++;
    return gives_port ? PORT : PV_E_HOST;
}

int pv_xen_event_mask(int port)
{
    assert_int_equal(port, PORT);
    masked++;
    return PV_OK;
}

int pv_xen_event_close(int port)
{
    assert_int_equal(port, PORT);
    closed++;
    return PV_OK;
}

int pv_xen_event_send(int port)
{
    sent_to = port;
    sent++;
    if (port == PORT)
        pending = true;
    return PV_OK;
}

void pv_xen_event_clear(int port)
{
    assert_int_equal(port, PORT);
    cleared++;
    pending = false;
    if (at_clear != NULL)
        at_clear();
}

/* A poll whose port is pending ends at once; one that nothing would end fails the test. */
static int64_t answer(uint64_t number, uint64_t command, void *argument)
{
    assert_int_equal(number, PV_XEN_HC_SCHED_OP);
    if (command != PV_SCHEDOP_POLL)
        return 0;
    polled = *(const struct pv_xen_poll *)argument;
    assert_int_equal(polled.count, 1);
    assert_int_equal(polled.ports[0], PORT);
    if (pending)
        return 0;
    assert_non_null(at_poll);
    void (*happens)(void) = at_poll;
    at_poll = NULL;
    happens();
    return 0;
}

static int begin(void **state)
{
    (void)state;
    fake_reset();
    fake_cpu.number = SELF;
    fake_answer = answer;
    memset(kickers, 0, sizeof(kickers));
    gives_port = clock_usable = true;
    pending = is_preempted = false;
    bound = masked = closed = sent = cleared = 0;
    *byte_of = HELD;
    now = 1000;
    at_poll = at_clear = NULL;
    assert_true(pv_xen_locks_start());
    return 0;
}

/* As the owner does it, in one step unless the byte is marked. */
static void release(void)
{
    if (__atomic_sub_fetch(byte_of, 1, __ATOMIC_SEQ_CST) != 0)
        pv_lock_released_asleep(&lock);
}

static void the_port_is_bound_once_and_never_runs_anything(void **state)
{
    (void)state;
    assert_int_equal(bound, 1);
    assert_int_equal(masked, 1);
    assert_true(pv_xen_locks_in_use());
    pv_xen_locks_stop();
    assert_int_equal(closed, 1);
    assert_false(pv_xen_locks_in_use());
    pv_xen_locks_stop();
    assert_int_equal(closed, 1);
}

static void a_byte_that_has_changed_is_not_waited_for(void **state)
{
    (void)state;
    *byte_of = 0;
    pv_xen_lock_wait(byte_of, HELD);
    assert_int_equal(fake_calls(PV_XEN_HC_SCHED_OP, PV_SCHEDOP_POLL), 0);
    assert_int_equal(*byte_of, 0);
}

static void who_waits_is_marked_and_its_owner_kicks_it(void **state)
{
    (void)state;
    at_poll = release;
    pv_xen_lock_wait(byte_of, HELD);
    assert_int_equal(fake_calls(PV_XEN_HC_SCHED_OP, PV_SCHEDOP_POLL), 1);
    assert_int_equal(sent, 1);
    assert_int_equal(sent_to, PORT);
    assert_int_equal(*byte_of, 0);
}

static void a_release_behind_the_last_clearing_is_seen(void **state)
{
    (void)state;
    at_clear = release;
    pv_xen_lock_wait(byte_of, HELD);
    assert_int_equal(fake_calls(PV_XEN_HC_SCHED_OP, PV_SCHEDOP_POLL), 0);
}

static void an_old_kick_does_not_keep_anybody_awake(void **state)
{
    (void)state;
    pending = true;
    at_poll = release;
    pv_xen_lock_wait(byte_of, HELD);
    assert_int_equal(cleared, 1);
    assert_int_equal(fake_calls(PV_XEN_HC_SCHED_OP, PV_SCHEDOP_POLL), 1);
}

static void nothing_is_released_while_nobody_sleeps(void **state)
{
    (void)state;
    release();
    assert_int_equal(sent, 0);
    assert_int_equal(*byte_of, 0);
}

/* An interrupt comes behind the last look: its handler waits for another byte, the port is kicked
 * for the outer wait meanwhile, and the outer wait must still see that. */
static uint8_t inner_byte;

static void release_inner(void)
{
    inner_byte = 0;
}

static void interrupt(void)
{
    at_clear = NULL;
    release(); /* the outer one's, and its kick */
    inner_byte = HELD;
    pv_xen_lock_wait(&inner_byte, HELD); /* finds the port pending, and comes back */
    release_inner();
}

static void a_handler_that_waits_takes_no_kick_away(void **state)
{
    (void)state;
    at_poll = interrupt;
    pv_xen_lock_wait(byte_of, HELD);
    assert_true(pending);
    assert_int_equal(cleared, 1);
    assert_int_equal(kickers[SELF].nesting, 0);
}

static void a_wait_has_an_end_by_the_clock_where_there_is_one(void **state)
{
    (void)state;
    at_poll = release;
    pv_xen_lock_wait(byte_of, HELD);
    assert_true(polled.timeout_ns == now + LONGEST_NS + 7);
    *byte_of = HELD;
    clock_usable = false;
    at_poll = release;
    pv_xen_lock_wait(byte_of, HELD);
    assert_true(polled.timeout_ns == 0);
}

static void lose_the_kick(void)
{
    *byte_of = 0;
}

/* The poll ended by its time; what is found then is the byte as it is. */
static void a_kick_that_the_host_loses_costs_time_only(void **state)
{
    (void)state;
    at_poll = lose_the_kick;
    pv_xen_lock_wait(byte_of, HELD);
    assert_int_equal(sent, 0);
    assert_int_equal(*byte_of, 0);
}

static int64_t refuse(uint64_t number, uint64_t command, void *argument)
{
    (void)number;
    (void)command;
    (void)argument;
    return -38;
}

static void a_host_that_refuses_to_block_makes_the_cpu_spin(void **state)
{
    (void)state;
    fake_answer = refuse;
    for (unsigned i = 0; i < 10; i++)
        pv_xen_lock_wait(byte_of, *byte_of);
    assert_int_equal(fake_calls(PV_XEN_HC_SCHED_OP, PV_SCHEDOP_POLL), 10);
    assert_int_equal(*byte_of, HELD | PV_LOCK_ASLEEP);
}

static void without_a_port_a_cpu_spins_and_is_not_kicked(void **state)
{
    (void)state;
    pv_xen_locks_stop();
    gives_port = false;
    assert_false(pv_xen_locks_start());
    pv_xen_lock_wait(byte_of, HELD);
    assert_int_equal(fake_calls(PV_XEN_HC_SCHED_OP, PV_SCHEDOP_POLL), 0);
    pv_xen_lock_kick(SELF);
    pv_xen_lock_kick(PV_CONFIG_MAX_CPUS);
    pv_xen_lock_kick(UINT32_MAX);
    assert_int_equal(sent, 0);
}

static void a_cpu_beyond_the_bookkeeping_spins(void **state)
{
    (void)state;
    fake_cpu.number = PV_CONFIG_MAX_CPUS;
    assert_false(pv_xen_locks_start());
    assert_false(pv_xen_locks_in_use());
    pv_xen_lock_wait(byte_of, HELD);
    pv_xen_locks_stop();
    assert_int_equal(fake_calls(PV_XEN_HC_SCHED_OP, PV_SCHEDOP_POLL), 0);
    assert_int_equal(*byte_of, HELD);
}

static void the_processor_is_yielded_to_a_cpu_that_was_preempted(void **state)
{
    (void)state;
    pv_xen_smp_yield_to(OTHER);
    assert_int_equal(fake_calls(PV_XEN_HC_SCHED_OP, PV_SCHEDOP_YIELD), 0);
    is_preempted = true;
    pv_xen_smp_yield_to(OTHER);
    assert_int_equal(fake_calls(PV_XEN_HC_SCHED_OP, PV_SCHEDOP_YIELD), 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_port_is_bound_once_and_never_runs_anything, begin),
        cmocka_unit_test_setup(a_byte_that_has_changed_is_not_waited_for, begin),
        cmocka_unit_test_setup(who_waits_is_marked_and_its_owner_kicks_it, begin),
        cmocka_unit_test_setup(a_release_behind_the_last_clearing_is_seen, begin),
        cmocka_unit_test_setup(an_old_kick_does_not_keep_anybody_awake, begin),
        cmocka_unit_test_setup(nothing_is_released_while_nobody_sleeps, begin),
        cmocka_unit_test_setup(a_handler_that_waits_takes_no_kick_away, begin),
        cmocka_unit_test_setup(a_wait_has_an_end_by_the_clock_where_there_is_one, begin),
        cmocka_unit_test_setup(a_kick_that_the_host_loses_costs_time_only, begin),
        cmocka_unit_test_setup(a_host_that_refuses_to_block_makes_the_cpu_spin, begin),
        cmocka_unit_test_setup(without_a_port_a_cpu_spins_and_is_not_kicked, begin),
        cmocka_unit_test_setup(a_cpu_beyond_the_bookkeeping_spins, begin),
        cmocka_unit_test_setup(the_processor_is_yielded_to_a_cpu_that_was_preempted, begin),
    };

    return cmocka_run_group_tests_name("locks whose waiters block", tests, NULL, NULL);
}
