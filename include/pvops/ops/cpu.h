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

/**
 * @brief Writes one descriptor of a table that is loaded.
 * @param table       As given to pv_cpu_gdt_load().
 * @param index       Which of its 8-byte entries.
 * @param descriptor  The value (Intel SDM vol. 3A, 3.4.5).
 * @return PV_OK; PV_E_RANGE for an index outside of the table; PV_E_HOST for a descriptor that the
 *         VMM refuses.
 */
PV_OP(COLD, CALL, 0, R3, int, cpu_gdt_entry_set,
      (uint64_t * table, uint32_t index, uint64_t descriptor), (table, index, descriptor))

/**
 * @brief Sets where `syscall` enters the kernel on this CPU.
 * @param entry  Both forms of the entry; copied.
 * @return PV_OK; PV_E_MSR or PV_E_HOST when the processor or VMM refuses.
 */
PV_OP(COLD, CALL, 0, R1, int, cpu_syscall_set, (const struct pv_syscall_entry *entry), (entry))

/**
 * @brief The selectors with which frames return to user mode.
 * @param cs  In: the kernel's own choice; out: what the VMM wants instead, where it does.
 * @param ss  The same for the stack segment.
 */
PV_OP(COLD, CALL, 0, V2, void, cpu_user_selectors, (uint16_t * cs, uint16_t *ss), (cs, ss))

/**
 * @brief Lets the next use of the floating-point unit trap (#NM) on this CPU, or lets it pass.
 * @param trap  true: trap. CR0.TS: Intel SDM vol. 3A, 2.5. A VMM may let it pass again by itself
 *              when it delivers the trap.
 */
PV_OP(COLD, CALL, 0, V1, void, cpu_fpu_trap, (bool trap), (trap))

/**
 * @brief Reads a debug register of this CPU.
 * @param index  0 to 3: addresses; 6: status; 7: control (Intel SDM vol. 3B, 18.2).
 * @return its value; 0 for a register that does not exist.
 */
PV_OP(COLD, CALL, 0, R1, uint64_t, cpu_debug_read, (uint32_t index), (index))

/**
 * @brief Writes a debug register of this CPU. The library uses none of them.
 * @param index  As for pv_cpu_debug_read().
 * @param value  The value.
 * @return PV_OK; PV_E_RANGE for a register that does not exist, or a value of 6 or 7 beyond 32
 *         bits, which would fault.
 */
PV_OP(COLD, CALL, 0, R2, int, cpu_debug_write, (uint32_t index, uint64_t value), (index, value))

/** @brief Reads control register 0. @return its value as the VMM shows it. */
PV_OP(COLD, CALL, 0, R0, uint64_t, cpu_cr0_read, (void), ())

/**
 * @brief Writes control register 0.
 * @param value  New value; what contradicts itself faults (Intel SDM vol. 3A, 2.5). A PV guest of
 *               Xen may change TS only, for which there is pv_cpu_fpu_trap(); the rest faults.
 */
PV_OP(COLD, CALL, 0, V1, void, cpu_cr0_write, (uint64_t value), (value))

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

/**
 * @brief Who polls a while for work when this CPU halts.
 * @param host_polls  true: the host, as from the start; false: nobody, or this kernel itself.
 * @return PV_OK, PV_E_UNSUPPORTED, or PV_E_MSR when the VMM refuses.
 */
PV_OP(COLD, CALL, 0, R1, int, cpu_halt_poll, (bool host_polls), (host_polls))

/**
 * @brief Whether the host may move this machine to another one while it runs.
 * @param allowed  true: it may.
 * @return PV_OK, PV_E_UNSUPPORTED where nobody asks, or PV_E_MSR when the VMM refuses.
 */
PV_OP(COLD, CALL, 0, R1, int, cpu_migration_allow, (bool allowed), (allowed))
