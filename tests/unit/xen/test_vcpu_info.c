/* SPDX-License-Identifier: MIT */
/*
 * Where each CPU of a PVH or HVM guest has its struct vcpu_info (backends/xen/vcpu_info.c) on the
 * host: in the shared page, or registered, with a Xen that takes, refuses, and is asked too often.
 */
#include "fake.h"

#include "backends/xen/abi/vcpu.h"

bool pv_xen_is_pv(void)
{
    return false;
}

static struct pv_xen_register_vcpu_info given;
static bool refuses;

static int64_t answer(uint64_t number, uint64_t command, void *argument)
{
    assert_int_equal(number, PV_XEN_HC_VCPU_OP);
    assert_int_equal(command, PV_VCPUOP_REGISTER_VCPU_INFO);
    given = *(struct pv_xen_register_vcpu_info *)argument;
    return refuses ? -22 : 0;
}

static unsigned registrations(void)
{
    return fake_calls(PV_XEN_HC_VCPU_OP, PV_VCPUOP_REGISTER_VCPU_INFO);
}

static int begin(void **state)
{
    (void)state;
    fake_reset();
    pv_xen_shared = &fake_shared;
    fake_answer = answer;
    refuses = false;
    return 0;
}

static void the_first_32_have_a_place_in_the_shared_page(void **state)
{
    (void)state;
    for (fake_vcpu = 0; fake_vcpu < PV_XEN_SHARED_VCPUS; fake_vcpu++) {
        assert_int_equal(pv_xen_vcpu_info_start(NULL), PV_OK);
        assert_ptr_equal(pv_xen_this_vcpu_info(), &fake_shared.vcpu[fake_vcpu]);
    }
    assert_int_equal(registrations(), 0);
    assert_false(pv_xen_vcpu_info_is_own());
}

static void others_have_none_before_xen_has_taken_one(void **state)
{
    (void)state;
    fake_vcpu = PV_XEN_SHARED_VCPUS;
    assert_null(pv_xen_this_vcpu_info());
}

static void a_refused_one_is_an_error_that_names_the_cpu(void **state)
{
    struct pv_error error = {0};

    (void)state;
    refuses = true;
    fake_vcpu = 40;
    assert_int_equal(pv_xen_vcpu_info_start(&error), PV_E_HOST);
    assert_int_equal(error.where, 40);
    assert_null(pv_xen_this_vcpu_info());
}

static void more_cpus_than_the_library_has_room_for_are_refused(void **state)
{
    struct pv_error error = {0};

    (void)state;
    fake_vcpu = PV_CONFIG_MAX_CPUS;
    assert_int_equal(pv_xen_vcpu_info_start(&error), PV_E_RANGE);
    assert_int_equal(error.where, PV_CONFIG_MAX_CPUS);
    assert_null(pv_xen_this_vcpu_info());
    fake_vcpu = UINT32_MAX;
    assert_int_equal(pv_xen_vcpu_info_start(&error), PV_E_RANGE);
    assert_null(pv_xen_this_vcpu_info());
    assert_int_equal(registrations(), 0);
}

static void each_other_cpu_is_given_one_that_crosses_no_page(void **state)
{
    const struct pv_xen_vcpu_info *before = NULL;

    (void)state;
    for (fake_vcpu = PV_XEN_SHARED_VCPUS; fake_vcpu < PV_CONFIG_MAX_CPUS; fake_vcpu++) {
        assert_int_equal(pv_xen_vcpu_info_start(NULL), PV_OK);
        const struct pv_xen_vcpu_info *own = pv_xen_this_vcpu_info();
        assert_ptr_equal(own, (void *)(uintptr_t)(given.frame * PV_XEN_PAGE + given.offset));
        assert_true(given.offset <= PV_XEN_PAGE - sizeof(*own));
        assert_true(own != before);
        before = own;
    }
    assert_true(pv_xen_vcpu_info_is_own());
}

/* Xen takes one once, and keeps it; so the backend that comes back has it still. */
static void a_cpu_that_comes_back_is_not_registered_again(void **state)
{
    (void)state;
    fake_vcpu = PV_CONFIG_MAX_CPUS - 1;
    const struct pv_xen_vcpu_info *own = pv_xen_this_vcpu_info();
    pv_xen_shared = NULL;
    assert_null(pv_xen_this_vcpu_info());
    pv_xen_shared = &fake_shared;
    refuses = true;
    assert_int_equal(pv_xen_vcpu_info_start(NULL), PV_OK);
    assert_ptr_equal(pv_xen_this_vcpu_info(), own);
    assert_int_equal(registrations(), 0);
}

static void all_are_registered_where_that_is_asked_for(void **state)
{
    (void)state;
    fake_word_given = "vcpu-info=own";
    fake_vcpu = 3;
    assert_int_equal(pv_xen_vcpu_info_start(NULL), PV_OK);
    assert_int_equal(registrations(), 1);
    assert_ptr_not_equal(pv_xen_this_vcpu_info(), &fake_shared.vcpu[3]);
}

/* In this order: what was registered stays so. */
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_32_have_a_place_in_the_shared_page, begin),
        cmocka_unit_test_setup(others_have_none_before_xen_has_taken_one, begin),
        cmocka_unit_test_setup(a_refused_one_is_an_error_that_names_the_cpu, begin),
        cmocka_unit_test_setup(more_cpus_than_the_library_has_room_for_are_refused, begin),
        cmocka_unit_test_setup(each_other_cpu_is_given_one_that_crosses_no_page, begin),
        cmocka_unit_test_setup(a_cpu_that_comes_back_is_not_registered_again, begin),
        cmocka_unit_test_setup(all_are_registered_where_that_is_asked_for, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
