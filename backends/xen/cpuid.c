/* SPDX-License-Identifier: MIT */
/*
 * What Xen tells by CPUID, and how CPUs are numbered.
 */
#include "backends/xen/xen.h"
#include "backends/xen/abi/cpuid.h"
#include "lib/detect.h"
#include "lib/switch.h"

/* Xen's number of each CPU, and one more; 0: not asked yet. */
static uint32_t vcpu_of[PV_CONFIG_MAX_CPUS];

bool pv_xen_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *regs)
{
    const struct pv_interface *found = pv_detected_interface(pv_detected(), PV_XEN_SIGNATURE);

    regs[0] = regs[1] = regs[2] = regs[3] = 0;
    if (found == NULL || found->max_leaf < found->base + leaf)
        return false;
    pv_cpuid_raw(found->base + leaf, subleaf, regs);
    return true;
}

/* Xen before 4.6 does not tell; there CPUs are numbered in the order of their APICs, as here. */
static uint32_t ask_vcpu(uint32_t number)
{
    uint32_t regs[4];

    if (pv_xen_cpuid(PV_XEN_LEAF_HVM, 0, regs) && (regs[0] & PV_XEN_HVM_VCPU_ID_PRESENT))
        return regs[1];
    return number;
}

bool pv_xen_is_pv(void)
{
    return pv_boot != NULL && pv_boot->door == PV_DOOR_XEN_PV;
}

void pv_xen_ask_this_vcpu(void)
{
    uint32_t number = pv_this_cpu()->number;

    if (number < PV_CONFIG_MAX_CPUS)
        vcpu_of[number] = ask_vcpu(number) + 1;
}

uint32_t pv_xen_this_vcpu(void)
{
    uint32_t number = pv_this_cpu()->number;

    /* A PV guest starts its CPUs by Xen's numbers, and has no others. */
    if (pv_xen_is_pv())
        return pv_this_cpu()->apic_id;
    if (number >= PV_CONFIG_MAX_CPUS)
        return number;
    if (vcpu_of[number] == 0)
        pv_xen_ask_this_vcpu();
    return vcpu_of[number] - 1;
}

uint32_t pv_xen_vcpu_of(const struct pv_cpu *cpu)
{
    if (pv_xen_is_pv())
        return cpu->apic_id;
    return cpu->number < PV_CONFIG_MAX_CPUS ? vcpu_of[cpu->number] - 1 : UINT32_MAX;
}
