/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The mmu domain: what every kernel needs of the translation hardware. Page-table contents
 * are apart, in ops/paging.h. See pvops/table.h for the columns.
 */

/**
 * @brief The address whose translation faulted last on this CPU.
 * @return CR2. Read it before anything else can fault.
 */
PV_OP(HOT, SAVE, 6, R0, uint64_t, cr2_read, (void), ())

/** @brief The root of the address space in force on this CPU. @return CR3, flag bits included. */
PV_OP(HOT, SAVE, 6, R0, uint64_t, cr3_read, (void), ())

/**
 * @brief Changes the address space of this CPU, and so drops its non-global translations.
 * @param cr3  Physical address of the top-level table, and the flag bits (Intel SDM vol. 3A, 4.5).
 *
 * Preemption off. The code, stack and per-CPU block in use must be mapped in both spaces.
 */
PV_OP(HOT, SAVE, 6, V1, void, cr3_write, (uint64_t cr3), (cr3))

/**
 * @brief Drops this CPU's translation of one page, global or not.
 * @param address  Any address in the page.
 */
PV_OP(HOT, SAVE, 6, V1, void, tlb_invlpg, (uint64_t address), (address))

/** @brief Drops this CPU's non-global translations of the address space in force. */
PV_OP(HOT, SAVE, 6, V0, void, tlb_flush, (void), ())

/** @brief Drops all of this CPU's translations, global ones too. Interrupts off. */
PV_OP(COLD, CALL, 0, V0, void, tlb_flush_all, (void), ())

/**
 * @brief Of the CPUs that are to drop their translations, takes out those that need not be asked:
 * they are not running, and the VMM flushes them before they do.
 * @param cpus  Whom to flush; who is left must be interrupted and call pv_tlb_flush().
 *
 * The page tables have been changed before. Global translations too are dropped.
 */
PV_OP(COLD, CALL, 0, V1, void, tlb_flush_defer, (struct pv_cpu_set * cpus), (cpus))
