/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The lock domain: the parts of a spin lock that depend on the VMM. Kernels call
 * pv_spin_lock() and pv_spin_unlock() of pvops/lock.h. See pvops/table.h for the columns.
 */

/**
 * @brief Takes a lock.
 * @param lock  The lock.
 *
 * Preemption off. Returns with the lock held; a waiter is served in the order of arrival.
 */
PV_OP(HOT, KEEP, 19, V1, void, lock_acquire, (struct pv_spinlock * lock), (lock))

/**
 * @brief Gives a lock back, and wakes its next holder where the VMM put that one to sleep.
 * @param lock  The lock, held by this CPU.
 */
PV_OP(HOT, SAVE, 10, V1, void, lock_release, (struct pv_spinlock * lock), (lock))

/**
 * @brief Waits a while for a byte to change.
 * @param byte   The byte.
 * @param value  Return at once when the byte is not this.
 *
 * May return for no reason; the caller looks again. May set bit 1 of the byte, and halt: who
 * changes the byte then finds the bit, and calls pv_lock_kick().
 */
PV_OP(HOT, CALL, 6, V2, void, lock_wait, (const uint8_t *byte, uint8_t value), (byte, value))

/**
 * @brief Wakes a CPU that may be inside pv_lock_wait().
 * @param cpu  Its index.
 */
PV_OP(HOT, CALL, 6, V1, void, lock_kick, (uint32_t cpu), (cpu))
