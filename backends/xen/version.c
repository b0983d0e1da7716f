/* SPDX-License-Identifier: MIT */
/*
 * Xen's version and features, by hypercall: CPUID can be made up by whoever configures the domain.
 */
#include "backends/xen/xen.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/version.h"
#include "lib/patch.h"

/* Every later version keeps this ABI; no earlier one runs PVH, or HVM with an upcall vector. */
#define OLDEST (4u << 16)

int pv_xen_version_read(uint32_t *version, struct pv_error *error)
{
    int64_t result = pv_xen_version_call(PV_XENVER_VERSION, NULL);

    if (result < 0 || result > UINT32_MAX)
        return pv_fail(error, PV_E_HOST, "Xen is announced and does not answer hypercalls", 0, -1);
    if (result < OLDEST)
        return pv_fail(error, PV_E_UNSUPPORTED, "this Xen is older than version 4", 0, -1);
    *version = (uint32_t)result;
    return PV_OK;
}

bool pv_xen_has_feature(unsigned number)
{
    struct pv_xen_feature_info info = {number / 32, 0};

    if (pv_xen_version_call(PV_XENVER_GET_FEATURES, &info) != 0)
        return false;
    return (info.submap >> number % 32 & 1) != 0;
}
