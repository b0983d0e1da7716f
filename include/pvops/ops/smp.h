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

/**
 * @brief Sends an interrupt to several CPUs with as few exits as the VMM has a way for.
 * @param cpus    Whom; numbers from pv_platform::cpu_count up count for nothing.
 * @param vector  Vector, from pv_irq_alloc().
 *
 * Context and bound: as pv_smp_ipi(), for each of them.
 */
PV_OP(COLD, CALL, 0, V2, void, smp_ipi_many, (const struct pv_cpu_set *cpus, uint8_t vector),
      (cpus, vector))

/**
 * @brief Gives the processor to a CPU that this one waits for, if the VMM has preempted that one.
 * @param cpu  Index of the CPU.
 */
PV_OP(COLD, CALL, 0, V1, void, smp_yield_to, (uint32_t cpu), (cpu))
