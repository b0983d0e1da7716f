/* SPDX-License-Identifier: MIT */
/*
 * The parts of the backend for PV guests to each other.
 */
#ifndef PVOPS_XEN_PV_PV_H
#define PVOPS_XEN_PV_PV_H

#include "backends/xen/xen.h"
#include "lib/patch.h"

#define PV_XEN_PAGE 4096u

/* Bits of a page-table entry (Intel SDM vol. 3A, 4.5.5). */
#define PTE_PRESENT 0x001ull
#define PTE_WRITE   0x002ull
#define PTE_USER    0x004ull
#define PTE_PWT     0x008ull
#define PTE_PCD     0x010ull
#define PTE_AD      0x060ull
#define PTE_PAT     0x080ull
#define PTE_GLOBAL  0x100ull
#define PTE_NX      (1ull << 63)
#define PTE_FRAME   0x000ffffffffff000ull

/* A frame that is none. */
#define PV_XEN_NO_FRAME UINT64_MAX

/* clock.c: what there is below Xen's clock; it goes from 0 on, at the rate of Xen's record by then,
 * or else as Xen's leaf tells. On the CPU that boots. */
void pv_xen_pv_clock_begin(void);
uint64_t pv_xen_pv_base_clock_ns(void);

/* ---- p2m.c: pseudo-physical and machine frames, the one place where they meet ------------------
 */

/* A frame of the real machine, which no arithmetic mixes up with the guest's own. */
struct pv_xen_mfn {
    uint64_t frame; /* PV_XEN_NO_FRAME: none */
};

/* Takes the list of frames that the door found, and Xen's table for the other direction. */
int pv_xen_p2m_begin(const struct pv_boot_xen_pv *boot, struct pv_error *error);

struct pv_xen_mfn pv_xen_to_machine(uint64_t pfn);

/* PV_XEN_NO_FRAME: not this guest's, or the two tables do not agree. */
uint64_t pv_xen_from_machine(struct pv_xen_mfn mfn);

/* Makes a machine frame that is not this guest's appear as one of its pages from now on. */
void pv_xen_p2m_replace(uint64_t pfn, struct pv_xen_mfn mfn);

/* A frame's machine frame from now on; PV_XEN_NO_FRAME: it has no memory. */
void pv_xen_p2m_set(uint64_t pfn, struct pv_xen_mfn mfn);

/* Makes an entry for a frame, which may be beyond those that the guest began with: up to a gibibyte
 * more. false: no page is lent for it, or it is too far. One caller at a time. */
bool pv_xen_p2m_reach(uint64_t pfn);

/*
 * Counts whenever a page may be another table than before: a page has another frame, or a page has
 * become a top-level table with one for users beside it. Who remembers of a table where it is, and
 * that there is one of it, reads this before it finds out.
 */
extern uint64_t pv_xen_table_changes PV_HIDDEN;
void pv_xen_tables_change(void);

/* Whether a page is the guest's own memory, and not one of Xen's. */
bool pv_xen_is_memory(uint64_t pfn);

/* Pages of the guest. */
uint64_t pv_xen_pages(void);

/* ---- pte.c: what an entry is to the kernel, and to Xen ----------------------------------------
 */

/* Learns Xen's memory types. */
void pv_xen_pte_begin(void);

/*
 * For ops.S: the kinds of entries for pages of this guest that most are. Of the bits that are
 * compared, a kind has these and no other; then what is to be added makes Xen's of them. The others
 * stay as they are.
 */
struct pv_xen_pte_kind {
    uint64_t bits;
    uint64_t add;
};

/* By whether users may (2) and whether it is global (1). */
extern struct pv_xen_pte_kind pv_xen_pte_kinds[4] PV_HIDDEN;
extern uint64_t pv_xen_pte_compared PV_HIDDEN; /* the frame is part of it */

/* False: the frame is not this guest's. */
bool pv_xen_pte_to_machine(struct pv_pte value, uint64_t *raw);
struct pv_pte pv_xen_pte_from_machine(uint64_t raw);

/* ---- mmu.c ------------------------------------------------------------------------------------
 */

void pv_xen_pv_mmu_begin(const struct pv_boot_xen_pv *boot);

/* The page at an address, and whether it may be written; now. */
bool pv_xen_pv_remap(const volatile void *address, uint64_t pfn, bool writable);

/* The same, waiting with others; false: the address is not mapped. */
struct pv_xen_queue;
bool pv_xen_pv_queue_remap(struct pv_xen_queue *queue, const volatile void *address, uint64_t pfn,
                           bool writable);

/* The same for no page. */
bool pv_xen_pv_queue_unmap(struct pv_xen_queue *queue, const volatile void *address);

/* Whether an entry of level 1 in force, present or not, is there for an address; and its page. */
bool pv_xen_pv_has_entry(const volatile void *address);
bool pv_xen_pv_is_mapped(const volatile void *address);

/* In a batch: a page is a table below the top now, and entries of it are likely to follow. */
void pv_xen_pv_table_begins(uint64_t table);

int pv_xen_pv_pte_set_foreign(struct pv_pte *entry, struct pv_pte value, uint16_t domain,
                              struct pv_error *error);

/* ops.S has the way into these. */
void pv_xen_pv_c_cr3_write(uint64_t cr3);
void pv_xen_pv_c_tlb_invlpg(uint64_t address);
void pv_xen_pv_c_tlb_flush(void);
struct pv_pte pv_xen_pv_c_pte_get(const struct pv_pte *entry);
void pv_xen_pv_c_pte_set(struct pv_pte *entry, struct pv_pte value);
void pv_xen_pv_c_pte_clear(struct pv_pte *entry);
void pv_xen_pv_c_cpu_kernel_stack_set(uint64_t top);
void pv_xen_pv_pte_change(struct pv_pte *entry, struct pv_pte value);
void pv_xen_pv_cpu_tls_set(uint64_t base);
void pv_xen_pv_cpu_fpu_trap(bool trap);

/* ask.c: hypercalls made by this part of the backend. */
void pv_xen_pv_host_calls(struct pv_host_calls *counts);

/* ---- table.c: pages that are page tables, and the second root of each address space
 * -------------- */

int pv_xen_pv_c_paging_table_add(uint64_t frame, uint32_t level);
void pv_xen_pv_c_paging_table_remove(uint64_t frame, uint32_t level);

/* The frame of the user's top-level table that belongs to a kernel's one; 0: there is none. */
uint64_t pv_xen_pv_user_root(uint64_t frame);

/* ---- report.c: what to say when Xen refuses -----------------------------------------------------
 */

/* Xen refused to write `raw` into the entry at `machine_address`. */
void pv_xen_pv_report_entry(uint64_t machine_address, uint64_t raw, int64_t result);

/* Xen refused to take a page as a table of a level. */
void pv_xen_pv_report_table(uint64_t pfn, uint32_t level, int64_t result);

/* A page fault in the kernel: says so if it wrote to a page table. Holds call sites, so it stays a
 * function of its own, apart from what breakpoints and NMIs pass by (tests/build/test_nosite.py).
 */
__attribute__((noinline)) void pv_xen_pv_report_fault(const struct pv_regs *regs);

/* ---- trap.c, descriptor.c -----------------------------------------------------------------------
 */

void pv_xen_pv_cpu_idt_load(const void *table, uint32_t bytes);
int pv_xen_pv_cpu_syscall_set(const struct pv_syscall_entry *entry);
void pv_xen_pv_cpu_user_selectors(uint16_t *cs, uint16_t *ss);
void pv_xen_pv_cpu_gdt_load(const void *table, uint32_t bytes);
int pv_xen_pv_cpu_gdt_entry_set(uint64_t *table, uint32_t index, uint64_t descriptor);
int pv_xen_pv_cpu_ldt_add(uint64_t *table, uint32_t entries);
int pv_xen_pv_cpu_ldt_remove(uint64_t *table, uint32_t entries);
int pv_xen_pv_cpu_ldt_load(uint16_t selector, const uint64_t *table, uint32_t entries);
int pv_xen_pv_cpu_ldt_entry_set(uint64_t *table, uint32_t index, uint64_t descriptor);
void pv_xen_pv_cpu_task_load(uint16_t selector);
bool pv_xen_pv_trap(unsigned vector, struct pv_regs *regs);

/* ---- smp.c ------------------------------------------------------------------------------------
 */

/* A CPU's vcpu_info into its block, within reach of %gs: what the inline sequences write to. */
int pv_xen_register_vcpu_info(struct pv_cpu *cpu, uint32_t vcpu, struct pv_error *error);

uint32_t pv_xen_pv_smp_list(uint32_t *hardware_ids, uint32_t room);
int pv_xen_pv_smp_start(const struct pv_smp_start *start, struct pv_error *error);
void pv_xen_pv_smp_park(uint32_t *parked);
int pv_xen_pv_smp_nmi(uint32_t cpu);
int pv_xen_pv_tlb_flush_others(const struct pv_cpu_set *cpus, uint64_t start, uint64_t end);

/* ---- the platform, where it may be missing
 * -------------------------------------------------------- */

static inline void *pv_xen_pv_at(uint64_t phys)
{
    return pv_platform->phys_to_virt(phys);
}

static inline uint64_t pv_xen_pv_phys(const volatile void *address)
{
    return pv_platform->virt_to_phys != NULL ? pv_platform->virt_to_phys(address)
                                             : (uintptr_t)address;
}

#endif
