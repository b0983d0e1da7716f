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
PV_OP(HOT, CALL, 17, V1, void, cpu_tls_set, (uint64_t base), (base))

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
 * @brief Says that pages are about to be a local descriptor table, for any CPU.
 * @param table    8-byte descriptors (Intel SDM vol. 3A, 3.4.5), at an address that all address
 *                 spaces map for the kernel. It begins a page, and what it does not need of its
 *                 last page is zero.
 * @param entries  How many, 1 to 8192.
 * @return PV_OK. PV_E_ARGUMENT: this VMM cannot take the table, and the log says why. PV_E_HOST:
 *         the pages cannot be made read-only. What is refused stays plain memory.
 *
 * From now on entries are written by pv_cpu_ldt_entry_set() only. Xen PV takes pages that nobody
 * can write to (xen/include/public/xen.h, MMUEXT_SET_LDT): they become read-only here and at
 * pv_platform::phys_to_virt, and the kernel has no other writable mapping of them. It also wants
 * each entry to be not present, or a data segment of privilege level 3: all code is of ring 3
 * there, so users could go to a segment of code by themselves, and the kernel would take the frame
 * of their next trap for one of the processor's (pvops/entry.h).
 */
PV_OP(COLD, CALL, 0, R2, int, cpu_ldt_add, (uint64_t * table, uint32_t entries), (table, entries))

/**
 * @brief Says that pages are no local descriptor table any more: plain memory, and writable.
 * @param table    As it was added. No CPU has it loaded.
 * @param entries  As it was added.
 * @return PV_OK; PV_E_HOST when the VMM still needs it, which it says in the log.
 */
PV_OP(COLD, CALL, 0, R2, int, cpu_ldt_remove, (uint64_t * table, uint32_t entries),
      (table, entries))

/**
 * @brief Loads this CPU's local descriptor table, in which selectors with bit 2 set are looked up.
 * @param selector  Of two entries, one behind the other, of the GDT that is loaded, which are this
 *                  table's own: its descriptor is written there (Intel SDM vol. 3A, 3.5 and 8.2.3),
 *                  unless the VMM keeps it elsewhere (Xen PV).
 * @param table     As given to pv_cpu_ldt_add().
 * @param entries   The same. 0: from now on there is no table, and its selectors fault (#GP);
 *                  `table` is not looked at.
 * @return PV_OK. PV_E_RANGE: more than 8192 entries, or a selector that is not of two whole entries
 *         of the GDT. PV_E_HOST: the VMM refuses; inside a batch it is told by the log only.
 *
 * It stays when the address space changes: a kernel whose processes have tables of their own loads
 * one, or none, at each change of processes, in the same batch (pv_mmu_batch_begin()). What a
 * segment register holds of a table that went may stay, or become empty when the VMM loads it anew.
 *
 * A processor starts with a table of 64 KiB at address 0 (Intel SDM vol. 3A, table 9-1), which is
 * the users'. So a kernel loads one of 0 entries on each CPU before there are any.
 */
PV_OP(COLD, CALL, 0, R3, int, cpu_ldt_load,
      (uint16_t selector, const uint64_t *table, uint32_t entries), (selector, table, entries))

/**
 * @brief Writes one descriptor of a local descriptor table, whether it is loaded or not.
 * @param table       As given to pv_cpu_ldt_add().
 * @param index       Which of its entries; not checked.
 * @param descriptor  The value (Intel SDM vol. 3A, 3.4.5). On Xen PV a data segment becomes one of
 *                    privilege level 3, and anything else is written as 0.
 * @return PV_OK; PV_E_HOST for a descriptor that the VMM refuses.
 */
PV_OP(COLD, CALL, 0, R3, int, cpu_ldt_entry_set,
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
