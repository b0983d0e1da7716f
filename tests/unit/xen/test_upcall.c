/* SPDX-License-Identifier: MIT */
/*
 * How hardware-virtualized domains hear of events (backends/xen/hvm/upcall.c), with a Xen that
 * takes one way, the other, or none. The file is included, so that each test finds its state as at
 * boot.
 */
#include "fake.h"

#include "backends/xen/hvm/upcall.c"

#define OWN    0x41
#define DOMAIN 0x42

static bool takes_own, takes_callback, has_callback;
static uint64_t callback; /* what Xen has */
static unsigned callbacks_set;
static uint32_t own_of_vcpu;    /* which asked last */
static uint8_t own_at_xen;      /* the vector it asked for; 0: none */
static unsigned given, unended; /* vectors that are given out: through the local APIC, past it */

int pv_irq_alloc(pv_irq_handler handler, void *context)
{
    (void)context;
    assert_non_null(handler);
    given++;
    return OWN;
}

int pv_irq_alloc_unended(pv_irq_handler handler, void *context)
{
    (void)context;
    assert_non_null(handler);
    unended++;
    return DOMAIN;
}

void pv_irq_free(int vector)
{
    if (vector == OWN)
        given--;
    else
        unended--;
}

bool pv_xen_has_feature(unsigned number)
{
    assert_int_equal(number, PV_XENFEAT_HVM_CALLBACK_VECTOR);
    return has_callback;
}

void pv_xen_events_run(struct pv_regs *regs)
{
    (void)regs;
}

static int64_t answer(uint64_t number, uint64_t command, void *argument)
{
    const struct pv_xen_hvm_param *param = argument;
    const struct pv_xen_upcall_vector *upcall = argument;

    assert_int_equal(number, PV_XEN_HC_HVM_OP);
    if (command == PV_HVMOP_SET_EVTCHN_UPCALL_VECTOR) {
        own_of_vcpu = upcall->vcpu;
        own_at_xen = takes_own ? upcall->vector : own_at_xen;
        return takes_own ? 0 : -38;
    }
    assert_int_equal(command, PV_HVMOP_SET_PARAM);
    assert_int_equal(param->index, PV_HVM_PARAM_CALLBACK_IRQ);
    assert_int_equal(param->domain, PV_XEN_DOMID_SELF);
    callbacks_set++;
    callback = takes_callback ? param->value : callback;
    return takes_callback ? 0 : -22;
}

static int begin(void **state)
{
    (void)state;
    fake_reset();
    fake_answer = answer;
    takes_own = takes_callback = has_callback = true;
    callback = 0;
    own_at_xen = 0;
    callbacks_set = given = unended = 0;
    own_vector = domain_vector = PV_E_FULL;
    return 0;
}

static void each_cpu_has_a_vector_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(pv_xen_hvm_upcall_start(NULL), PV_OK);
    assert_int_equal(own_at_xen, OWN);
    assert_string_equal(pv_xen_hvm_upcall_name(), "upcall-vector");
    fake_vcpu = 3;
    assert_int_equal(pv_xen_hvm_upcall_cpu_start(NULL), PV_OK);
    assert_int_equal(own_of_vcpu, 3);
    assert_int_equal(unended, 0);
}

static void xen_knows_of_a_callback_that_is_no_vector_then(void **state)
{
    (void)state;
    assert_int_equal(pv_xen_hvm_upcall_start(NULL), PV_OK);
    assert_true(callback != 0);
    assert_int_equal(callback >> 56, 0);
}

static void a_xen_that_takes_no_own_vector_gets_one_for_the_domain(void **state)
{
    (void)state;
    takes_own = false;
    assert_int_equal(pv_xen_hvm_upcall_start(NULL), PV_OK);
    assert_true(callback == (PV_HVM_CALLBACK_VECTOR | DOMAIN));
    assert_int_equal(callback >> 56, 2);
    assert_string_equal(pv_xen_hvm_upcall_name(), "callback-vector");
    /* The one that was meant for it is given back, and no CPU asks again. */
    assert_int_equal(given, 0);
    unsigned asked = fake_calls(PV_XEN_HC_HVM_OP, PV_HVMOP_SET_EVTCHN_UPCALL_VECTOR);
    assert_int_equal(pv_xen_hvm_upcall_cpu_start(NULL), PV_OK);
    assert_int_equal(fake_calls(PV_XEN_HC_HVM_OP, PV_HVMOP_SET_EVTCHN_UPCALL_VECTOR), asked);
}

static void the_domain_s_vector_can_be_asked_for(void **state)
{
    (void)state;
    fake_word_given = "upcall=domain";
    assert_int_equal(pv_xen_hvm_upcall_start(NULL), PV_OK);
    assert_true(callback == (PV_HVM_CALLBACK_VECTOR | DOMAIN));
    assert_int_equal(own_at_xen, 0);
}

static void without_either_there_are_no_upcalls(void **state)
{
    struct pv_error error = {0};

    (void)state;
    takes_own = takes_callback = false;
    assert_int_equal(pv_xen_hvm_upcall_start(&error), PV_E_UNSUPPORTED);
    assert_int_equal(error.status, PV_E_UNSUPPORTED);
    assert_int_equal(given, 0);
    assert_int_equal(unended, 0);
    begin(state);
    takes_own = has_callback = false;
    assert_int_equal(pv_xen_hvm_upcall_start(&error), PV_E_UNSUPPORTED);
    assert_int_equal(callbacks_set, 0);
    assert_int_equal(given, 0);
}

static void a_further_cpu_whose_vector_is_refused_says_so(void **state)
{
    struct pv_error error;

    (void)state;
    assert_int_equal(pv_xen_hvm_upcall_start(NULL), PV_OK);
    takes_own = false;
    assert_int_equal(pv_xen_hvm_upcall_cpu_start(&error), PV_E_HOST);
}

static void an_own_vector_is_kept_for_the_next_start_as_xen_keeps_it(void **state)
{
    (void)state;
    assert_int_equal(pv_xen_hvm_upcall_start(NULL), PV_OK);
    pv_xen_hvm_upcall_stop();
    assert_true(callback == 0);
    assert_int_equal(given, 1);
    assert_int_equal(pv_xen_hvm_upcall_start(NULL), PV_OK);
    assert_int_equal(given, 1);
}

static void the_domain_s_vector_is_given_back_at_the_end(void **state)
{
    (void)state;
    takes_own = false;
    assert_int_equal(pv_xen_hvm_upcall_start(NULL), PV_OK);
    pv_xen_hvm_upcall_stop();
    assert_true(callback == 0);
    assert_int_equal(unended, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_cpu_has_a_vector_of_its_own, begin),
        cmocka_unit_test_setup(xen_knows_of_a_callback_that_is_no_vector_then, begin),
        cmocka_unit_test_setup(a_xen_that_takes_no_own_vector_gets_one_for_the_domain, begin),
        cmocka_unit_test_setup(the_domain_s_vector_can_be_asked_for, begin),
        cmocka_unit_test_setup(without_either_there_are_no_upcalls, begin),
        cmocka_unit_test_setup(a_further_cpu_whose_vector_is_refused_says_so, begin),
        cmocka_unit_test_setup(an_own_vector_is_kept_for_the_next_start_as_xen_keeps_it, begin),
        cmocka_unit_test_setup(the_domain_s_vector_is_given_back_at_the_end, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
