/* SPDX-License-Identifier: MIT */
/*
 * Detection: which VMM interfaces CPUID shows.
 *
 * An interface has a base leaf, 40000000H or a multiple of 100H above it up to 4000FF00H, that
 * returns the highest leaf of the interface in EAX and twelve characters in EBX, ECX, EDX (KVM:
 * Documentation/virt/kvm/x86/cpuid.rst; Xen: xen/include/public/arch-x86/cpuid.h). Several lie
 * behind each other without a gap: Xen's leaves begin at the first base that is "otherwise unused",
 * and QEMU places those of Hyper-V, Xen and KVM likewise (target/i386/kvm/kvm.c).
 *
 * Each base looked at may cost an exit and is read once, so nothing can change between two reads.
 * The search ends at the first base that shows nothing new if what was found is enough for its
 * caller; otherwise, and if all is asked for, it goes on to the last. Whether an interface's leaves
 * make sense is for its backend to say.
 */
#include "lib/detect.h"
#include "lib/cold.h"

#define BASE_FIRST 0x40000000u
#define BASE_LAST  0x4000FF00u
#define BASE_STEP  0x100u

/* CPUID.1:ECX bit 31: reserved by processors for VMMs (AMD APM vol. 3, E.3.2). */
#define HYPERVISOR_BIT (1u << 31)

/* Fewer characters are more likely a small number of some other leaf than a name. */
#define SHORTEST_SIGNATURE 4u
#define SIGNATURE_BYTES    12u

/* "Emulate what follows": xen/include/public/arch-x86/xen.h, XEN_EMULATE_PREFIX. */
#define XEN_EMULATE_PREFIX ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e\n\t"

bool pv_cpuid_by_xen;

PV_COLD void pv_cpuid_raw(uint32_t leaf, uint32_t subleaf, uint32_t *regs)
{
    if (pv_cpuid_by_xen)
        __asm__ volatile(XEN_EMULATE_PREFIX "cpuid"
                         : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
                         : "a"(leaf), "c"(subleaf));
    else
        __asm__ volatile("cpuid"
                         : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
                         : "a"(leaf), "c"(subleaf));
}

/*
 * False: printable characters, then only NULs, is not what the registers hold. That is how leaves
 * look which a VMM does not have: QEMU's emulation, and KVM where it follows Intel's processors,
 * return there what the highest basic leaf returns.
 */
PV_COLD static bool signature_of(const uint32_t *regs, char *text)
{
    unsigned length = 0;

    for (unsigned i = 0; i < SIGNATURE_BYTES; i++) {
        uint32_t c = regs[1 + i / 4] >> (i % 4 * 8) & 0xff;
        if (c != 0 && (c < ' ' || c > '~' || length != i))
            return false;
        text[i] = (char)c;
        if (c != 0)
            length++;
    }
    text[SIGNATURE_BYTES] = '\0';
    return length >= SHORTEST_SIGNATURE;
}

/*
 * KVM before 2012 said 0 for its highest leaf (cpuid.rst: "an implementation may return 0, to be
 * read as 40000001H"); nothing beyond the interface's own 256 leaves is believed.
 */
PV_COLD static uint32_t believable_max(uint32_t base, uint32_t max)
{
    if (max == 0)
        return base + 1;
    if (max < base)
        return base;
    return max - base < BASE_STEP ? max : base + BASE_STEP - 1;
}

PV_COLD static bool same_signature(const char *a, const char *b)
{
    for (unsigned i = 0; i < SIGNATURE_BYTES; i++) {
        if (a[i] != b[i])
            return false;
        if (a[i] == '\0')
            return true;
    }
    return true;
}

PV_COLD const struct pv_interface *pv_detected_interface(const struct pv_detection *found,
                                                         const char *signature)
{
    for (uint32_t i = 0; i < found->count; i++)
        if (same_signature(found->found[i].signature, signature))
            return &found->found[i];
    return NULL;
}

/* Takes note of what a base shows; false: nothing, or what an earlier one showed. */
PV_COLD static bool take(struct pv_detection *found, uint32_t base, const uint32_t *regs)
{
    struct pv_interface interface = {.base = base, .max_leaf = believable_max(base, regs[0])};

    if (!signature_of(regs, interface.signature))
        return false;
    if (pv_detected_interface(found, interface.signature) != NULL) {
        found->repeated++;
        return false;
    }
    if (found->count < PV_DETECT_MAX)
        found->found[found->count++] = interface;
    else
        found->left_out++;
    return true;
}

PV_COLD void pv_detect(pv_cpuid_function cpuid, pv_detect_enough enough, struct pv_detection *found)
{
    uint32_t regs[4];

    found->count = found->exits = found->repeated = found->left_out = 0;
    cpuid(1, 0, regs);
    if ((regs[2] & HYPERVISOR_BIT) == 0)
        return;
    for (uint32_t base = BASE_FIRST; base <= BASE_LAST; base += BASE_STEP) {
        cpuid(base, 0, regs);
        found->exits++;
        if (!take(found, base, regs) && enough != NULL && enough(found))
            return;
    }
}

/*
 * In the order of who says most. KVM is asked before Xen: KVM can imitate Xen, and Xen does not
 * imitate KVM. "Linux KVM Hv" is KVM with Hyper-V's interface and without its own.
 */
PV_COLD const char *pv_vmm_name(const struct pv_detection *found)
{
    static const char *const names[][2] = {
        {"KVMKVMKVM", "kvm"},        {"XenVMMXenVMM", "xen"},    {"Microsoft Hv", "hyper-v"},
        {"Linux KVM Hv", "hyper-v"}, {"VMwareVMware", "vmware"}, {"TCGTCGTCGTCG", "qemu-tcg"},
    };

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (pv_detected_interface(found, names[i][0]) != NULL)
            return names[i][1];
    return found->count != 0 ? "unknown" : "none";
}
