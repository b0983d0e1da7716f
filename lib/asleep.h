/* SPDX-License-Identifier: MIT */
/*
 * The mark in a byte that somebody waits for (pv_lock_wait()): whoever changes the byte is to kick.
 * For assembly too. And what backends with such an op share: asleep.c.
 */
#ifndef PVOPS_LIB_ASLEEP_H
#define PVOPS_LIB_ASLEEP_H

#define PV_LOCK_ASLEEP 2

#ifndef __ASSEMBLER__

#include "pvops/lock.h"

/*
 * Waits for a byte to change from a value; pv_lock_wait() of such a backend. sleep() stops this CPU
 * while the byte is `marked`; it looks at the byte once more behind whatever makes a kick from then
 * on end its sleep, and may return for no reason.
 */
void pv_lock_wait_asleep(const uint8_t *byte, uint8_t value,
                         void (*sleep)(const uint8_t *byte, uint8_t marked));

/*
 * pv_lock_release() of such a backend, and what its sequence calls when the byte was marked: in
 * lib/x86/asleep.S, since they keep all registers but rax. What is to be done then is the last
 * one's, in C: it gives the lock back, and kicks who sleeps on it.
 */
void pv_lock_release_asleep(struct pv_spinlock *lock) PV_HIDDEN;
void pv_lock_release_marked(struct pv_spinlock *lock) PV_HIDDEN;
void pv_lock_released_asleep(struct pv_spinlock *lock) PV_HIDDEN;

#endif
#endif
