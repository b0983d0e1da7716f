/* SPDX-License-Identifier: MIT */
/*
 * The cheapest call of each VMM. No kernel needs to make one itself, so that this file knows the
 * library's own headers.
 */
#include "backends/kvm/hypercall.h"
#include "backends/xen/abi/version.h"
#include "backends/xen/hypercall.h"
#include "bench.h"
#include "../string.h"

#define KVM_NO_SUCH_CALL 0xffffu /* refused: KVM reads the number and nothing else */

static void call_kvm(void)
{
    (void)pv_kvm_hypercall(KVM_NO_SUCH_CALL, 0, 0, 0, 0);
}

/* Xen's version number, which comes in the result. */
static void call_xen(void)
{
    (void)pv_xen_version_call(PV_XENVER_VERSION, NULL);
}

void (*bench_null_call(void))(void)
{
    struct pv_facts facts;
    pv_facts(&facts);
    if (same_text(facts.vmm, "kvm"))
        return same_text(facts.backend, "kvm") ? call_kvm : NULL;
    return same_text(facts.vmm, "xen") && !same_text(facts.backend, "native") ? call_xen : NULL;
}
