/* SPDX-License-Identifier: MIT */
/*
 * Of functions that run at boot, or seldom, or when something has failed: their size counts, not
 * their speed. What only they call the compiler takes for cold by itself.
 */
#ifndef PVOPS_LIB_COLD_H
#define PVOPS_LIB_COLD_H

#define PV_COLD __attribute__((cold))

#endif
