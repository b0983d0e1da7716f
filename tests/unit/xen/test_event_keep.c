/* SPDX-License-Identifier: MIT */
/*
 * The channels of console and xenstore over a reset (backends/xen/event_keep.c) on the host, with a
 * Xen that gives out ports as it does, or not at all as it does.
 */
#include "fake.h"

#include <string.h>

#include "backends/xen/event_keep.c"

#define PORTS    128u
#define BACK_END 3 /* the domain behind both */

/* What each port is. */
static struct {
    bool open, connected;
    uint16_t domain;
    uint32_t remote;
} ports[PORTS];

static uint32_t first_given; /* the lowest that Xen gives; above it as it likes */
static bool refuses_connections, gives_nothing;
static bool is_pv;
static uint64_t hvm_console, hvm_store;

bool pv_xen_is_pv(void)
{
    return is_pv;
}

static uint32_t lowest_free(void)
{
    uint32_t port = first_given;

    while (port < PORTS && ports[port].open)
        port++;
    assert_true(port < PORTS);
    return port;
}

static int64_t connect_port(struct pv_evtchn_bind_interdomain *bind)
{
    if (refuses_connections)
        return -22;
    bind->port = lowest_free();
    ports[bind->port].open = ports[bind->port].connected = true;
    ports[bind->port].domain = bind->remote_domain;
    ports[bind->port].remote = bind->remote_port;
    return 0;
}

static int64_t fill_port(struct pv_evtchn_alloc_unbound *filler)
{
    if (gives_nothing)
        return -28;
    filler->port = lowest_free();
    ports[filler->port].open = true;
    return 0;
}

static int64_t tell(struct pv_evtchn_status *status)
{
    if (status->port >= PORTS)
        return -22;
    status->status =
        ports[status->port].connected ? PV_EVTCHNSTAT_INTERDOMAIN : PV_EVTCHNSTAT_CLOSED;
    status->remote_domain = ports[status->port].domain;
    status->remote_port = ports[status->port].remote;
    return 0;
}

static int64_t answer(uint64_t number, uint64_t command, void *argument)
{
    struct pv_xen_hvm_param *param = argument;

    if (number == PV_XEN_HC_HVM_OP) {
        param->value = param->index == PV_HVM_PARAM_CONSOLE_EVTCHN ? hvm_console : hvm_store;
        return 0;
    }
    assert_int_equal(number, PV_XEN_HC_EVENT_CHANNEL_OP);
    switch (command) {
    case PV_EVTCHNOP_STATUS:
        return tell(argument);
    case PV_EVTCHNOP_BIND_INTERDOMAIN:
        return connect_port(argument);
    case PV_EVTCHNOP_ALLOC_UNBOUND:
        return fill_port(argument);
    case PV_EVTCHNOP_CLOSE:
        memset(&ports[((struct pv_evtchn_port *)argument)->port], 0, sizeof(ports[0]));
        return 0;
    default:
        fail();
        return -38;
    }
}

static void connected(uint32_t port, uint32_t remote)
{
    ports[port].open = ports[port].connected = true;
    ports[port].domain = BACK_END;
    ports[port].remote = remote;
}

static int begin(void **state)
{
    (void)state;
    fake_reset();
    fake_answer = answer;
    memset(ports, 0, sizeof(ports));
    first_given = 1;
    refuses_connections = gives_nothing = false;
    is_pv = true;
    pv_boot = &fake_boot;
    fake_boot.xen_pv.console_port = 2;
    fake_boot.xen_pv.store_port = 1;
    connected(1, 71);
    connected(2, 72);
    return 0;
}

/* All that Xen does at EVTCHNOP_reset. */
static void over_a_reset(void)
{
    pv_xen_events_keep();
    memset(ports, 0, sizeof(ports));
    pv_xen_events_kept_restore();
}

static unsigned open_now(void)
{
    unsigned open = 0;

    for (uint32_t port = 0; port < PORTS; port++)
        open += ports[port].open;
    return open;
}

static void expect_connected(uint32_t port, uint32_t remote)
{
    assert_true(ports[port].connected);
    assert_int_equal(ports[port].domain, BACK_END);
    assert_int_equal(ports[port].remote, remote);
}

static void both_have_their_numbers_again(void **state)
{
    (void)state;
    over_a_reset();
    expect_connected(1, 71);
    expect_connected(2, 72);
    assert_int_equal(open_now(), 2);
}

static void numbers_below_are_filled_and_free_again(void **state)
{
    (void)state;
    fake_boot.xen_pv.console_port = 9;
    fake_boot.xen_pv.store_port = 20;
    connected(9, 5);
    connected(20, 6);
    over_a_reset();
    expect_connected(9, 5);
    expect_connected(20, 6);
    assert_int_equal(open_now(), 2);
}

static void a_console_without_a_channel_is_no_reason_to_make_one(void **state)
{
    (void)state;
    fake_boot.xen_pv.console_port = 0;
    memset(&ports[2], 0, sizeof(ports[2]));
    over_a_reset();
    expect_connected(1, 71);
    assert_int_equal(open_now(), 1);
}

static void a_domain_in_ring_0_asks_xen_for_the_numbers(void **state)
{
    (void)state;
    is_pv = false;
    hvm_console = 2;
    hvm_store = UINT64_MAX; /* which is no port */
    over_a_reset();
    expect_connected(2, 72);
    assert_int_equal(open_now(), 1);
}

static void a_number_too_high_to_fill_up_to_is_given_up(void **state)
{
    (void)state;
    fake_boot.xen_pv.console_port = MOST_FILLERS + 10;
    connected(MOST_FILLERS + 10, 8);
    over_a_reset();
    expect_connected(1, 71);
    assert_int_equal(open_now(), 1);
    assert_int_equal(fake_lines, 1);
}

static void a_host_that_gives_other_numbers_leaves_nothing_behind(void **state)
{
    (void)state;
    first_given = 40;
    over_a_reset();
    assert_int_equal(open_now(), 0);
    assert_int_equal(fake_lines, 2);
}

static void a_host_that_gives_nothing_is_logged(void **state)
{
    (void)state;
    gives_nothing = refuses_connections = true;
    over_a_reset();
    assert_int_equal(open_now(), 0);
    assert_int_equal(fake_lines, 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(both_have_their_numbers_again, begin),
        cmocka_unit_test_setup(numbers_below_are_filled_and_free_again, begin),
        cmocka_unit_test_setup(a_console_without_a_channel_is_no_reason_to_make_one, begin),
        cmocka_unit_test_setup(a_domain_in_ring_0_asks_xen_for_the_numbers, begin),
        cmocka_unit_test_setup(a_number_too_high_to_fill_up_to_is_given_up, begin),
        cmocka_unit_test_setup(a_host_that_gives_other_numbers_leaves_nothing_behind, begin),
        cmocka_unit_test_setup(a_host_that_gives_nothing_is_logged, begin),
    };

    return cmocka_run_group_tests_name("channels over a reset", tests, NULL, NULL);
}
