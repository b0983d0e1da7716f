/* SPDX-License-Identifier: MIT */
#ifndef GUEST_SELFTEST_UNPLUG_H
#define GUEST_SELFTEST_UNPLUG_H

/* Looks at the emulated devices, before pv_init() takes them away at the command line's wish. */
void unplug_look_before(void);

#endif
