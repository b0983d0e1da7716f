/* SPDX-License-Identifier: MIT */
/*
 * Detection against CPUIDs that lie.
 *
 * Theory: every word that CPUID returns comes from whoever runs underneath. Looking must end, cost
 * a known number of exits, and touch no leaf above 40000000H on a machine that says it is bare.
 */
#include "host.h"
#include "lib/detect.h"

#include <stdio.h>

#define BASES 256

static unsigned calls_above, reads_of_base[BASES];
static uint32_t highest;
static bool hypervisor;
static void (*answer)(uint32_t leaf, uint32_t *regs);

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *regs)
{
    (void)subleaf;
    memset(regs, 0, 16);
    if (leaf > highest)
        highest = leaf;
    if (leaf == 1)
        regs[2] = hypervisor ? 1u << 31 : 0x7fffffffu;
    if (leaf < 0x40000000u)
        return;
    calls_above++;
    assert_int_equal(leaf & 0xff, 0);
    assert_in_range(leaf, 0x40000000u, 0x4000ff00u);
    reads_of_base[(leaf - 0x40000000u) / 0x100]++;
    answer(leaf, regs);
}

static void say(uint32_t *regs, uint32_t max, const char *signature)
{
    regs[0] = max;
    memcpy(&regs[1], signature, 12);
}

static struct pv_detection found;

/* As the library asks: until an interface that some backend knows is among what was found. */
static bool enough(const struct pv_detection *so_far)
{
    return pv_detected_interface(so_far, "KVMKVMKVM\0\0\0") != NULL ||
           pv_detected_interface(so_far, "XenVMMXenVMM") != NULL;
}

static void look_until(pv_detect_enough until, void (*with)(uint32_t leaf, uint32_t *regs))
{
    calls_above = 0;
    highest = 0;
    memset(reads_of_base, 0, sizeof(reads_of_base));
    answer = with;
    memset(&found, 0xa5, sizeof(found));
    pv_detect(cpuid, until, &found);
    assert_int_equal(found.exits, calls_above);
    assert_true(found.exits <= BASES);
    assert_true(found.count <= PV_DETECT_MAX);
    assert_true(found.count + found.left_out + found.repeated <= found.exits);
    for (unsigned i = 0; i < BASES; i++)
        assert_true(reads_of_base[i] <= 1);
    for (uint32_t i = 0; i < found.count; i++) {
        assert_int_equal(found.found[i].signature[12], '\0');
        assert_true(found.found[i].max_leaf - found.found[i].base < 256);
    }
}

static void look(void (*with)(uint32_t leaf, uint32_t *regs))
{
    look_until(enough, with);
}

static void look_everywhere(void (*with)(uint32_t leaf, uint32_t *regs))
{
    look_until(NULL, with);
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

static void leaves_behind_a_clear_hypervisor_bit_are_not_read(void **state)
{
    (void)state;
    hypervisor = false;
    look(kvm);
    assert_int_equal(found.count, 0);
    assert_int_equal(found.exits, 0);
    assert_int_equal(highest, 1);
    assert_string_equal(pv_vmm_name(&found), "none");
    look_everywhere(kvm);
    assert_int_equal(highest, 1);
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

static void a_vmm_that_says_nothing_is_asked_at_every_base(void **state)
{
    (void)state;
    look(nothing_at_all);
    assert_int_equal(found.count, 0);
    assert_int_equal(found.exits, BASES);
    assert_int_equal(highest, 0x4000ff00u);
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
    if (leaf == 0x40000100u)
        say(regs, 0x40000101u, "KVMKVMKVM\0\0\xff");
}

static void unprintable_rubbish_is_no_signature(void **state)
{
    (void)state;
    look(unprintable);
    assert_int_equal(found.count, 0);
    assert_int_equal(found.exits, BASES);
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
    assert_int_equal(found.repeated, 0);
    assert_int_equal(found.exits, BASES);
    assert_string_equal(pv_vmm_name(&found), "none");
}

/* QEMU's emulation: what it does not have reads as the highest basic leaf, here 0DH. */
static void emulation(uint32_t leaf, uint32_t *regs)
{
    static const uint32_t basic[4] = {0x7, 0x340, 0x340, 0};

    if (leaf == 0x40000000u)
        say(regs, 0x40000001u, "TCGTCGTCGTCG");
    else
        memcpy(regs, basic, sizeof(basic));
}

static void leaves_that_are_not_zero_where_none_are_show_nothing(void **state)
{
    (void)state;
    look(emulation);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.exits, BASES);
    assert_string_equal(pv_vmm_name(&found), "qemu-tcg");
}

static void truncated(uint32_t leaf, uint32_t *regs)
{
    if (leaf == 0x40000000u)
        say(regs, 0x40000001u, "KVMKVM\0\0\0\0\0\0");
    if (leaf == 0x40000100u)
        say(regs, 0x40000101u, "Xen\0\0\0\0\0\0\0\0\0");
    if (leaf == 0x40000200u)
        say(regs, 0x40000201u, "XenV\0\0\0\0enVM");
}

static void a_truncated_signature_is_not_taken_for_the_whole(void **state)
{
    (void)state;
    look(truncated);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.found[0].signature, "KVMKVM");
    assert_null(pv_detected_interface(&found, "KVMKVMKVM\0\0\0"));
    assert_null(pv_detected_interface(&found, "XenVMMXenVMM"));
    assert_string_equal(pv_vmm_name(&found), "unknown");
    assert_int_equal(found.exits, BASES);
}

static void underscored(uint32_t leaf, uint32_t *regs)
{
    if (leaf == 0x40000000u)
        say(regs, 0x40000001u, "___ NVMM ___");
    if (leaf == 0x40000100u)
        say(regs, 0x40000101u, " lrpepyh  vr");
}

static void a_signature_need_not_begin_with_a_letter(void **state)
{
    (void)state;
    look(underscored);
    assert_int_equal(found.count, 2);
    assert_string_equal(found.found[0].signature, "___ NVMM ___");
    assert_string_equal(found.found[1].signature, " lrpepyh  vr");
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

static void hyperv_xen_and_kvm(uint32_t leaf, uint32_t *regs)
{
    if (leaf == 0x40000000u)
        say(regs, 0x40000005u, "Linux KVM Hv");
    if (leaf == 0x40000100u)
        say(regs, 0x40000104u, "XenVMMXenVMM");
    if (leaf == 0x40000200u)
        say(regs, 0x40000201u, "KVMKVMKVM\0\0\0");
}

static void a_known_interface_does_not_hide_those_behind_it(void **state)
{
    (void)state;
    look(hyperv_xen_and_kvm);
    assert_int_equal(found.count, 3);
    assert_int_equal(found.exits, 4);
    assert_int_equal(pv_detected_interface(&found, "KVMKVMKVM")->base, 0x40000200u);
    assert_string_equal(pv_vmm_name(&found), "kvm");
}

static void kvms_hyperv(uint32_t leaf, uint32_t *regs)
{
    if (leaf == 0x40000000u)
        say(regs, 0x40000005u, "Linux KVM Hv");
}

static void kvm_with_no_interface_but_hypervs_is_hyperv(void **state)
{
    (void)state;
    look(kvms_hyperv);
    assert_int_equal(found.count, 1);
    assert_string_equal(pv_vmm_name(&found), "hyper-v");
}

static void everywhere(uint32_t leaf, uint32_t *regs)
{
    say(regs, leaf + 1, "KVMKVMKVM\0\0\0");
}

static void the_same_signature_at_every_base_is_one_interface(void **state)
{
    (void)state;
    look(everywhere);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.repeated, 1);
    assert_int_equal(found.exits, 2);
    look_everywhere(everywhere);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.repeated, BASES - 1);
    assert_int_equal(found.found[0].base, 0x40000000u);
    assert_int_equal(found.left_out, 0);
}

static void two_in_turn(uint32_t leaf, uint32_t *regs)
{
    say(regs, leaf + 1, (leaf & 0x100u) != 0 ? "ACRNACRNACRN" : "SRESRESRESRE");
}

static void two_signatures_in_turn_are_two_interfaces(void **state)
{
    (void)state;
    look(two_in_turn);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.repeated, BASES - 2);
}

static void different(uint32_t leaf, uint32_t *regs)
{
    char signature[13];

    snprintf(signature, sizeof(signature), "VMM%08x#", (unsigned)leaf);
    say(regs, leaf + 1, signature);
}

static void of_256_interfaces_those_left_out_are_counted(void **state)
{
    (void)state;
    look(different);
    assert_int_equal(found.count, PV_DETECT_MAX);
    assert_int_equal(found.left_out, BASES - PV_DETECT_MAX);
    assert_int_equal(found.repeated, 0);
    assert_int_equal(found.exits, BASES);
    for (unsigned i = 0; i < PV_DETECT_MAX; i++)
        assert_int_equal(found.found[i].base, 0x40000000u + i * 0x100u);
}

static void behind_a_gap(uint32_t leaf, uint32_t *regs)
{
    if (leaf == 0x40000000u)
        say(regs, 0x40000005u, "Microsoft Hv");
    if (leaf == 0x4000ff00u)
        say(regs, 0x4000ff01u, "KVMKVMKVM\0\0\0");
}

static void a_gap_ends_the_search_only_when_enough_was_found(void **state)
{
    (void)state;
    look(behind_a_gap);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.found[1].base, 0x4000ff00u);
    assert_int_equal(found.found[1].max_leaf, 0x4000ff01u);
    assert_int_equal(found.exits, BASES);
}

static void kvm_and_a_gap(uint32_t leaf, uint32_t *regs)
{
    if (leaf == 0x40000000u)
        say(regs, 0x40000001u, "KVMKVMKVM\0\0\0");
    if (leaf == 0x40000200u)
        say(regs, 0x40000204u, "XenVMMXenVMM");
}

static void asked_for_all_it_finds_what_lies_behind_a_gap(void **state)
{
    (void)state;
    look(kvm_and_a_gap);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.exits, 2);
    look_everywhere(kvm_and_a_gap);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.found[1].base, 0x40000200u);
    assert_int_equal(found.exits, BASES);
}

/* Whoever reads twice gets another answer; look_until() has seen to it that nobody did. */
static void changing(uint32_t leaf, uint32_t *regs)
{
    static unsigned reads;

    if (leaf == 0x40000000u)
        say(regs, 0x40000001u, reads++ % 2 == 0 ? "KVMKVMKVM\0\0\0" : "XenVMMXenVMM");
}

static void leaves_that_change_between_two_reads_are_read_once(void **state)
{
    (void)state;
    look_everywhere(changing);
    assert_int_equal(reads_of_base[0], 1);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.found[0].signature, "KVMKVMKVM");
    look_everywhere(changing);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.found[0].signature, "XenVMMXenVMM");
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
    assert_null(pv_detected_interface(&found, "KVMKVMKVM\0\0\0"));
    assert_null(pv_detected_interface(&found, "KVMKVMKVMKVM"));
    assert_null(pv_detected_interface(&found, "KVMKVM"));
}

#define ALONE(test) cmocka_unit_test_setup(test, start)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        ALONE(leaves_behind_a_clear_hypervisor_bit_are_not_read),
        ALONE(one_interface_costs_two_exits),
        ALONE(a_vmm_that_says_nothing_is_asked_at_every_base),
        ALONE(a_highest_leaf_of_0_means_the_one_behind_the_signature),
        ALONE(a_highest_leaf_beyond_belief_is_cut),
        ALONE(a_highest_leaf_below_the_base_is_the_base),
        ALONE(unprintable_rubbish_is_no_signature),
        ALONE(rubbish_in_every_leaf_is_no_interface),
        ALONE(leaves_that_are_not_zero_where_none_are_show_nothing),
        ALONE(a_truncated_signature_is_not_taken_for_the_whole),
        ALONE(a_signature_need_not_begin_with_a_letter),
        ALONE(an_interface_at_the_second_base_is_found),
        ALONE(two_interfaces_are_both_found),
        ALONE(a_known_interface_does_not_hide_those_behind_it),
        ALONE(kvm_with_no_interface_but_hypervs_is_hyperv),
        ALONE(the_same_signature_at_every_base_is_one_interface),
        ALONE(two_signatures_in_turn_are_two_interfaces),
        ALONE(of_256_interfaces_those_left_out_are_counted),
        ALONE(a_gap_ends_the_search_only_when_enough_was_found),
        ALONE(asked_for_all_it_finds_what_lies_behind_a_gap),
        ALONE(leaves_that_change_between_two_reads_are_read_once),
        ALONE(a_signature_is_compared_to_its_end),
    };

    return cmocka_run_group_tests_name("detection", tests, NULL, NULL);
}
