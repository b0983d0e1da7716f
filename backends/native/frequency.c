/* SPDX-License-Identifier: MIT */
/*
 * The frequency of the time-stamp counter, from whoever tells it. Measuring comes last: it takes
 * time at boot, and needs a device that small VMMs do not have.
 */
#include "backends/native/native.h"
#include "lib/detect.h"
#include "lib/switch.h"

/* Intel SDM vol. 2, CPUID: leaves 15H and 16H. */
#define LEAF_TSC_CRYSTAL 0x15u
#define LEAF_FREQUENCIES 0x16u

/*
 * EAX: TSC frequency in kHz. VMware's leaf, which QEMU has too for KVM (vmware-cpuid-freq): Linux,
 * arch/x86/kernel/cpu/vmware.c; QEMU, target/i386/kvm/kvm.c.
 */
#define LEAF_VMM_FIRST     0x40000000u
#define LEAF_VMM_FREQUENCY 0x40000010u

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

/* Only of a VMM that is known to have the leaf, for others put other things there. */
static bool has_frequency_leaf(void)
{
    static const char *const signatures[] = {"KVMKVMKVM", "VMwareVMware"};

    for (unsigned i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
        const struct pv_interface *found = pv_detected_interface(pv_detected(), signatures[i]);
        if (found != NULL && found->base == LEAF_VMM_FIRST && found->max_leaf >= LEAF_VMM_FREQUENCY)
            return true;
    }
    return false;
}

static uint64_t from_vmm_leaf(void)
{
    uint32_t regs[4];

    /* Detection has found something only if the hypervisor bit is set. */
    if (!has_frequency_leaf())
        return 0;
    pv_native_cpu_cpuid(LEAF_VMM_FREQUENCY, 0, regs);
    return regs[0] * 1000ull;
}

static uint64_t from_backend(void)
{
    return pv_backend->tsc_hz != NULL ? pv_backend->tsc_hz() : 0;
}

static uint64_t believable(uint64_t hz)
{
    return hz >= PV_CLOCK_MIN_HZ && hz <= PV_CLOCK_MAX_HZ ? hz : 0;
}

uint64_t pv_native_tsc_hz(void)
{
    uint32_t regs[4];
    uint64_t hz;

    pv_native_cpu_cpuid(0, 0, regs);
    if ((hz = believable(from_crystal(regs[0]))) != 0)
        return hz;
    if ((hz = believable(from_vmm_leaf())) != 0)
        return hz;
    if ((hz = believable(from_backend())) != 0)
        return hz;
    return believable(pv_native_measure_tsc_hz());
}
