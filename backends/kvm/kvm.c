/* SPDX-License-Identifier: MIT */
/*
 * The KVM backend: what KVM offers to its guests beyond the hardware that it shows, on top of the
 * native backend. Linux, Documentation/virt/kvm/x86/.
 */
#include "backends/kvm/kvm.h"
#include "backends/kvm/hypercall.h"
#include "backends/kvm/abi/kvm_para.h"
#include "lib/detect.h"
#include "lib/pvclock.h"
#include "lib/switch.h"
#include "lib/x86/vendor.h"

bool pv_kvm_vmmcall;

static const struct pv_ops ops = {
    .clock_ns = pv_pvclock_ns,
    .wallclock = pv_kvm_wallclock,
};

/*
 * More than Xen's: where both are shown it is KVM that runs underneath, and imitates Xen (Linux,
 * Documentation/virt/kvm/api.rst, KVM_XEN_HVM_CONFIG).
 */
static unsigned fitness(const struct pv_detection *detection)
{
    return pv_detected_interface(detection, PV_KVM_SIGNATURE) != NULL ? 30 : 0;
}

uint32_t pv_kvm_offered(void)
{
    const struct pv_interface *found = pv_detected_interface(pv_detected(), PV_KVM_SIGNATURE);
    uint32_t regs[4];

    if (found == NULL || found->max_leaf < found->base + PV_KVM_LEAF_FEATURES)
        return 0;
    pv_cpu_cpuid(found->base + PV_KVM_LEAF_FEATURES, 0, regs);
    return regs[0];
}

static int enter(const struct pv_platform *platform, struct pv_error *error)
{
    (void)platform;
    (void)error;
    pv_kvm_vmmcall = pv_x86_has_vmmcall();
    pv_kvm_clock_enter();
    return PV_OK;
}

/* No sequences of its own: those of the native backend hold for all that is not replaced here. */
const struct pv_backend pv_backend_kvm = {
    .name = "kvm",
    .base = &pv_backend_native,
    .ops = &ops,
    .fitness = fitness,
    .enter = enter,
    .leave = pv_pvclock_stop,
    .cpu_leave = pv_pvclock_cpu_stop,
    .features = pv_kvm_clock_features,
    .clock = pv_pvclock_name,
    .signature = PV_KVM_SIGNATURE,
    .tsc_hz = pv_kvm_clock_tsc_hz,
};

uint64_t pv_kvm_base_clock_ns(void)
{
    return pv_backend_kvm.base->ops->clock_ns();
}

int pv_kvm_base_wallclock(uint64_t *unix_ns)
{
    return pv_backend_kvm.base->ops->wallclock(unix_ns);
}
