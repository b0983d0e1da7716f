/* SPDX-License-Identifier: MIT */
/*
 * Which of KVM's features are in use: those that KVM offers (Linux, Documentation/virt/kvm/x86/
 * cpuid.rst), that the command line leaves on, and that KVM did not refuse when it came to it.
 *
 * `kvm=` takes a list of names, separated by `,` or `+` and obeyed from left to right: "-NAME" is
 * off, "NAME" is on if offered, "all" is every feature. The names are QEMU's, without "kvm-", so
 * that `-cpu host,-kvm-pv-eoi` and `kvm=-pv-eoi` mean the same feature.
 */
#include "backends/kvm/kvm.h"
#include "backends/kvm/abi/kvm_para.h"
#include "lib/detect.h"
#include "lib/switch.h"
#include "lib/words.h"

#define CLOCKS   (PV_KVM_FEATURE_CLOCKSOURCE | PV_KVM_FEATURE_CLOCKSOURCE2)
#define ASYNC_PF (PV_KVM_FEATURE_ASYNC_PF | PV_KVM_FEATURE_ASYNC_PF_INT)
#define IF_PREEMPTED \
    (PV_KVM_FEATURE_PV_UNHALT | PV_KVM_FEATURE_PV_TLB_FLUSH | PV_KVM_FEATURE_PV_SCHED_YIELD)

static const struct {
    const char *text;
    uint32_t bits;
} names[] = {
    {"kvmclock", CLOCKS},                       /* the first three are listed by clock.c */
    {"kvmclock2", PV_KVM_FEATURE_CLOCKSOURCE2}, /* the clock by its registers of today */
    {"kvmclock-stable", PV_KVM_FEATURE_CLOCK_STABLE},
    {"steal-time", PV_KVM_FEATURE_STEAL_TIME},
    {"pv-eoi", PV_KVM_FEATURE_PV_EOI},
    {"pv-unhalt", PV_KVM_FEATURE_PV_UNHALT},
    {"pv-tlb-flush", PV_KVM_FEATURE_PV_TLB_FLUSH},
    {"pv-ipi", PV_KVM_FEATURE_PV_SEND_IPI},
    {"pv-sched-yield", PV_KVM_FEATURE_PV_SCHED_YIELD},
    {"asyncpf", ASYNC_PF},
    {"poll-control", PV_KVM_FEATURE_POLL_CONTROL},
    {"msi-ext-dest-id", PV_KVM_FEATURE_MSI_EXT_DEST_ID},
    {"migration-control", PV_KVM_FEATURE_MIGRATION_CONTROL},
    {"all", UINT32_MAX}, /* never listed */
};

#define NAMES        (sizeof(names) / sizeof(names[0]))
#define FIRST_LISTED 3

uint32_t pv_kvm_features;

static bool negotiated;

PV_COLD static uint32_t bits_named(const char *text, size_t length)
{
    const char *rest;
    size_t rest_length;

    for (unsigned i = 0; i < NAMES; i++)
        if (pv_word_is(text, length, names[i].text, &rest, &rest_length) && rest_length == 0)
            return names[i].bits;
    pv_log("kvm= names a feature that does not exist; that name is ignored");
    return 0;
}

PV_COLD static uint32_t obey(uint32_t on, const char *list, size_t length)
{
    while (length != 0) {
        size_t end = 0;
        while (end < length && list[end] != ',' && list[end] != '+')
            end++;
        size_t minus = list[0] == '-';
        uint32_t bits = bits_named(list + minus, end - minus);
        on = minus ? on & ~bits : on | bits;
        end += end < length;
        list += end;
        length -= end;
    }
    return on;
}

PV_COLD static uint32_t left_on(const char *cmdline)
{
    uint32_t on = UINT32_MAX;
    const char *list;
    size_t length;

    while (pv_word_with(&cmdline, "kvm=", &list, &length))
        on = obey(on, list, length);
    return on;
}

/* What is useless or harmful without something else goes with it. */
PV_COLD uint32_t pv_kvm_consistent(uint32_t features)
{
    if ((features & ASYNC_PF) != ASYNC_PF)
        features &= ~ASYNC_PF;
    if (!(features & PV_KVM_FEATURE_STEAL_TIME)) /* who is preempted is told there */
        features &= ~PV_KVM_FEATURE_PV_TLB_FLUSH;
    return features;
}

/* Once: what KVM refused stays refused. */
PV_COLD void pv_kvm_negotiate(void)
{
    const struct pv_interface *found = pv_detected_interface(pv_detected(), PV_KVM_SIGNATURE);
    uint32_t regs[4] = {0};

    if (negotiated)
        return;
    negotiated = true;
    if (found != NULL && found->max_leaf >= found->base + PV_KVM_LEAF_FEATURES)
        pv_cpu_cpuid(found->base + PV_KVM_LEAF_FEATURES, 0, regs);
    if (pv_boot != NULL)
        regs[0] &= left_on(pv_boot->cmdline);
    if (regs[3] & PV_KVM_HINT_REALTIME)
        regs[0] &= ~IF_PREEMPTED;
    pv_kvm_features = pv_kvm_consistent(regs[0]);
}

PV_COLD unsigned pv_kvm_features_named(const char **list, unsigned room)
{
    unsigned used = pv_kvm_clock_features(list, room);

    for (unsigned i = FIRST_LISTED; i < NAMES - 1 && used < room; i++)
        if ((pv_kvm_features & names[i].bits) == names[i].bits)
            list[used++] = names[i].text;
    return used;
}
