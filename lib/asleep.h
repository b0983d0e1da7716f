/* SPDX-License-Identifier: MIT */
/*
 * The mark in a byte that somebody waits for (pv_lock_wait()): whoever changes the byte is to kick.
 * For assembly too.
 */
#ifndef PVOPS_LIB_ASLEEP_H
#define PVOPS_LIB_ASLEEP_H

#define PV_LOCK_ASLEEP 2

#endif
