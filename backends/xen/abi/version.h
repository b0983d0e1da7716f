/* SPDX-License-Identifier: MIT */
/*
 * What Xen says about itself: xen/include/public/version.h, and the feature bits of
 * xen/include/public/features.h.
 */
#ifndef PVOPS_XEN_ABI_VERSION_H
#define PVOPS_XEN_ABI_VERSION_H

#include <stdint.h>

/* XENVER_version: no argument; major in bits 31:16 of the result, minor in 15:0. */
#define PV_XENVER_VERSION 0
/* XENVER_get_features: struct pv_xen_feature_info. */
#define PV_XENVER_GET_FEATURES 6

struct pv_xen_feature_info {
    uint32_t submap_index; /* which 32 features */
    uint32_t submap;       /* out: their bits */
};

/* Numbers of bits in submap 0. */
#define PV_XENFEAT_HVM_CALLBACK_VECTOR 8
#define PV_XENFEAT_HVM_SAFE_PVCLOCK    9
#define PV_XENFEAT_DOM0                11 /* this is the hardware domain */

#endif
