/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The lock domain: fair spin locks that know about the VMM.
 */
#ifndef PVOPS_LOCK_H
#define PVOPS_LOCK_H

#include "pvops/site.h"
#include "pvops/percpu.h"

PV_BEGIN_DECLS

/**
 * @brief A spin lock: one byte that says it is taken, and the end of the queue behind it.
 *
 * All zero is free. The queue holds the waiters in order of arrival; each spins on a node of its
 * own CPU, so that waiting costs no traffic on the lock. Aligned, for one instruction changes it as
 * a whole.
 */
struct pv_spinlock {
    uint8_t locked;   /**< 1 while held */
    uint8_t reserved; /**< 0 */
    uint16_t tail;    /**< last waiter: (cpu << 2 | nesting) + 1; 0 is none */
} __attribute__((aligned(4)));

/** A free lock. */
#define PV_SPINLOCK_FREE \
    {                    \
        0, 0, 0          \
    }

#define PV_OP PV_WRAP
#include "pvops/ops/lock.h"
#undef PV_OP

/**
 * @brief Takes a lock.
 * @param lock  The lock, not held by this CPU.
 *
 * Preemption off until the unlock; interrupts off too if a handler takes the same lock. May nest
 * four deep over thread, interrupt and NMI context.
 *
 * All backends understand the same lock: one that is held when pv_switch() changes the backend is
 * given back in the new one's way. It is not changed while a CPU waits for a lock.
 */
PV_INLINE void pv_spin_lock(struct pv_spinlock *lock)
{
    pv_lock_acquire(lock);
}

/**
 * @brief Gives a lock back.
 * @param lock  Held by this CPU.
 */
PV_INLINE void pv_spin_unlock(struct pv_spinlock *lock)
{
    pv_lock_release(lock);
}

PV_END_DECLS

#endif
