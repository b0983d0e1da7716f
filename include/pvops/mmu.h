/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The mmu domain: address spaces, translations, and page-table contents.
 */
#ifndef PVOPS_MMU_H
#define PVOPS_MMU_H

#include "pvops/site.h"
#include "pvops/percpu.h"
#include "pvops/status.h"

PV_BEGIN_DECLS

#define PV_OP PV_WRAP
#include "pvops/ops/mmu.h"
#undef PV_OP

#if PV_CONFIG_PAGING_OPS

#define PV_OP PV_WRAP
#include "pvops/ops/paging.h"
#undef PV_OP

/**
 * @brief Opens a batch: what is asked of a VMM that owns page tables may wait until the outermost
 * batch ends, and then leaves as one request.
 *
 * That is: page-table entries and flushes, table pages, pv_cr3_write(), pv_cpu_kernel_stack_set(),
 * pv_cpu_tls_set(), pv_cpu_fpu_trap(). What is written is read back at once, by pv_pte_get() and
 * pv_cr3_read(), but nothing may be used before the end: no page that is mapped or unmapped, no
 * stack, no space. Interrupt handlers are no part of the batch that they interrupt; what they ask
 * for is done at once. Preemption off until pv_mmu_batch_end().
 */
PV_INLINE void pv_mmu_batch_begin(void)
{
    pv_cpu_count_batch(1);
    pv_paging_batch_open();
}

/** @brief Ends a batch: all of its writes are in force on return. */
PV_INLINE void pv_mmu_batch_end(void)
{
    pv_cpu_count_batch(-1);
    pv_paging_batch_close();
}

#else /* no backend needs to hear of it: the bare access */

/** @cond */
PV_INLINE struct pv_pte pv_pte_get(const struct pv_pte *entry)
{
    struct pv_pte value = {__atomic_load_n(&entry->raw, __ATOMIC_RELAXED)};

    return value;
}
PV_INLINE void pv_pte_set(struct pv_pte *entry, struct pv_pte value)
{
    __atomic_store_n(&entry->raw, value.raw, __ATOMIC_RELAXED);
}
PV_INLINE void pv_pte_clear(struct pv_pte *entry)
{
    __atomic_store_n(&entry->raw, 0, __ATOMIC_RELAXED);
}
PV_INLINE void pv_pte_change(struct pv_pte *entry, struct pv_pte value)
{
    pv_ops.pte_change(entry, value);
}
PV_INLINE int pv_paging_table_add(uint64_t frame, uint32_t level)
{
    (void)frame;
    (void)level;
    return PV_OK;
}
PV_INLINE void pv_paging_table_remove(uint64_t frame, uint32_t level)
{
    (void)frame;
    (void)level;
}
PV_INLINE void pv_mmu_batch_begin(void)
{
}
PV_INLINE void pv_mmu_batch_end(void)
{
}
/** @endcond */

#endif

/**
 * @brief Writes a page-table entry of the lowest level for a page of another machine on the same
 * host, where this one may have such (the control domain of Xen).
 * @param entry   The entry, in a table of a space; nothing of its batch waits any longer.
 * @param value   Present, and its frame the host's: PV_PTE_MACHINE.
 * @param domain  Whose page it is, as the VMM numbers machines.
 * @param error   Filled on failure; may be NULL.
 * @return PV_OK: in force; PV_E_UNSUPPORTED where the VMM owns no page tables; PV_E_ARGUMENT;
 *         PV_E_HOST if the VMM refuses.
 *
 * Any context that may write the entry; such an entry is cleared like any other. A page of the
 * host's devices or firmware belongs to nobody: that is written by pv_pte_set(), with
 * PV_PTE_MACHINE. ABI: xen/include/public/xen.h, HYPERVISOR_mmu_update, domid.
 */
int pv_pte_set_foreign(struct pv_pte *entry, struct pv_pte value, uint16_t domain,
                       struct pv_error *error);

PV_END_DECLS

#endif
