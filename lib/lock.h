/* SPDX-License-Identifier: MIT */
/*
 * What spin locks share between backends.
 */
#ifndef PVOPS_LIB_LOCK_H
#define PVOPS_LIB_LOCK_H

#include "pvops/lock.h"
#include "lib/asleep.h"

/*
 * The block of each CPU that pv_cpu_setup() has prepared, by number: who waits for a lock need not
 * be up yet, or any more, for pv_platform::cpu.
 */
extern struct pv_cpu *pv_lock_cpus[PV_CONFIG_MAX_CPUS];

/*
 * Takes a lock that the fast path did not get: every backend's lock_acquire ends here when the lock
 * word is not 0. In lib/x86/lock.S, because it keeps all registers but rax and rcx; what it does is
 * pv_lock_queue()'s, in C.
 */
void pv_lock_acquire_slow(struct pv_spinlock *lock) PV_HIDDEN;
void pv_lock_queue(struct pv_spinlock *lock) PV_HIDDEN;

#endif
