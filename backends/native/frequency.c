/* SPDX-License-Identifier: MIT */
/*
 * The frequencies of the time-stamp counter and of the local APIC's timer, from whoever tells them.
 * Measuring comes last: it takes time at boot, and needs a device that small VMMs do not have.
 */
#include "backends/native/native.h"
#include "lib/detect.h"
#include "lib/switch.h"

/* Intel SDM vol. 2, CPUID: leaves 15H and 16H. */
#define LEAF_TSC_CRYSTAL 0x15u
#define LEAF_FREQUENCIES 0x16u

/*
 * Leaves of VMMs that hold frequencies in kHz. VMware's, which QEMU has too for KVM
 * (vmware-cpuid-freq), only at the first base: Linux, arch/x86/kernel/cpu/vmware.c; QEMU,
 * target/i386/kvm/kvm.c. Xen's, at any base: xen/include/public/arch-x86/cpuid.h.
 */
struct vmm_leaf {
    const char *signature;
    uint32_t leaf;     /* distance from the base */
    uint8_t word;      /* EAX 0, ECX 2 */
    uint8_t apic_word; /* of the local APIC's timer; EAX: not told */
    bool at_first_base;
};

#define LEAF_VMM_FIRST 0x40000000u

static const struct vmm_leaf vmm_leaves[] = {
    {"KVMKVMKVM", 0x10, 0, 1, true},
    {"VMwareVMware", 0x10, 0, 1, true},
    {"XenVMMXenVMM", 3, 2, 0, false},
};

static uint64_t from_crystal(uint32_t max_leaf)
{
    uint32_t regs[4];

    if (max_leaf < LEAF_TSC_CRYSTAL)
        return 0;
    pv_native_cpu_cpuid(LEAF_TSC_CRYSTAL, 0, regs);
    /* EAX: denominator, EBX: numerator, ECX: crystal in Hz; any may be 0 for "not told". */
    if (regs[0] == 0 || regs[1] == 0)
        return 0;
    if (regs[2] != 0)
        return (uint64_t)regs[2] * regs[1] / regs[0];
    if (max_leaf < LEAF_FREQUENCIES)
        return 0;
    /* A crystal that is not told, but a TSC at the base frequency: EAX of 16H, in MHz. */
    pv_native_cpu_cpuid(LEAF_FREQUENCIES, 0, regs);
    return (regs[0] & 0xffff) * 1000000ull;
}

/* Detection has found something only if the hypervisor bit is set. */
static uint64_t from_leaf_of(const struct vmm_leaf *vmm, uint8_t word)
{
    const struct pv_interface *found = pv_detected_interface(pv_detected(), vmm->signature);
    uint32_t regs[4];

    if (found == NULL || found->max_leaf < found->base + vmm->leaf)
        return 0;
    if (vmm->at_first_base && found->base != LEAF_VMM_FIRST)
        return 0;
    pv_native_cpu_cpuid(found->base + vmm->leaf, 0, regs);
    return regs[word] * 1000ull;
}

/* Only of VMMs that are known to have the leaf, for others put other things there. */
PV_COLD static uint64_t from_vmm_leaf(bool apic)
{
    uint64_t hz = 0;

    for (unsigned i = 0; hz == 0 && i < sizeof(vmm_leaves) / sizeof(vmm_leaves[0]); i++)
        if (!apic || vmm_leaves[i].apic_word != 0)
            hz = from_leaf_of(&vmm_leaves[i], apic ? vmm_leaves[i].apic_word : vmm_leaves[i].word);
    return hz;
}

/* A crystal that is told is what the local APIC's timer counts: Intel SDM vol. 3A, 11.5.4. */
static uint64_t apic_from_crystal(void)
{
    uint32_t regs[4];

    pv_native_cpu_cpuid(0, 0, regs);
    if (regs[0] < LEAF_TSC_CRYSTAL)
        return 0;
    pv_native_cpu_cpuid(LEAF_TSC_CRYSTAL, 0, regs);
    return regs[0] != 0 && regs[1] != 0 ? regs[2] : 0;
}

static uint64_t from_backend(void)
{
    return pv_backend->tsc_hz != NULL ? pv_backend->tsc_hz() : 0;
}

PV_COLD static uint64_t believable(uint64_t hz)
{
    return hz >= PV_CLOCK_MIN_HZ && hz <= PV_CLOCK_MAX_HZ ? hz : 0;
}

PV_COLD uint64_t pv_native_tsc_hz(void)
{
    uint32_t regs[4];
    uint64_t hz;

    pv_native_cpu_cpuid(0, 0, regs);
    if ((hz = believable(from_crystal(regs[0]))) != 0)
        return hz;
    if ((hz = believable(from_vmm_leaf(false))) != 0)
        return hz;
    if ((hz = believable(from_backend())) != 0)
        return hz;
    return believable(pv_native_measure_tsc_hz());
}

/* What a VMM emulates is its own: its word goes first. */
PV_COLD uint64_t pv_native_apic_hz(void)
{
    uint64_t hz = believable(from_vmm_leaf(true));

    return hz != 0 ? hz : believable(apic_from_crystal());
}
