/* SPDX-License-Identifier: MIT */
/*
 * What this kernel lends to the library.
 */
#ifndef GUEST_PLATFORM_H
#define GUEST_PLATFORM_H

#include "pvops/pvops.h"

extern const struct pv_platform platform;

/* Gets the lines of the library instead of the console; for tests of what it says. */
extern void (*volatile log_listener)(const char *line);

#endif
