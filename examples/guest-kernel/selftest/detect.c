/* SPDX-License-Identifier: MIT */
/*
 * What detection found against what the processor says, and the choice that followed from it.
 */
#include "selftest.h"
#include "../commands.h"
#include "../cpu.h"
#include "../string.h"

#define CPUID_ECX            2
#define CPUID_HYPERVISOR     (1u << 31)
#define LEAF_HYPERVISOR_BASE 0x40000000u
#define LEAVES_OF_INTERFACE  256
#define SIGNATURE_BYTES      12
#define BASES                256 /* 40000000H to 4000FF00H */

static bool hypervisor_bit(void)
{
    uint32_t regs[4];
    pv_cpu_cpuid(1, 0, regs);
    return (regs[CPUID_ECX] & CPUID_HYPERVISOR) != 0;
}

static void no_leaf_is_read(struct check *check)
{
    struct pv_facts facts;
    pv_facts(&facts);
    if (hypervisor_bit()) {
        skip(check, "the hypervisor bit is set");
        return;
    }
    EXPECT(check, facts.detection->exits == 0, "%u leaves were read", facts.detection->exits);
    EXPECT(check, same_text(facts.vmm, "none"), "the VMM is said to be %s", facts.vmm);
}

static void interfaces_are_sane(struct check *check)
{
    struct pv_facts facts;
    pv_facts(&facts);
    EXPECT(check, facts.detection->count <= PV_DETECT_MAX, "%u interfaces", facts.detection->count);
    for (unsigned i = 0; i < facts.detection->count && i < PV_DETECT_MAX; i++) {
        const struct pv_interface *found = &facts.detection->found[i];
        EXPECT(check, found->base >= LEAF_HYPERVISOR_BASE && found->signature[0] != '\0',
               "leaf %x signature %s", found->base, found->signature);
        EXPECT(check, found->max_leaf - found->base < LEAVES_OF_INTERFACE, "leaf %x, highest %x",
               found->base, found->max_leaf);
    }
}

/* The name of what was found, read once more. */
static void interfaces_are_there(struct check *check)
{
    struct pv_facts facts;
    pv_facts(&facts);
    for (unsigned i = 0; i < facts.detection->count && i < PV_DETECT_MAX; i++) {
        const struct pv_interface *found = &facts.detection->found[i];
        uint32_t regs[4];
        pv_cpu_cpuid(found->base, 0, regs);
        for (unsigned j = 0; j < SIGNATURE_BYTES; j++)
            EXPECT(check, (uint8_t)found->signature[j] == (regs[1 + j / 4] >> (j % 4 * 8) & 0xff),
                   "leaf %x is not %s any more", found->base, found->signature);
    }
}

static void exits_are_counted(struct check *check)
{
    struct pv_facts facts;
    pv_facts(&facts);
    const struct pv_detection *detection = facts.detection;
    if (!hypervisor_bit()) {
        skip(check, "no hypervisor bit");
        return;
    }
    EXPECT(check, detection->exits >= 1 && detection->exits <= BASES, "%u exits", detection->exits);
    EXPECT(check, detection->count + detection->repeated + detection->left_out <= detection->exits,
           "%u exits showed %u interfaces", detection->exits, detection->count);
}

static void choice_has_a_reason(struct check *check)
{
    struct pv_facts facts;
    pv_facts(&facts);
    const struct pv_detection *detection = facts.detection;
    EXPECT(check, facts.why[0] != '\0', "no reason is given");
    if (facts.chosen == NULL) {
        EXPECT(check, same_text(facts.backend, "native"), "%s drives nothing", facts.backend);
        return;
    }
    EXPECT(check,
           facts.chosen >= detection->found && facts.chosen < detection->found + detection->count,
           "%s was not found", facts.chosen->signature);
}

static bool asked_for_another(void)
{
    const char *rest;
    for (const char *at = boot_info.cmdline; *at != '\0'; at++)
        if (after_prefix(at, "backend=", &rest) || after_prefix(at, "nopv", &rest))
            return true;
    return false;
}

const char *backend_for(const char *vmm)
{
    static const char *const pairs[][2] = {{"kvm", "kvm"}, {"xen", "xen-hvm"}};
    if (!privileged())
        return "xen-pv"; /* the one VMM that runs a kernel so */
    for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (same_text(vmm, pairs[i][0]))
            return pairs[i][1];
    return "native";
}

static void backend_fits(struct check *check)
{
    struct pv_facts facts;
    pv_facts(&facts);
    if (asked_for_another()) {
        skip(check, "the command line asked for a backend");
        return;
    }
    EXPECT(check, same_text(facts.backend, backend_for(facts.vmm)) || PV_BOUND,
           "VMM %s, backend %s", facts.vmm, facts.backend);
}

static void door_is_named(struct check *check)
{
    struct pv_facts facts;
    pv_facts(&facts);
    EXPECT(check, same_text(facts.door, pv_door_name(boot_info.door)), "door %s", facts.door);
    EXPECT(check, boot_info.ranges_used > 0, "no memory map");
}

static void clock_is_named(struct check *check)
{
    struct pv_facts facts;
    pv_facts(&facts);
    EXPECT(check, !same_text(facts.clock, "none") && facts.tsc_khz != 0, "clock %s, %u kHz",
           facts.clock, facts.tsc_khz);
}

static const struct test detect_tests[] = {
    {"no hypervisor leaf is read where the processor has no hypervisor bit", no_leaf_is_read},
    {"each interface found has a leaf and a signature", interfaces_are_sane},
    {"each interface found is where it was found", interfaces_are_there},
    {"looking for interfaces cost one exit a base at most", exits_are_counted},
    {"the interface in use is one of those found, and there is a reason", choice_has_a_reason},
    {"the backend in force is the one for the VMM", backend_fits},
    {"the door is named and left a memory map", door_is_named},
    {"a clock with a known frequency is in force", clock_is_named},
};

const struct test_group detect_group = TEST_GROUP(detect);
