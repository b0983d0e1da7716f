/* SPDX-License-Identifier: MIT */
/*
 * Why ports are masked (backends/xen/event_port.c), by a scheme of the test's own: between any two
 * of its steps, which are those of one CPU, another CPU does something. So each order in which two
 * CPUs can mask and unmask a port comes, and comes again.
 */
#include "fake_event.h"

#define PORT        7
#define MOST_POINTS 12u

static bool is_masked;     /* the bit that is shared with Xen */
static unsigned point;     /* steps that were made */
static unsigned act_at[2]; /* when the other CPU acts */
static void (*acts[2])(void);
static bool other_acts;

static void nothing(void)
{
}

/* What the other CPU does is not interrupted in its turn. */
static void step(void)
{
    if (other_acts)
        return;
    unsigned now = point++;
    other_acts = true;
    for (unsigned i = 0; i < 2; i++)
        if (act_at[i] == now)
            acts[i]();
    other_acts = false;
}

static bool reach(uint32_t port)
{
    return port == PORT;
}

static void mask(uint32_t port)
{
    assert_int_equal(port, PORT);
    step();
    is_masked = true;
    step();
}

static void unmask(uint32_t port)
{
    assert_int_equal(port, PORT);
    step();
    is_masked = false;
    step();
}

static void clear(uint32_t port)
{
    (void)port;
}

static void run(struct pv_xen_event_cpu *cpu, struct pv_regs *regs)
{
    (void)cpu;
    (void)regs;
}

static const struct pv_xen_event_scheme scheme = {
    .name = "of a test",
    .ports = PV_XEN_PORTS,
    .reach = reach,
    .mask = mask,
    .unmask = unmask,
    .clear = clear,
    .run = run,
};

static struct pv_xen_port *port(void)
{
    return pv_xen_port_at(PORT);
}

static void bind_port(void)
{
    assert_int_equal(bind(PORT, count), PORT);
}

/* A port of that number without a handler, and nobody acts. */
static void begin(void)
{
    fake_events_reset(true);
    pv_xen_events = &scheme;
    is_masked = true;
    other_acts = false;
    act_at[0] = act_at[1] = UINT32_MAX;
    acts[0] = acts[1] = nothing;
}

static void act(unsigned which, unsigned when, void (*what)(void))
{
    acts[which] = what;
    act_at[which] = when;
}

static void expect_what_the_reasons_say(void)
{
    assert_int_equal(is_masked, port()->state.masked != 0 || !port()->state.taken);
}

static void own_mask(void)
{
    assert_int_equal(pv_xen_event_mask(PORT), PV_OK);
}

static void own_unmask(void)
{
    assert_int_equal(pv_xen_event_unmask(PORT), PV_OK);
}

static void hold_late(void)
{
    (void)pv_xen_port_hold(PORT, port(), PV_XEN_MASKED_LATE);
}

static void release_late(void)
{
    pv_xen_port_release(PORT, port(), PV_XEN_MASKED_LATE);
}

static void settle(void)
{
    pv_xen_port_settle(PORT, port());
}

static void handler_ends(void)
{
    pv_xen_port_ends(PORT, port());
}

/* ---- what may happen ------------------------------------------------------------------------- */

static void a_port_is_not_left_masked_by_who_saw_a_reason_that_has_gone(void **state)
{
    (void)state;
    begin();
    bind_port();
    hold_late();
    point = 0;
    act(0, 1, own_mask);   /* behind the unmasking */
    act(1, 2, own_unmask); /* before the masking that follows from it */
    release_late();
    assert_int_equal(port()->state.masked, 0);
    assert_false(is_masked);
}

static void a_port_is_not_left_masked_by_who_waits_for_a_handler_that_ends(void **state)
{
    (void)state;
    begin();
    bind_port();
    point = 0;
    port()->state.active = 2; /* CPU 1 runs it */
    act(0, 0, handler_ends);
    assert_false(pv_xen_port_may_run(PORT, port(), &pv_xen_event_cpus[0]));
    assert_int_equal(port()->state.masked, 0);
    assert_false(is_masked);
}

static void a_port_is_not_left_masked_by_an_event_from_before_it_was_taken(void **state)
{
    (void)state;
    begin();
    point = 0;
    act(0, 0, bind_port);
    assert_false(pv_xen_port_may_run(PORT, port(), &pv_xen_event_cpus[0]));
    assert_int_equal(pv_xen_events_stray(), 1);
    assert_int_equal(port()->state.masked, 0);
    assert_false(is_masked);
}

static void what_one_does(const uint8_t reasons, void (*mine)(void), void (*first)(void),
                          void (*second)(void))
{
    for (unsigned i = 0; i < MOST_POINTS; i++)
        for (unsigned j = i; j < MOST_POINTS; j++) {
            begin();
            bind_port();
            for (uint8_t bit = 1; bit != 0; bit = (uint8_t)(bit << 1))
                if (reasons & bit)
                    (void)pv_xen_port_hold(PORT, port(), bit);
            point = 0;
            act(0, i, first);
            act(1, j, second);
            mine();
            expect_what_the_reasons_say();
        }
}

static void the_bit_follows_the_reasons_in_whatever_order_two_cpus_change_them(void **state)
{
    static void (*const all[])(void) = {own_mask,     own_unmask, hold_late,
                                        release_late, settle,     nothing};
    const unsigned count_of = sizeof(all) / sizeof(all[0]);
    static const uint8_t reasons[] = {0, PV_XEN_MASKED_BY_OWNER, PV_XEN_MASKED_LATE,
                                      PV_XEN_MASKED_BY_OWNER | PV_XEN_MASKED_LATE};

    (void)state;
    for (unsigned r = 0; r < sizeof(reasons); r++)
        for (unsigned mine = 0; mine < count_of; mine++)
            for (unsigned first = 0; first < count_of; first++)
                for (unsigned second = 0; second < count_of; second++)
                    what_one_does(reasons[r], all[mine], all[first], all[second]);
}

static void who_moves_a_port_is_alone_with_it(void **state)
{
    (void)state;
    begin();
    bind_port();
    assert_true(pv_xen_port_hold(PORT, port(), PV_XEN_MASKED_MOVING));
    assert_false(pv_xen_port_hold(PORT, port(), PV_XEN_MASKED_MOVING));
    pv_xen_port_release(PORT, port(), PV_XEN_MASKED_MOVING);
    assert_true(pv_xen_port_hold(PORT, port(), PV_XEN_MASKED_MOVING));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_is_not_left_masked_by_who_saw_a_reason_that_has_gone),
        cmocka_unit_test(a_port_is_not_left_masked_by_who_waits_for_a_handler_that_ends),
        cmocka_unit_test(a_port_is_not_left_masked_by_an_event_from_before_it_was_taken),
        cmocka_unit_test(the_bit_follows_the_reasons_in_whatever_order_two_cpus_change_them),
        cmocka_unit_test(who_moves_a_port_is_alone_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
