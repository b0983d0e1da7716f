/* SPDX-License-Identifier: MIT */
/*
 * A host that lies in what the FIFO event scheme shares with it: links, heads, ready bits. Each
 * upcall ends, no handler runs twice in one, and nothing outside of the array is touched.
 */
#include "fake_event.h"

#include <string.h>

#define PER_PAGE 1024u
#define LINKED   (PV_EVENT_PENDING | PV_EVENT_LINKED)

static int start(void **state)
{
    (void)state;
    fake_events_reset(true);
    return 0;
}

static void ready(unsigned queue, uint32_t head)
{
    fake_block(0)->head[queue] = head;
    fake_block(0)->ready |= 1u << queue;
    fake_shared.vcpu[0].upcall_pending = 1;
}

static void a_port_that_links_to_itself_runs_once(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    *fake_word(7) = LINKED | 7;
    ready(7, 7);
    fake_upcall(0);
    assert_int_equal(runs[7], 1);
}

static uint32_t ring[] = {3, 4, 5, 6};

/* The ring is closed again whenever one of its ports runs. */
static void close_ring(struct pv_regs *regs, void *context)
{
    count(regs, context);
    for (unsigned i = 0; i < 4; i++)
        *fake_word(ring[i]) = LINKED | ring[(i + 1) % 4];
}

static void a_ring_of_ports_runs_each_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(bind(ring[i], close_ring), ring[i]);
    for (unsigned i = 0; i < 4; i++)
        *fake_word(ring[i]) = LINKED | ring[(i + 1) % 4];
    ready(7, ring[0]);
    fake_upcall(0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(runs[ring[i]], 1);
}

static void all_queues_may_name_the_same_port(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    for (unsigned queue = 0; queue < PV_EVENT_QUEUES; queue++)
        ready(queue, 7);
    *fake_word(7) = LINKED;
    fake_upcall(0);
    assert_int_equal(runs[7], 1);
    assert_int_equal(fake_block(0)->ready, 0);
}

static void a_head_beyond_the_array_is_not_touched(void **state)
{
    const uint32_t heads[] = {PER_PAGE, PV_EVENT_LINK, PV_EVENT_LINK + 1, PV_EVENT_PENDING,
                              UINT32_MAX};

    (void)state;
    for (unsigned i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        ready(i, heads[i]);
        fake_upcall(0);
    }
    assert_int_equal(fake_lines, 1);
    assert_int_equal(pv_xen_events_stray(), 0);
    assert_int_equal(bind(7, count), 7);
    fake_raise(7);
    fake_upcall(0);
    assert_int_equal(runs[7], 1);
}

static void a_link_beyond_the_array_ends_its_queue(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    *fake_word(7) = LINKED | PER_PAGE;
    ready(7, 7);
    fake_upcall(0);
    assert_int_equal(runs[7], 1);
    assert_int_equal(fake_lines, 1);
    fake_raise(7);
    fake_upcall(0);
    assert_int_equal(runs[7], 2);
}

static void port_0_is_never_run(void **state)
{
    (void)state;
    *fake_word(0) = LINKED;
    ready(0, 0);
    fake_upcall(0);
    assert_int_equal(pv_xen_events_stray(), 0);
    assert_int_equal(*fake_word(0), LINKED);
}

static void ready_bits_of_queues_that_do_not_exist_are_ignored(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    *fake_word(7) = LINKED;
    fake_block(0)->ready = 0xffff0000;
    fake_block(0)->head[0] = 7;
    fake_upcall(0);
    assert_int_equal(runs[7], 0);
    assert_int_equal(fake_block(0)->ready, 0);
}

/* Everything that can be set is set, again whenever a handler runs. */
static void fill_with_ones(void)
{
    for (uint32_t port = 0; port < PER_PAGE; port++)
        *fake_word(port) = ~PV_EVENT_MASKED & ~PV_EVENT_LINK;
    for (uint32_t port = 0; port < PER_PAGE; port++)
        *fake_word(port) |= (port * 5 + 1) % PER_PAGE;
    for (unsigned queue = 0; queue < PV_EVENT_QUEUES; queue++)
        ready(queue, queue * 60);
}

static void fill_again(struct pv_regs *regs, void *context)
{
    count(regs, context);
    fill_with_ones();
}

static void a_page_of_lies_ends_with_the_upcall(void **state)
{
    (void)state;
    assert_int_equal(bind(7, fill_again), 7);
    assert_int_equal(bind(9, fill_again), 9);
    for (unsigned upcall = 1; upcall <= 20; upcall++) {
        fill_with_ones();
        fake_upcall(0);
        assert_in_range(runs[7], 0, upcall);
        assert_in_range(runs[9], 0, upcall);
    }
    assert_true(runs[7] > 0 && runs[9] > 0);
}

/* What the host may do between any two looks, it does in what runs in between. */
static void fill_queue(void)
{
    for (uint32_t port = 20; port < 30; port++)
        *fake_word(port) = LINKED | (port + 1);
    ready(3, 20);
}

static void always_ready(struct pv_regs *regs, void *context)
{
    count(regs, context);
    fill_queue();
}

static void a_queue_that_is_filled_again_by_each_handler_has_an_end(void **state)
{
    (void)state;
    for (uint32_t port = 20; port < 30; port++)
        assert_int_equal(bind(port, always_ready), port);
    fill_queue();
    for (unsigned upcall = 1; upcall <= 50; upcall++) {
        fake_upcall(0);
        for (uint32_t port = 20; port < 30; port++)
            assert_in_range(runs[port], 0, upcall);
    }
    assert_true(runs[20] > 0);
}

static void a_masked_word_that_xen_unmasks_stays_masked(void **state)
{
    (void)state;
    assert_int_equal(bind(7, count), 7);
    pv_xen_event_mask(7);
    *fake_word(7) = LINKED;
    ready(7, 7);
    fake_upcall(0);
    assert_int_equal(runs[7], 0);
    pv_xen_event_unmask(7);
    fake_settle();
    assert_int_equal(runs[7], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_port_that_links_to_itself_runs_once, start),
        cmocka_unit_test_setup(a_ring_of_ports_runs_each_once, start),
        cmocka_unit_test_setup(all_queues_may_name_the_same_port, start),
        cmocka_unit_test_setup(a_head_beyond_the_array_is_not_touched, start),
        cmocka_unit_test_setup(a_link_beyond_the_array_ends_its_queue, start),
        cmocka_unit_test_setup(port_0_is_never_run, start),
        cmocka_unit_test_setup(ready_bits_of_queues_that_do_not_exist_are_ignored, start),
        cmocka_unit_test_setup(a_page_of_lies_ends_with_the_upcall, start),
        cmocka_unit_test_setup(a_queue_that_is_filled_again_by_each_handler_has_an_end, start),
        cmocka_unit_test_setup(a_masked_word_that_xen_unmasks_stays_masked, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
