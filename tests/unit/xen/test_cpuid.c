/* SPDX-License-Identifier: MIT */
/*
 * What Xen tells by CPUID (backends/xen/cpuid.c, tsc.c, hvm/hint.c), by leaves of the test's own.
 * cpuid.c is included, so that each test finds its state as at boot.
 */
#include "fake.h"

#include <string.h>

#include "backends/xen/cpuid.c"
#include "backends/xen/hvm/hvm.h"

#define BASE 0x40000100u

static struct pv_interface interface;
static bool is_found;
static uint32_t time_leaf[4], hvm_leaf[4];
static unsigned asked;

const struct pv_detection *pv_detected(void)
{
    return NULL;
}

const struct pv_interface *pv_detected_interface(const struct pv_detection *found,
                                                 const char *signature)
{
    assert_null(found);
    assert_string_equal(signature, PV_XEN_SIGNATURE);
    return is_found ? &interface : NULL;
}

void pv_cpuid_raw(uint32_t leaf, uint32_t subleaf, uint32_t *regs)
{
    assert_int_equal(subleaf, 0);
    assert_true(leaf <= interface.max_leaf);
    asked++;
    memcpy(regs, leaf == BASE + PV_XEN_LEAF_TIME ? time_leaf : hvm_leaf, sizeof(time_leaf));
}

static int begin(void **state)
{
    (void)state;
    fake_reset();
    interface = (struct pv_interface){.base = BASE, .max_leaf = BASE + 4};
    is_found = true;
    memset(time_leaf, 0, sizeof(time_leaf));
    memset(hvm_leaf, 0, sizeof(hvm_leaf));
    memset(vcpu_of, 0, sizeof(vcpu_of));
    asked = 0;
    return 0;
}

static void each_hint_stands_for_itself(void **state)
{
    static const uint32_t hints[] = {PV_XEN_HVM_APIC_VIRTUAL, PV_XEN_HVM_X2APIC_VIRTUAL,
                                     PV_XEN_HVM_EXT_DEST_ID, PV_XEN_HVM_UPCALL_VECTOR};
    const unsigned count = sizeof(hints) / sizeof(hints[0]);

    (void)state;
    for (unsigned given = 0; given < count; given++) {
        hvm_leaf[0] = hints[given];
        for (unsigned i = 0; i < count; i++)
            assert_int_equal(pv_xen_hvm_hint(hints[i]), i == given);
    }
    hvm_leaf[0] = 0;
    for (unsigned i = 0; i < count; i++)
        assert_false(pv_xen_hvm_hint(hints[i]));
}

static void messages_are_events_unless_a_local_apic_is_the_processor_s(void **state)
{
    (void)state;
    assert_true(pv_xen_hvm_prefers_event_ipis());
    hvm_leaf[0] = PV_XEN_HVM_EXT_DEST_ID | PV_XEN_HVM_VCPU_ID_PRESENT;
    assert_true(pv_xen_hvm_prefers_event_ipis());
    hvm_leaf[0] = PV_XEN_HVM_APIC_VIRTUAL;
    assert_false(pv_xen_hvm_prefers_event_ipis());
    hvm_leaf[0] = PV_XEN_HVM_X2APIC_VIRTUAL;
    assert_false(pv_xen_hvm_prefers_event_ipis());
}

static void xen_s_number_of_a_cpu_need_not_be_the_kernel_s(void **state)
{
    (void)state;
    fake_cpu.number = 1;
    assert_int_equal(pv_xen_vcpu_of(&fake_cpu), UINT32_MAX);
    hvm_leaf[0] = PV_XEN_HVM_VCPU_ID_PRESENT;
    hvm_leaf[1] = 5;
    assert_int_equal(pv_xen_this_vcpu(), 5);
    assert_int_equal(pv_xen_this_vcpu(), 5);
    assert_int_equal(asked, 1);
    assert_int_equal(pv_xen_vcpu_of(&fake_cpu), 5);
}

static void a_cpu_that_comes_under_another_s_number_is_asked_again(void **state)
{
    (void)state;
    fake_cpu.number = 1;
    hvm_leaf[0] = PV_XEN_HVM_VCPU_ID_PRESENT;
    hvm_leaf[1] = 5;
    assert_int_equal(pv_xen_this_vcpu(), 5);
    hvm_leaf[1] = 2;
    pv_xen_ask_this_vcpu();
    assert_int_equal(pv_xen_this_vcpu(), 2);
    assert_int_equal(pv_xen_vcpu_of(&fake_cpu), 2);
    fake_cpu.number = PV_CONFIG_MAX_CPUS;
    pv_xen_ask_this_vcpu();
}

static void an_old_xen_numbers_cpus_as_the_kernel_does(void **state)
{
    (void)state;
    fake_cpu.number = 3;
    hvm_leaf[1] = 5;
    assert_int_equal(pv_xen_this_vcpu(), 3);
    begin(state);
    fake_cpu.number = 3;
    hvm_leaf[0] = PV_XEN_HVM_VCPU_ID_PRESENT;
    hvm_leaf[1] = 5;
    interface.max_leaf = BASE + 3;
    assert_int_equal(pv_xen_this_vcpu(), 3);
    assert_int_equal(asked, 0);
}

/* Which is no CPU: Xen refuses it wherever it is used, and no array is indexed by it. */
static void a_number_that_cannot_be_is_kept_to_be_refused(void **state)
{
    (void)state;
    hvm_leaf[0] = PV_XEN_HVM_VCPU_ID_PRESENT;
    hvm_leaf[1] = UINT32_MAX;
    assert_int_equal(pv_xen_this_vcpu(), UINT32_MAX);
    assert_int_equal(pv_xen_vcpu_of(&fake_cpu), UINT32_MAX);
}

static void a_leaf_that_is_not_there_is_zero_and_tells_nothing(void **state)
{
    uint32_t regs[4] = {1, 2, 3, 4};

    (void)state;
    hvm_leaf[0] = UINT32_MAX;
    interface.max_leaf = BASE + 2;
    assert_false(pv_xen_cpuid(PV_XEN_LEAF_HVM, 0, regs));
    assert_int_equal(regs[0] | regs[1] | regs[2] | regs[3], 0);
    assert_false(pv_xen_hvm_hint(PV_XEN_HVM_APIC_VIRTUAL));
    assert_null(pv_xen_tsc_mode());
    interface.max_leaf = BASE + 4;
    is_found = false;
    assert_false(pv_xen_hvm_hint(PV_XEN_HVM_APIC_VIRTUAL));
    assert_null(pv_xen_tsc_mode());
    assert_int_equal(asked, 0);
}

static void both_modes_of_the_counter_are_told_apart(void **state)
{
    (void)state;
    assert_string_equal(pv_xen_tsc_mode(), "tsc-native");
    time_leaf[0] = PV_XEN_TSC_EMULATED;
    assert_string_equal(pv_xen_tsc_mode(), "tsc-emulated");
    time_leaf[0] = ~PV_XEN_TSC_EMULATED;
    assert_string_equal(pv_xen_tsc_mode(), "tsc-native");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_hint_stands_for_itself, begin),
        cmocka_unit_test_setup(messages_are_events_unless_a_local_apic_is_the_processor_s, begin),
        cmocka_unit_test_setup(xen_s_number_of_a_cpu_need_not_be_the_kernel_s, begin),
        cmocka_unit_test_setup(a_cpu_that_comes_under_another_s_number_is_asked_again, begin),
        cmocka_unit_test_setup(an_old_xen_numbers_cpus_as_the_kernel_does, begin),
        cmocka_unit_test_setup(a_number_that_cannot_be_is_kept_to_be_refused, begin),
        cmocka_unit_test_setup(a_leaf_that_is_not_there_is_zero_and_tells_nothing, begin),
        cmocka_unit_test_setup(both_modes_of_the_counter_are_told_apart, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
