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
 * @brief Gives the processor to a CPU that this one waits for, if the VMM has preempted that one or
 * does not tell whether it has.
 * @param cpu  Index of the CPU.
 */
PV_OP(COLD, CALL, 0, V1, void, smp_yield_to, (uint32_t cpu), (cpu))

/**
 * @brief The CPUs of the machine, as firmware or the VMM lists them.
 * @param hardware_ids  Filled with what pv_smp_start() knows each by; the CPU that booted is first.
 * @param room          Entries that it has; the rest is left out.
 * @return how many were filled; 1 if nobody tells.
 */
PV_OP(COLD, CALL, 0, R2, uint32_t, smp_list, (uint32_t * hardware_ids, uint32_t room),
      (hardware_ids, room))

/**
 * @brief Starts a CPU that does not run: it has not been started yet, or is in pv_smp_park().
 * @param start  How it is to begin.
 * @param error  Filled on failure.
 * @return PV_OK: it has its stack, and runs start->entry; PV_E_UNSUPPORTED where CPUs cannot be
 *         started; PV_E_ARGUMENT, also for a CPU of which the VMM knows that it does not exist;
 *         PV_E_TIMEOUT: it did not come, and never will.
 *
 * Interrupts on or off; one caller at a time; blocks for some seconds at most. The CPU begins with
 * interrupts off, the control registers, descriptor tables, and code and stack selectors of the CPU
 * that called, and no task register. The kernel's text, data and stacks must lie above the first
 * 512 GiB of the address space, and pv_platform::phys_to_virt must reach page tables.
 */
PV_OP(COLD, CALL, 0, R2, int, smp_start, (const struct pv_smp_start *start, struct pv_error *error),
      (start, error))

/**
 * @brief Stops the CPU that this runs on until it is started again; does not return.
 * @param parked  Set to 1 when nothing of the CPU's memory is in use any more.
 *
 * Interrupts off, after pv_cpu_offline().
 */
PV_OP(COLD, CALL, 0, V1, void, smp_park, (uint32_t * parked), (parked))

/**
 * @brief Sends a non-maskable interrupt to a CPU, this one included.
 * @param cpu  Number of a CPU that is up.
 * @return PV_OK; PV_E_UNSUPPORTED without a way to; PV_E_RANGE for a CPU that is not there;
 *         PV_E_TIMEOUT if the interrupt controller does not take it.
 */
PV_OP(COLD, CALL, 0, R1, int, smp_nmi, (uint32_t cpu), (cpu))
