/* SPDX-License-Identifier: MIT */
/*
 * What spin locks share between backends.
 */
#ifndef PVOPS_LIB_LOCK_H
#define PVOPS_LIB_LOCK_H

#include "pvops/lock.h"
#include "lib/asleep.h"

/*
 * Takes a lock that the fast path did not get. Calling convention of C; every backend's
 * lock_acquire ends here when the lock word is not 0.
 */
void pv_lock_acquire_slow(struct pv_spinlock *lock) PV_HIDDEN;

#endif
