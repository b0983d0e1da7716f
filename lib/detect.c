/* SPDX-License-Identifier: MIT */
/*
 * Detection: which VMM interfaces CPUID shows.
 *
 * An interface has a base leaf, 40000000H or a multiple of 100H above it, that returns the highest
 * leaf of the interface in EAX and twelve characters in EBX, ECX, EDX (KVM:
 * Documentation/virt/kvm/x86/cpuid.rst; Xen: xen/include/public/arch-x86/cpuid.h, which allows
 * bases up to 4000FF00H). Each leaf read may cost an exit, so the search stops at the first base
 * without a printable signature once there is one, and is counted. Whether an interface's leaves
 * make sense is for its backend to say.
 */
#include "lib/detect.h"

#define BASE_FIRST 0x40000000u
#define BASE_LAST  0x4000FF00u
#define BASE_STEP  0x100u

/* CPUID.1:ECX bit 31: reserved by processors for VMMs (AMD APM vol. 3, E.3.2). */
#define HYPERVISOR_BIT (1u << 31)

/* The first base may be empty: some VMMs can be told to show theirs at the second. */
#define EMPTY_BASES 2u

void pv_cpuid_raw(uint32_t leaf, uint32_t subleaf, uint32_t *regs)
{
    __asm__ volatile("cpuid"
                     : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
                     : "a"(leaf), "c"(subleaf));
}

static void signature_of(const uint32_t *regs, char *text)
{
    for (unsigned i = 0; i < 12; i++) {
        uint32_t c = regs[1 + i / 4] >> (i % 4 * 8) & 0xff;
        text[i] = (char)(c == 0 || (c >= ' ' && c <= '~') ? c : '.');
    }
    text[12] = '\0';
}

/* A signature begins with a letter. Anything else is an unimplemented leaf's rubbish. */
static bool is_signature(const char *text)
{
    return (text[0] >= 'A' && text[0] <= 'Z') || (text[0] >= 'a' && text[0] <= 'z') ||
           text[0] == ' ';
}

/*
 * KVM before 2012 said 0 for its highest leaf (cpuid.rst: "an implementation may return 0, to be
 * read as 40000001H"); nothing beyond the interface's own 256 leaves is believed.
 */
static uint32_t believable_max(uint32_t base, uint32_t max)
{
    if (max == 0)
        return base + 1;
    if (max < base)
        return base;
    return max - base < BASE_STEP ? max : base + BASE_STEP - 1;
}

void pv_detect(pv_cpuid_function cpuid, struct pv_detection *found)
{
    uint32_t regs[4];
    unsigned empty = 0;

    found->count = 0;
    found->exits = 0;
    cpuid(1, 0, regs);
    if ((regs[2] & HYPERVISOR_BIT) == 0)
        return;
    for (uint32_t base = BASE_FIRST; base <= BASE_LAST && empty < EMPTY_BASES; base += BASE_STEP) {
        if (found->count == PV_DETECT_MAX)
            return;
        struct pv_interface *interface = &found->found[found->count];
        cpuid(base, 0, regs);
        found->exits++;
        signature_of(regs, interface->signature);
        if (!is_signature(interface->signature)) {
            if (found->count != 0)
                return;
            empty++;
            continue;
        }
        interface->base = base;
        interface->max_leaf = believable_max(base, regs[0]);
        found->count++;
    }
}

static bool same_signature(const char *a, const char *b)
{
    for (unsigned i = 0; i < 12; i++) {
        if (a[i] != b[i])
            return false;
        if (a[i] == '\0')
            return true;
    }
    return true;
}

const struct pv_interface *pv_detected_interface(const struct pv_detection *found,
                                                 const char *signature)
{
    for (uint32_t i = 0; i < found->count; i++)
        if (same_signature(found->found[i].signature, signature))
            return &found->found[i];
    return NULL;
}

const char *pv_vmm_name(const struct pv_detection *found)
{
    static const char *const names[][2] = {
        {"KVMKVMKVM", "kvm"},       {"XenVMMXenVMM", "xen"},      {"Microsoft Hv", "hyper-v"},
        {"VMwareVMware", "vmware"}, {"TCGTCGTCGTCG", "qemu-tcg"},
    };

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (pv_detected_interface(found, names[i][0]) != NULL)
            return names[i][1];
    return found->count != 0 ? "unknown" : "none";
}
