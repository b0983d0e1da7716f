/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The cpu domain: processor state that a VMM may own. Included many times, each time with
 * another PV_OP; the columns are explained in pvops/table.h.
 */

/**
 * @brief Tells the processor that this is a spin loop.
 *
 * Any context.
 */
PV_OP(HOT, SAVE, 6, V0, void, cpu_relax, (void), ())

/**
 * @brief Sets the stack that the next entry from user mode on this CPU starts on.
 * @param top  First byte above the stack, 16-byte aligned.
 *
 * Interrupts off or preemption off. On bare hardware this is the RSP0 field of the task state
 * segment (Intel SDM vol. 3A, 8.7), found through pv_cpu::kernel_stack_slot, and every entry from
 * user mode loads it, but for `syscall`, whose entry code reads the same slot.
 */
PV_OP(HOT, SAVE, 12, V1, void, cpu_kernel_stack_set, (uint64_t top), (top))

/**
 * @brief Sets the user thread pointer (the FS base) of this CPU.
 * @param base  Canonical user address; checked by the caller, since a wrong one faults here.
 *
 * Preemption off. MSR C0000100H: AMD APM vol. 2, 4.5.3.
 */
PV_OP(HOT, CALL, 16, V1, void, cpu_tls_set, (uint64_t base), (base))

/**
 * @brief Reads a model-specific register; a fault becomes an error.
 * @param msr    Register number.
 * @param value  Where the value goes; untouched on error.
 * @return PV_OK, or PV_E_MSR when the processor or VMM raises #GP. Needs pv_trap() to see vector
 *         13: before that, only registers known to exist may be read.
 */
PV_OP(COLD, CALL, 0, R2, int, cpu_msr_read, (uint32_t msr, uint64_t *value), (msr, value))

/**
 * @brief Writes a model-specific register; a fault becomes an error.
 * @param msr    Register number.
 * @param value  The value.
 * @return PV_OK, or PV_E_MSR when the processor or VMM raises #GP (see pv_cpu_msr_read()).
 */
PV_OP(COLD, CALL, 0, R2, int, cpu_msr_write, (uint32_t msr, uint64_t value), (msr, value))

/**
 * @brief Runs CPUID as the VMM presents it to kernels.
 * @param leaf     EAX.
 * @param subleaf  ECX.
 * @param regs     Four words: EAX, EBX, ECX, EDX.
 */
PV_OP(COLD, CALL, 0, V3, void, cpu_cpuid, (uint32_t leaf, uint32_t subleaf, uint32_t *regs),
      (leaf, subleaf, regs))

/**
 * @brief Loads this CPU's global descriptor table.
 * @param table  The descriptors.
 * @param bytes  Size in bytes, 8 to 65536, a multiple of 8.
 *
 * Does not reload segment registers.
 */
PV_OP(COLD, CALL, 0, V2, void, cpu_gdt_load, (const void *table, uint32_t bytes), (table, bytes))

/**
 * @brief Loads this CPU's interrupt descriptor table.
 * @param table  16-byte gates (Intel SDM vol. 3A, 6.14.1).
 * @param bytes  Size in bytes, 16 to 4096.
 */
PV_OP(COLD, CALL, 0, V2, void, cpu_idt_load, (const void *table, uint32_t bytes), (table, bytes))

/**
 * @brief Loads this CPU's task register.
 * @param selector  Selector of an available 64-bit TSS descriptor in the loaded GDT.
 */
PV_OP(COLD, CALL, 0, V1, void, cpu_task_load, (uint16_t selector), (selector))

/** @brief Reads control register 4. @return its value as the VMM shows it. */
PV_OP(COLD, CALL, 0, R0, uint64_t, cpu_cr4_read, (void), ())

/**
 * @brief Writes control register 4.
 * @param value  New value; reserved bits fault (Intel SDM vol. 3A, 2.5).
 */
PV_OP(COLD, CALL, 0, V1, void, cpu_cr4_write, (uint64_t value), (value))

/**
 * @brief Ends the machine, as far as the VMM offers a way to.
 * @param status  0 for success. A VMM that can carry a result to its caller gets it.
 *
 * Returns only when no way worked. Any context.
 */
PV_OP(COLD, CALL, 0, V1, void, cpu_power_off, (int status), (status))
