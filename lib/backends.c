/* SPDX-License-Identifier: MIT */
/*
 * The one list of backends, and the one place in the library that names them.
 */
#include "lib/backend.h"

const struct pv_backend *const pv_backends[] = {
    &pv_backend_native,
    &pv_backend_kvm,
    &pv_backend_xen_hvm,
    &pv_backend_xen_pv,
};
const unsigned pv_backend_count = sizeof(pv_backends) / sizeof(pv_backends[0]);
