/* SPDX-License-Identifier: MIT */
/*
 * What the example kernel's self-test says to Xen as its tools do (selftest/domctl.h, mca.h),
 * against the headers of libxen-dev, if these are of the version that the test is for.
 */
#define __XEN_TOOLS__ 1
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/arch-x86/xen-mca.h>

#include "examples/guest-kernel/selftest/domctl.h"
#include "examples/guest-kernel/selftest/mca.h"

#define SAME(ours, theirs)      _Static_assert((ours) == (theirs), #ours " is " #theirs)
#define SAME_SIZE(ours, theirs) SAME(sizeof(struct ours), sizeof(struct theirs))
#define SAME_MEMBER(ours, member, theirs, other)                         \
    SAME(offsetof(struct ours, member), offsetof(struct theirs, other)); \
    SAME(sizeof(((struct ours *)0)->member), sizeof(((struct theirs *)0)->other))

SAME(DOMCTL_EACCES, XEN_EACCES);

#if XEN_DOMCTL_INTERFACE_VERSION == 0x15
SAME(HC_DOMCTL, __HYPERVISOR_domctl);
SAME(DOMCTL_VERSION, XEN_DOMCTL_INTERFACE_VERSION);
SAME(DOMCTL_CREATE_DOMAIN, XEN_DOMCTL_createdomain);
SAME(DOMCTL_DESTROY_DOMAIN, XEN_DOMCTL_destroydomain);
SAME(DOMCTL_MAX_MEM, XEN_DOMCTL_max_mem);
SAME_SIZE(domctl, xen_domctl);
SAME_MEMBER(domctl, command, xen_domctl, cmd);
SAME_MEMBER(domctl, version, xen_domctl, interface_version);
SAME_MEMBER(domctl, domain, xen_domctl, domain);
SAME(offsetof(struct domctl, create), offsetof(struct xen_domctl, u));
SAME_MEMBER(domctl, most_memory_kib, xen_domctl, u.max_mem.max_memkb);
SAME_SIZE(domctl_create, xen_domctl_createdomain);
SAME_MEMBER(domctl_create, flags, xen_domctl_createdomain, flags);
SAME_MEMBER(domctl_create, most_vcpus, xen_domctl_createdomain, max_vcpus);
SAME_MEMBER(domctl_create, most_port, xen_domctl_createdomain, max_evtchn_port);
SAME_MEMBER(domctl_create, most_grant_frames, xen_domctl_createdomain, max_grant_frames);
SAME_MEMBER(domctl_create, most_maptrack_frames, xen_domctl_createdomain, max_maptrack_frames);
SAME_MEMBER(domctl_create, grant_options, xen_domctl_createdomain, grant_opts);
SAME_MEMBER(domctl_create, emulation, xen_domctl_createdomain, arch.emulation_flags);
#endif

SAME(HC_MCA, __HYPERVISOR_mca);
SAME(MCA_VERSION, XEN_MCA_INTERFACE_VERSION);
SAME(MCA_SET_MSRS, XEN_MC_msrinject);
SAME(MCA_RAISE, XEN_MC_mceinject);
SAME(MCA_INTERPOSE, MC_MSRINJ_F_INTERPOSE);
SAME(MCA_MOST_VALUES, MC_MSRINJ_MAXMSRS);
SAME_SIZE(mca, xen_mc);
SAME_MEMBER(mca, command, xen_mc, cmd);
SAME_MEMBER(mca, version, xen_mc, interface_version);
SAME_MEMBER(mca, set, xen_mc, u.mc_msrinject);
SAME_MEMBER(mca, raise_on, xen_mc, u.mc_mceinject.mceinj_cpunr);
SAME_MEMBER(mca_values, processor, xen_mc_msrinject, mcinj_cpunr);
SAME_MEMBER(mca_values, flags, xen_mc_msrinject, mcinj_flags);
SAME_MEMBER(mca_values, count, xen_mc_msrinject, mcinj_count);
SAME_MEMBER(mca_values, domain, xen_mc_msrinject, mcinj_domid);
SAME_MEMBER(mca_values, values, xen_mc_msrinject, mcinj_msr);
SAME_MEMBER(mca_values, values[0].msr, xen_mc_msrinject, mcinj_msr[0].reg);
SAME_MEMBER(mca_values, values[0].value, xen_mc_msrinject, mcinj_msr[0].value);

int main(void)
{
    puts(XEN_DOMCTL_INTERFACE_VERSION == DOMCTL_VERSION
             ? "structures and numbers are the same"
             : "the headers are of another version: only error numbers were compared");
    return 0;
}
