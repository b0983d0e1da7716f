/* SPDX-License-Identifier: MIT */
/*
 * What Xen recommends to hardware-virtualized domains: xen/include/public/arch-x86/cpuid.h, leaf 5
 * of it (40000x04H).
 */
#include "backends/xen/hvm/hvm.h"
#include "backends/xen/abi/cpuid.h"

bool pv_xen_hvm_hint(uint32_t flag)
{
    uint32_t regs[4];

    return pv_xen_cpuid(PV_XEN_LEAF_HVM, 0, regs) && (regs[0] & flag) != 0;
}

/*
 * Where the processor does not help, Xen emulates each access to a local APIC, and a message is one
 * of them at least; an event is one hypercall, and arrives by the upcall that is there anyway.
 */
bool pv_xen_hvm_prefers_event_ipis(void)
{
    return !pv_xen_hvm_hint(PV_XEN_HVM_APIC_VIRTUAL | PV_XEN_HVM_X2APIC_VIRTUAL);
}
