/* SPDX-License-Identifier: MIT */
/*
 * What this kernel lends to the library.
 */
#ifndef GUEST_PLATFORM_H
#define GUEST_PLATFORM_H

#include "pvops/pvops.h"

extern const struct pv_platform platform;

#endif
