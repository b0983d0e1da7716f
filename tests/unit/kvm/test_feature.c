/* SPDX-License-Identifier: MIT */
/*
 * Which features are in use: what CPUID says, what `kvm=` on the command line says, and what one
 * feature needs of another. The file is included, so that each test negotiates anew.
 */
#include "fake.h"
#include "backends/kvm/feature.c"

#define EVERYTHING 0x01027efbu

static struct pv_interface interface = {.base = 0x40000000, .max_leaf = 0x40000001};
static struct pv_detection detection;
static struct pv_boot_info boot;
static uint32_t offered, hints;

const struct pv_boot_info *pv_boot = &boot;

const struct pv_detection *pv_detected(void)
{
    return &detection;
}

const struct pv_interface *pv_detected_interface(const struct pv_detection *found,
                                                 const char *signature)
{
    (void)signature;
    return found->count != 0 ? &interface : NULL;
}

unsigned pv_kvm_clock_features(const char **names_of_clock, unsigned room)
{
    (void)names_of_clock;
    (void)room;
    return 0;
}

/* lib/init.c has these two. */
bool pv_word_is(const char *word, size_t length, const char *key, const char **value,
                size_t *value_length)
{
    size_t key_length = strlen(key);

    if (length < key_length || memcmp(word, key, key_length) != 0)
        return false;
    *value = word + key_length;
    *value_length = length - key_length;
    return true;
}

bool pv_word_with(const char **text, const char *key, const char **value, size_t *value_length)
{
    while (**text != '\0') {
        *text += strspn(*text, " \t");
        const char *word = *text;
        *text += strcspn(*text, " \t");
        if (pv_word_is(word, (size_t)(*text - word), key, value, value_length))
            return true;
    }
    return false;
}

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *regs)
{
    (void)subleaf;
    assert_int_equal(leaf, 0x40000001);
    regs[0] = offered;
    regs[3] = hints;
}

static int begin(void **state)
{
    fake_begin(state);
    pv_ops.cpu_cpuid = cpuid;
    detection.count = 1;
    interface.max_leaf = 0x40000001;
    offered = EVERYTHING;
    hints = 0;
    memset(&boot, 0, sizeof(boot));
    return 0;
}

static uint32_t with(const char *cmdline)
{
    negotiated = false;
    strcpy(boot.cmdline, cmdline);
    pv_kvm_negotiate();
    return pv_kvm_features;
}

static void what_is_offered_is_used(void **state)
{
    (void)state;
    assert_int_equal(with(""), EVERYTHING);
    offered = PV_KVM_FEATURE_STEAL_TIME;
    assert_int_equal(with("kvm=all"), PV_KVM_FEATURE_STEAL_TIME);
}

static void a_feature_is_switched_off_by_its_name(void **state)
{
    (void)state;
    assert_int_equal(with("selftest kvm=-pv-eoi info"), EVERYTHING & ~PV_KVM_FEATURE_PV_EOI);
    assert_int_equal(with("kvm=-pv-eoi,-pv-ipi"),
                     EVERYTHING & ~PV_KVM_FEATURE_PV_EOI & ~PV_KVM_FEATURE_PV_SEND_IPI);
    assert_int_equal(with("kvm=-pv-eoi+-pv-ipi"),
                     EVERYTHING & ~PV_KVM_FEATURE_PV_EOI & ~PV_KVM_FEATURE_PV_SEND_IPI);
    assert_int_equal(fake_lines, 0);
}

static void switches_are_obeyed_from_left_to_right(void **state)
{
    (void)state;
    assert_int_equal(with("kvm=-all,steal-time"), PV_KVM_FEATURE_STEAL_TIME);
    assert_int_equal(with("kvm=steal-time,-all"), 0);
    assert_int_equal(with("kvm=-all kvm=pv-eoi"), PV_KVM_FEATURE_PV_EOI);
}

static void the_clock_s_registers_of_old_are_what_is_left_without_those_of_today(void **state)
{
    (void)state;
    assert_int_equal(with("kvm=-kvmclock2"), EVERYTHING & ~PV_KVM_FEATURE_CLOCKSOURCE2);
    assert_int_equal(with("kvm=-all,kvmclock"),
                     PV_KVM_FEATURE_CLOCKSOURCE | PV_KVM_FEATURE_CLOCKSOURCE2);
}

static void names_that_do_not_exist_are_said_and_ignored(void **state)
{
    (void)state;
    assert_int_equal(with("kvm=-pv-eo,-pv-eoii,-,,pv"), EVERYTHING);
    assert_int_equal(fake_lines, 5);
    assert_int_equal(with("kvm="), EVERYTHING);
    assert_int_equal(fake_lines, 5);
}

static void what_lacks_what_it_needs_goes_too(void **state)
{
    (void)state;
    assert_false(with("kvm=-steal-time") & PV_KVM_FEATURE_PV_TLB_FLUSH);
    offered = EVERYTHING & ~PV_KVM_FEATURE_ASYNC_PF_INT;
    assert_false(with("") & PV_KVM_FEATURE_ASYNC_PF);
}

static void cpus_that_are_never_preempted_need_no_help_with_it(void **state)
{
    (void)state;
    hints = PV_KVM_HINT_REALTIME;
    assert_int_equal(with(""), EVERYTHING & ~IF_PREEMPTED);
}

static void without_the_leaf_nothing_is_offered(void **state)
{
    (void)state;
    interface.max_leaf = 0x40000000;
    assert_int_equal(with(""), 0);
    detection.count = 0;
    assert_int_equal(with(""), 0);
}

static void features_are_listed_by_the_names_that_switch_them(void **state)
{
    const char *list[32];

    (void)state;
    (void)with("kvm=-all,pv-eoi,asyncpf");
    assert_int_equal(pv_kvm_features_named(list, 32), 2);
    assert_string_equal(list[0], "pv-eoi");
    assert_string_equal(list[1], "asyncpf");
    assert_int_equal(pv_kvm_features_named(list, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_offered_is_used, begin),
        cmocka_unit_test_setup(a_feature_is_switched_off_by_its_name, begin),
        cmocka_unit_test_setup(switches_are_obeyed_from_left_to_right, begin),
        cmocka_unit_test_setup(the_clock_s_registers_of_old_are_what_is_left_without_those_of_today,
                               begin),
        cmocka_unit_test_setup(names_that_do_not_exist_are_said_and_ignored, begin),
        cmocka_unit_test_setup(what_lacks_what_it_needs_goes_too, begin),
        cmocka_unit_test_setup(cpus_that_are_never_preempted_need_no_help_with_it, begin),
        cmocka_unit_test_setup(without_the_leaf_nothing_is_offered, begin),
        cmocka_unit_test_setup(features_are_listed_by_the_names_that_switch_them, begin),
    };

    return cmocka_run_group_tests_name("kvm feature", tests, NULL, NULL);
}
