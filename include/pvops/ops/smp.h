/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The smp domain: what one CPU does to another. See pvops/table.h.
 */

/**
 * @brief Sends an interrupt to a CPU, this one included.
 * @param cpu     Index below pv_platform::cpu_count.
 * @param vector  Vector, from pv_irq_alloc().
 *
 * Any context but NMI. Bounded: when the controller does not take the last message in time, the
 * interrupt is dropped and a line is logged.
 */
PV_OP(HOT, CALL, 6, V2, void, smp_ipi, (uint32_t cpu, uint8_t vector), (cpu, vector))

/**
 * @brief Whether the VMM has taken a CPU away from the guest at this moment.
 * @param cpu  Index of the CPU.
 * @return true if it is known not to run; false if it runs or nobody knows.
 */
PV_OP(HOT, SAVE, 6, R1, bool, vcpu_is_preempted, (uint32_t cpu), (cpu))
