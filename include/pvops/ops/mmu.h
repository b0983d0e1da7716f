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
 * @brief Drops translations on other CPUs, and waits until they have.
 * @param cpus   Which; the CPU that calls is left out, and does its own part by itself.
 * @param start  Any address in the first page.
 * @param end    Any address behind the last page's begin; UINT64_MAX: all translations, global ones
 *               too.
 * @return PV_OK; PV_E_UNSUPPORTED without a way to reach other CPUs; PV_E_TIMEOUT: one of them has
 *         not answered within a second or so, and what was unmapped must not be used otherwise yet.
 *
 * Interrupts on or off: two CPUs that wait for each other serve each other. From interrupt handlers
 * too, whatever they interrupt. Preemption off. Not from NMI. CPUs that are not up are passed over.
 * Where the kernel uses process-context identifiers, translations of address spaces that are not in
 * force there may be left, unless all are dropped.
 */
PV_OP(COLD, CALL, 0, R3, int, tlb_flush_others,
      (const struct pv_cpu_set *cpus, uint64_t start, uint64_t end), (cpus, start, end))
