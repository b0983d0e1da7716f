/* SPDX-License-Identifier: MIT */
/*
 * Detection against CPUIDs that lie.
 *
 * Theory: every word that CPUID returns comes from whoever runs underneath. Looking must end, cost
 * a known number of exits, and touch no leaf above 40000000H on a machine that says it is bare.
 */
#include "host.h"
#include "lib/detect.h"

static unsigned calls, calls_above;
static uint32_t highest;
static bool hypervisor;
static void (*answer)(uint32_t leaf, uint32_t *regs);

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *regs)
{
    (void)subleaf;
    calls++;
    memset(regs, 0, 16);
    if (leaf > highest)
        highest = leaf;
    if (leaf == 1)
        regs[2] = hypervisor ? 1u << 31 : 0x7fffffffu;
    if (leaf < 0x40000000u)
        return;
    calls_above++;
    answer(leaf, regs);
}

static void say(uint32_t *regs, uint32_t max, const char *signature)
{
    regs[0] = max;
    memcpy(&regs[1], signature, 12);
}

static struct pv_detection found;

static void look(void (*with)(uint32_t leaf, uint32_t *regs))
{
    calls = calls_above = 0;
    highest = 0;
    answer = with;
    memset(&found, 0xa5, sizeof(found));
    pv_detect(cpuid, &found);
    assert_int_equal(found.exits, calls_above);
    assert_true(found.count <= PV_DETECT_MAX);
    for (uint32_t i = 0; i < found.count; i++) {
        assert_int_equal(found.found[i].signature[12], '\0');
        assert_true(found.found[i].max_leaf - found.found[i].base < 256);
    }
}

static int start(void **state)
{
    (void)state;
    hypervisor = true;
    return 0;
}

static void kvm(uint32_t leaf, uint32_t *regs)
{
    if (leaf == 0x40000000u)
        say(regs, 0x40000001u, "KVMKVMKVM\0\0\0");
}

static void a_bare_machine_is_not_asked(void **state)
{
    (void)state;
    hypervisor = false;
    look(kvm);
    assert_int_equal(found.count, 0);
    assert_int_equal(found.exits, 0);
    assert_int_equal(highest, 1);
    assert_string_equal(pv_vmm_name(&found), "none");
}

static void one_interface_costs_two_exits(void **state)
{
    (void)state;
    look(kvm);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.exits, 2);
    assert_int_equal(found.found[0].base, 0x40000000u);
    assert_int_equal(found.found[0].max_leaf, 0x40000001u);
    assert_string_equal(pv_vmm_name(&found), "kvm");
    assert_non_null(pv_detected_interface(&found, "KVMKVMKVM\0\0\0"));
}

static void nothing_at_all(uint32_t leaf, uint32_t *regs)
{
    (void)leaf;
    (void)regs;
}

static void a_vmm_that_says_nothing_costs_two_exits(void **state)
{
    (void)state;
    look(nothing_at_all);
    assert_int_equal(found.count, 0);
    assert_int_equal(found.exits, 2);
    assert_string_equal(pv_vmm_name(&found), "none");
}

static void old_kvm(uint32_t leaf, uint32_t *regs)
{
    if (leaf == 0x40000000u)
        say(regs, 0, "KVMKVMKVM\0\0\0");
}

static void a_highest_leaf_of_0_means_the_one_behind_the_signature(void **state)
{
    (void)state;
    look(old_kvm);
    assert_int_equal(found.found[0].max_leaf, 0x40000001u);
}

static void boasting(uint32_t leaf, uint32_t *regs)
{
    if (leaf == 0x40000000u)
        say(regs, 0xffffffffu, "XenVMMXenVMM");
}

static void a_highest_leaf_beyond_belief_is_cut(void **state)
{
    (void)state;
    look(boasting);
    assert_int_equal(found.found[0].max_leaf, 0x400000ffu);
    assert_string_equal(pv_vmm_name(&found), "xen");
}

static void too_low(uint32_t leaf, uint32_t *regs)
{
    if (leaf == 0x40000000u)
        say(regs, 0x1fu, "KVMKVMKVM\0\0\0");
}

static void a_highest_leaf_below_the_base_is_the_base(void **state)
{
    (void)state;
    look(too_low);
    assert_int_equal(found.found[0].max_leaf, 0x40000000u);
}

static void unprintable(uint32_t leaf, uint32_t *regs)
{
    if (leaf == 0x40000000u)
        say(regs, 0x40000001u, "K\x01\x1b[2J\xff\x7f\n\r\t%");
}

static void what_cannot_be_printed_is_not_kept(void **state)
{
    (void)state;
    look(unprintable);
    for (uint32_t i = 0; i < found.count; i++)
        for (unsigned j = 0; j < 12; j++)
            assert_in_range(found.found[i].signature[j], ' ', '~');
}

static void rubbish(uint32_t leaf, uint32_t *regs)
{
    (void)leaf;
    say(regs, 0x40000001u, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c");
}

static void rubbish_in_every_leaf_is_no_interface(void **state)
{
    (void)state;
    look(rubbish);
    assert_int_equal(found.count, 0);
    assert_int_equal(found.exits, 2);
}

static void only_the_second(uint32_t leaf, uint32_t *regs)
{
    if (leaf == 0x40000100u)
        say(regs, 0x40000104u, "XenVMMXenVMM");
}

static void an_interface_at_the_second_base_is_found(void **state)
{
    (void)state;
    look(only_the_second);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.found[0].base, 0x40000100u);
    assert_int_equal(found.found[0].max_leaf, 0x40000104u);
}

static void hyperv_and_kvm(uint32_t leaf, uint32_t *regs)
{
    if (leaf == 0x40000000u)
        say(regs, 0x40000005u, "Microsoft Hv");
    if (leaf == 0x40000100u)
        say(regs, 0x40000101u, "KVMKVMKVM\0\0\0");
}

static void two_interfaces_are_both_found(void **state)
{
    (void)state;
    look(hyperv_and_kvm);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.exits, 3);
    assert_string_equal(pv_vmm_name(&found), "kvm");
}

static void everywhere(uint32_t leaf, uint32_t *regs)
{
    say(regs, leaf + 1, "KVMKVMKVM\0\0\0");
}

static void the_same_signature_everywhere_ends(void **state)
{
    (void)state;
    look(everywhere);
    assert_int_equal(found.count, PV_DETECT_MAX);
    assert_int_equal(found.exits, PV_DETECT_MAX);
    assert_int_equal(pv_detected_interface(&found, "KVMKVMKVM\0\0\0")->base, 0x40000000u);
}

static void every_other(uint32_t leaf, uint32_t *regs)
{
    if ((leaf & 0x100u) != 0)
        say(regs, leaf + 1, "ACRNACRNACRN");
}

static void gaps_do_not_prolong_the_search(void **state)
{
    (void)state;
    look(every_other);
    assert_true(found.exits <= 3);
}

static void unknown(uint32_t leaf, uint32_t *regs)
{
    if (leaf == 0x40000000u)
        say(regs, 0x40000001u, "KVMKVMKVM\0\0X");
}

static void a_signature_is_compared_to_its_end(void **state)
{
    (void)state;
    look(unknown);
    assert_null(pv_detected_interface(&found, "KVMKVMKVMKVM"));
    assert_null(pv_detected_interface(&found, "KVMKVM"));
}

#define ALONE(test) cmocka_unit_test_setup(test, start)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        ALONE(a_bare_machine_is_not_asked),
        ALONE(one_interface_costs_two_exits),
        ALONE(a_vmm_that_says_nothing_costs_two_exits),
        ALONE(a_highest_leaf_of_0_means_the_one_behind_the_signature),
        ALONE(a_highest_leaf_beyond_belief_is_cut),
        ALONE(a_highest_leaf_below_the_base_is_the_base),
        ALONE(what_cannot_be_printed_is_not_kept),
        ALONE(rubbish_in_every_leaf_is_no_interface),
        ALONE(an_interface_at_the_second_base_is_found),
        ALONE(two_interfaces_are_both_found),
        ALONE(the_same_signature_everywhere_ends),
        ALONE(gaps_do_not_prolong_the_search),
        ALONE(a_signature_is_compared_to_its_end),
    };

    return cmocka_run_group_tests_name("detection", tests, NULL, NULL);
}
