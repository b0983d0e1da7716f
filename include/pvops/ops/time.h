/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The time domain: one clock and one timer a CPU. See pvops/table.h.
 */

/**
 * @brief Time since an arbitrary start, in nanoseconds; never goes backwards, on any CPU.
 * @return nanoseconds. 0 until pv_init() has found a clock.
 *
 * Any context but NMI.
 */
PV_OP(HOT, CALL, 6, R0, uint64_t, clock_ns, (void), ())

/**
 * @brief Arms this CPU's one-shot timer.
 * @param deadline_ns  Absolute, on the scale of pv_clock_ns(); a time in the past means now;
 *                     UINT64_MAX disarms.
 *
 * Replaces what was armed, periodic or not. Interrupts off or preemption off. The tick arrives as
 * pv_platform::timer, never earlier than the deadline.
 */
PV_OP(HOT, CALL, 6, V1, void, timer_set, (uint64_t deadline_ns), (deadline_ns))

/**
 * @brief Makes this CPU's timer tick at a fixed period.
 * @param period_ns  Period; raised to the timer's shortest; 0 disarms.
 */
PV_OP(COLD, CALL, 0, V1, void, timer_periodic, (uint64_t period_ns), (period_ns))

/**
 * @brief Wall-clock time.
 * @param unix_ns  Nanoseconds since 1970-01-01 00:00 UTC; untouched on error.
 * @return PV_OK, or PV_E_UNSUPPORTED where there is neither a PV wall clock nor a CMOS clock.
 */
PV_OP(COLD, CALL, 0, R1, int, wallclock, (uint64_t * unix_ns), (unix_ns))

/**
 * @brief Time that this CPU wanted to run and the VMM ran something else.
 * @return nanoseconds; 0 where the VMM does not tell.
 */
PV_OP(COLD, CALL, 0, R0, uint64_t, steal_ns, (void), ())

/**
 * @brief The host's time and this machine's, of the same moment.
 * @param pair  Filled; undefined on error.
 * @return PV_OK, PV_E_UNSUPPORTED, or PV_E_HOST for a time that cannot be.
 */
PV_OP(COLD, CALL, 0, R1, int, clock_pair, (struct pv_clock_pair * pair), (pair))
