/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The paging part of the mmu domain: contents of page tables, which a VMM may own. Only Xen
 * PV needs these; with PV_CONFIG_PAGING_OPS 0 they are bare memory accesses. See pvops/table.h.
 */

/**
 * @brief Reads a page-table entry of any level.
 * @param entry  The entry.
 * @return what was written, with the accessed and dirty bits of the processor. A frame that is none
 *         of this machine's memory, and that the kernel did not write itself, comes with
 *         PV_PTE_MACHINE.
 *
 * Sees the writes of an open batch of this CPU.
 */
PV_OP(HOT, SAVE, 6, R1, struct pv_pte, pte_get, (const struct pv_pte *entry), (entry))

/**
 * @brief Writes a page-table entry of any level.
 * @param entry  The entry, in a table that is in use or will be.
 * @param value  The new value.
 *
 * Does not flush. Inside a batch the write may be delayed until the batch ends. The caller holds
 * whatever lock guards the table.
 */
PV_OP(HOT, KEEP, 6, V2, void, pte_set, (struct pv_pte * entry, struct pv_pte value), (entry, value))

/**
 * @brief Makes a page-table entry of any level not present (all zero).
 * @param entry  The entry.
 */
PV_OP(HOT, KEEP, 7, V1, void, pte_clear, (struct pv_pte * entry), (entry))

/**
 * @brief Changes a page-table entry that CPUs may be using, and keeps what they note in it.
 * @param entry  The entry, which is present.
 * @param value  The new value, present; its accessed and dirty bits are added to those of the
 * entry.
 *
 * Whoever reads an entry, clears these bits or not, and writes it, loses what a processor noted in
 * between. As pv_pte_set() in all else.
 */
PV_OP(COLD, CALL, 0, V2, void, pte_change, (struct pv_pte * entry, struct pv_pte value),
      (entry, value))

/**
 * @brief Opens a batch: entry writes may now wait until the batch ends.
 *
 * Use pv_mmu_batch_begin(), which keeps the depth. Preemption off until the end.
 */
PV_OP(HOT, SAVE, 6, V0, void, paging_batch_open, (void), ())

/** @brief Closes a batch: all writes of it are in force. Use pv_mmu_batch_end(). */
PV_OP(HOT, SAVE, 6, V0, void, paging_batch_close, (void), ())

/**
 * @brief Says that a page is about to be used as a page table.
 * @param frame  Its pseudo-physical frame number. The page is all zero.
 * @param level  1 (holds pages) to 4 (top).
 *
 * From now on its entries are written by pv_pte_set() and pv_pte_clear() only: a VMM that owns
 * page tables makes the page read-only at pv_platform::phys_to_virt(), which must be its one
 * writable mapping. A top-level table may take another page, from pv_platform::page_alloc.
 *
 * @return PV_OK; PV_E_FULL: there is no such page, and the page stays what it was; PV_E_HOST: the
 *         VMM refuses, and why is in the log. Then pv_platform::phys_to_virt() may not map the page
 *         and all is as before, or it is read-only: add it again when the reason is gone, or remove
 *         it. In a batch the VMM answers later, and only the log tells.
 */
PV_OP(HOT, SAVE, 6, R2, int, paging_table_add, (uint64_t frame, uint32_t level), (frame, level))

/**
 * @brief Says that a page is no longer a page table.
 * @param frame  Its pseudo-physical frame number. No entry names it any more, and if it is a
 *               top-level table, no CPU uses it.
 * @param level  As it was added.
 *
 * Afterwards, or when the batch ends that it was said in, the page is plain memory again, writable
 * where it was.
 */
PV_OP(HOT, SAVE, 6, V2, void, paging_table_remove, (uint64_t frame, uint32_t level), (frame, level))
