/* SPDX-License-Identifier: MIT */
/*
 * Consoles (backends/xen/console.c) on the host. The file is included, so that each test finds its
 * state as at boot.
 */
#include "fake.h"

#include <string.h>

#include "backends/xen/console.c"

#define RING_FRAME 0xfeffcull
#define RING_PORT  2

static struct pv_xen_console page;
static uint64_t frame, event_port;
static bool mappable;
static bool console_io_allowed;
static char taken[8192];
static size_t taken_used;
static bool daemon_reads;

/* As the console's daemon: takes what is there. */
static void daemon_run(void)
{
    while (daemon_reads && page.out_consumer != page.out_producer)
        taken[taken_used++] = page.out[page.out_consumer++ % PV_XEN_CONSOLE_OUT];
}

static int64_t get_param(struct pv_xen_hvm_param *param)
{
    param->value = param->index == PV_HVM_PARAM_CONSOLE_PFN ? frame : event_port;
    return 0;
}

static int64_t answer(uint64_t number, uint64_t command, void *argument)
{
    if (number == PV_XEN_HC_HVM_OP && command == PV_HVMOP_GET_PARAM)
        return get_param(argument);
    if (number == PV_XEN_HC_CONSOLE_IO)
        return console_io_allowed ? 0 : -1;
    daemon_run();
    return 0;
}

static void *map_page(uint64_t phys, size_t bytes, bool device)
{
    assert_true(phys == RING_FRAME * 4096 && bytes == 4096 && !device);
    return mappable ? &page : NULL;
}

static int start(void **state)
{
    (void)state;
    fake_reset();
    fake_answer = answer;
    fake_platform.map_physical = map_page;
    memset(&page, 0, sizeof(page));
    kind = UNKNOWN;
    ring = NULL;
    stuck = false;
    frame = RING_FRAME;
    event_port = RING_PORT;
    mappable = daemon_reads = true;
    console_io_allowed = false;
    taken_used = 0;
    return 0;
}

static void output_goes_to_the_ring_in_order(void **state)
{
    (void)state;
    assert_int_equal(pv_xen_console_write("hello, ", 7), PV_OK);
    assert_int_equal(pv_xen_console_write("world\n", 6), PV_OK);
    assert_int_equal(taken_used, 13);
    assert_memory_equal(taken, "hello, world\n", 13);
    assert_int_equal(fake_calls(PV_XEN_HC_EVENT_CHANNEL_OP, PV_EVTCHNOP_SEND), 2);
}

static void output_longer_than_the_ring_wraps(void **state)
{
    static char text[3 * PV_XEN_CONSOLE_OUT - 5];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 26);
    page.out_producer = page.out_consumer = UINT32_MAX - 10;
    assert_int_equal(pv_xen_console_write(text, sizeof(text)), PV_OK);
    assert_int_equal(taken_used, sizeof(text));
    assert_memory_equal(taken, text, sizeof(text));
}

static void a_consumer_beyond_the_producer_stops_the_console(void **state)
{
    (void)state;
    daemon_reads = false;
    assert_int_equal(pv_xen_console_write("x", 1), PV_OK);
    page.out_consumer = 5;
    assert_int_equal(pv_xen_console_write("y", 1), PV_E_HOST);
    assert_int_equal(pv_xen_console_write("z", 1), PV_E_UNSUPPORTED);
}

static void the_ring_s_copy_of_our_own_index_is_not_believed(void **state)
{
    (void)state;
    daemon_reads = false;
    assert_int_equal(pv_xen_console_write("ab", 2), PV_OK);
    page.out_producer = 1000;
    assert_int_equal(pv_xen_console_write("c", 1), PV_OK);
    assert_memory_equal(page.out, "abc", 3);
    assert_int_equal(page.out_producer, 3);
}

static void nobody_reading_is_waited_for_once(void **state)
{
    static char text[PV_XEN_CONSOLE_OUT + 1];

    (void)state;
    daemon_reads = false;
    assert_int_equal(pv_xen_console_write(text, sizeof(text)), PV_E_TIMEOUT);
    unsigned yields = fake_calls(PV_XEN_HC_SCHED_OP, PV_SCHEDOP_YIELD);
    assert_int_equal(yields, ROOM_YIELDS);
    assert_int_equal(pv_xen_console_write("x", 1), PV_E_TIMEOUT);
    assert_int_equal(fake_calls(PV_XEN_HC_SCHED_OP, PV_SCHEDOP_YIELD), yields);
    daemon_reads = true;
    daemon_run();
    assert_int_equal(pv_xen_console_write("x", 1), PV_OK);
}

static unsigned reads_after;

static int64_t read_later(uint64_t number, uint64_t command, void *argument)
{
    daemon_reads = number == PV_XEN_HC_SCHED_OP && --reads_after == 0;
    return answer(number, command, argument);
}

static void the_end_waits_until_all_output_is_taken(void **state)
{
    (void)state;
    fake_answer = read_later;
    reads_after = 100;
    assert_int_equal(pv_xen_console_write("last words", 10), PV_OK);
    assert_int_equal(taken_used, 0);
    pv_xen_console_drain();
    assert_int_equal(taken_used, 10);
}

static void the_end_does_not_wait_for_ever(void **state)
{
    (void)state;
    daemon_reads = false;
    assert_int_equal(pv_xen_console_write("last words", 10), PV_OK);
    pv_xen_console_drain();
    assert_int_equal(fake_calls(PV_XEN_HC_SCHED_OP, PV_SCHEDOP_YIELD), ROOM_YIELDS);
}

static void a_page_that_cannot_be_mapped_yet_is_asked_for_again(void **state)
{
    (void)state;
    mappable = false;
    assert_int_equal(pv_xen_console_write("x", 1), PV_E_BUSY);
    mappable = true;
    assert_int_equal(pv_xen_console_write("x", 1), PV_OK);
}

static void a_port_or_frame_that_cannot_be_is_no_console(void **state)
{
    (void)state;
    event_port = PV_XEN_EVENT_PORTS;
    assert_int_equal(pv_xen_console_write("x", 1), PV_E_UNSUPPORTED);
    start(state);
    frame = UINT64_MAX;
    assert_int_equal(pv_xen_console_write("x", 1), PV_E_UNSUPPORTED);
}

static void without_a_ring_xen_s_own_console_is_used(void **state)
{
    static char text[2 * LONGEST_CALL + 1];

    (void)state;
    frame = 0;
    console_io_allowed = true;
    assert_int_equal(pv_xen_console_write(text, sizeof(text)), PV_OK);
    /* One call asks whether it is allowed. */
    assert_int_equal(fake_calls(PV_XEN_HC_CONSOLE_IO, PV_CONSOLEIO_WRITE), 4);
}

static void without_any_console_the_kernel_is_told(void **state)
{
    (void)state;
    frame = 0;
    assert_int_equal(pv_xen_console_write("x", 1), PV_E_UNSUPPORTED);
    assert_int_equal(pv_xen_console_read(taken, 1), PV_E_UNSUPPORTED);
}

static void input_comes_in_order_and_wraps(void **state)
{
    char buffer[8] = "";

    (void)state;
    page.in_consumer = page.in_producer = PV_XEN_CONSOLE_IN - 2;
    assert_int_equal(pv_xen_console_read(buffer, sizeof(buffer)), 0);
    memcpy(page.in + PV_XEN_CONSOLE_IN - 2, "ab", 2);
    memcpy(page.in, "cd", 2);
    page.in_producer += 4;
    assert_int_equal(pv_xen_console_read(buffer, 3), 3);
    assert_memory_equal(buffer, "abc", 3);
    assert_int_equal(pv_xen_console_read(buffer, sizeof(buffer)), 1);
    assert_int_equal(buffer[0], 'd');
}

static void a_producer_too_far_ahead_stops_the_console(void **state)
{
    char buffer[8];

    (void)state;
    assert_int_equal(pv_xen_console_read(buffer, sizeof(buffer)), 0);
    page.in_producer = PV_XEN_CONSOLE_IN + 1;
    assert_int_equal(pv_xen_console_read(buffer, sizeof(buffer)), PV_E_HOST);
    assert_int_equal(pv_xen_console_read(buffer, sizeof(buffer)), PV_E_UNSUPPORTED);
}

static int64_t too_many_bytes(uint64_t number, uint64_t command, void *argument)
{
    if (number == PV_XEN_HC_CONSOLE_IO && command == PV_CONSOLEIO_READ)
        return INT64_MAX;
    return answer(number, command, argument);
}

static void a_count_of_bytes_that_cannot_be_is_refused(void **state)
{
    char buffer[8];

    (void)state;
    frame = 0;
    console_io_allowed = true;
    fake_answer = too_many_bytes;
    assert_int_equal(pv_xen_console_read(buffer, sizeof(buffer)), PV_E_HOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(output_goes_to_the_ring_in_order, start),
        cmocka_unit_test_setup(output_longer_than_the_ring_wraps, start),
        cmocka_unit_test_setup(a_consumer_beyond_the_producer_stops_the_console, start),
        cmocka_unit_test_setup(the_ring_s_copy_of_our_own_index_is_not_believed, start),
        cmocka_unit_test_setup(nobody_reading_is_waited_for_once, start),
        cmocka_unit_test_setup(the_end_waits_until_all_output_is_taken, start),
        cmocka_unit_test_setup(the_end_does_not_wait_for_ever, start),
        cmocka_unit_test_setup(a_page_that_cannot_be_mapped_yet_is_asked_for_again, start),
        cmocka_unit_test_setup(a_port_or_frame_that_cannot_be_is_no_console, start),
        cmocka_unit_test_setup(without_a_ring_xen_s_own_console_is_used, start),
        cmocka_unit_test_setup(without_any_console_the_kernel_is_told, start),
        cmocka_unit_test_setup(input_comes_in_order_and_wraps, start),
        cmocka_unit_test_setup(a_producer_too_far_ahead_stops_the_console, start),
        cmocka_unit_test_setup(a_count_of_bytes_that_cannot_be_is_refused, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
