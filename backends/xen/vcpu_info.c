/* SPDX-License-Identifier: MIT */
/*
 * Where Xen keeps what it tells a CPU, struct vcpu_info: events, and the clock's record
 * (xen/include/public/xen.h). In a PV guest that is the CPU's own block. Elsewhere the first 32
 * CPUs have a place in the shared page; those behind them have one of the library's, which Xen is
 * told of by VCPUOP_register_vcpu_info (xen/include/public/vcpu.h).
 *
 * No call takes that back: Xen writes there until the domain ends or is reset, also when another
 * kernel runs in its memory by then. So only who needs it gets one; `vcpu-info=own` on the command
 * line makes that every CPU.
 */
#include "backends/xen/xen.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/vcpu.h"
#include "backends/xen/pv/pv.h"
#include "lib/patch.h"

/* By Xen's numbers. */
static struct pv_xen_vcpu_info own[PV_CONFIG_MAX_CPUS] __attribute__((aligned(64)));
static bool is_own[PV_CONFIG_MAX_CPUS];
static bool any_own;

_Static_assert(PV_XEN_PAGE % sizeof(own[0]) == 0 && sizeof(own[0]) == 64, "none crosses a page");

static int take_own(uint32_t vcpu, struct pv_error *error)
{
    uint64_t phys = pv_xen_phys(&own[vcpu]);
    struct pv_xen_register_vcpu_info where = {
        .frame = phys / PV_XEN_PAGE,
        .offset = (uint32_t)(phys % PV_XEN_PAGE),
    };

    if (pv_xen_vcpu_op(PV_VCPUOP_REGISTER_VCPU_INFO, vcpu, &where) != 0)
        return pv_fail(error, PV_E_HOST, "Xen takes no place for the events and clock of CPU", vcpu,
                       -1);
    is_own[vcpu] = true;
    any_own = true;
    return PV_OK;
}

PV_COLD int pv_xen_vcpu_info_start(struct pv_error *error)
{
    uint32_t vcpu = pv_xen_this_vcpu();

    if (vcpu >= PV_CONFIG_MAX_CPUS)
        return pv_fail(error, PV_E_RANGE, "more CPUs than the library was built for", vcpu, -1);
    if (is_own[vcpu] || (vcpu < PV_XEN_SHARED_VCPUS && !pv_command_line_has("vcpu-info=own")))
        return PV_OK;
    return take_own(vcpu, error);
}

bool pv_xen_vcpu_info_is_own(void)
{
    return any_own;
}

struct pv_xen_vcpu_info *pv_xen_this_vcpu_info(void)
{
    uint32_t vcpu = pv_xen_this_vcpu();

    if (pv_xen_is_pv())
        return (struct pv_xen_vcpu_info *)(void *)pv_this_cpu()->vmm_state;
    if (pv_xen_shared == NULL)
        return NULL;
    if (vcpu < PV_CONFIG_MAX_CPUS && is_own[vcpu])
        return &own[vcpu];
    return vcpu < PV_XEN_SHARED_VCPUS ? &pv_xen_shared->vcpu[vcpu] : NULL;
}
