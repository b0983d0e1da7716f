/* SPDX-License-Identifier: MIT */
/*
 * Process-context identifiers, which this kernel does not use itself: what is said to be dropped is
 * dropped, under the identifier in force and under others. Intel SDM vol. 3A, 4.10.
 *
 * One page of the kernel's space is read under an identifier, mapped elsewhere behind the
 * processor's back, and read again after what is to be looked at. A processor may forget a
 * translation at any time, so nothing is said about what is kept.
 */
#include "../smp.h"
#include "selftest.h"
#include "../cpu.h"
#include "../memory.h"
#include "../timer.h"

#define LEAF_FEATURES 1u
#define ECX           2
#define ECX_PCID      (1u << 17)
#define CR4_PCIDE     (1ull << 17)
#define CR3_KEEP      (1ull << 63) /* drop nothing */
#define CR3_ID        0xfffull
#define FIRST_ID      1u
#define SECOND_ID     0xfffu
#define FIRST_VALUE   1u
#define SECOND_VALUE  2u
#define PATIENCE_NS   (10 * NS_PER_S)
#define RIGHTS_LOCAL  (MAP_KERNEL_DATA & ~PTE_GLOBAL)
#define AT            ((const volatile uint64_t *)SCRATCH_BASE)

static bool skip_without_pcid(struct check *check)
{
    uint32_t regs[4];
    pv_cpu_cpuid(LEAF_FEATURES, 0, regs);
    bool without = !privileged() || (regs[ECX] & ECX_PCID) == 0;
    if (without)
        skip(check, "the processor has no process-context identifiers");
    return without;
}

/* Both identifiers are those of the kernel's space; CR4.PCIDE can be set only under 0. */
static void identifiers_on(void)
{
    pv_cr3_write(kernel_space);
    pv_cpu_cr4_write(pv_cpu_cr4_read() | CR4_PCIDE);
}

static void identifiers_off(void)
{
    pv_cr3_write(kernel_space);
    pv_cpu_cr4_write(pv_cpu_cr4_read() & ~CR4_PCIDE);
    pv_tlb_flush_all();
}

struct pair {
    uint64_t first;
    uint64_t second;
    uint64_t rights;
};

static bool pair_make(struct check *check, struct pair *pages, uint64_t rights)
{
    *pages = (struct pair){page_alloc(), page_alloc(), rights};
    if (!EXPECT(check, pages->first != 0 && pages->second != 0, "no memory"))
        return false;
    *(uint64_t *)direct(pages->first) = FIRST_VALUE;
    *(uint64_t *)direct(pages->second) = SECOND_VALUE;
    return paging_map(kernel_space, SCRATCH_BASE, pages->first, rights);
}

static void pair_free(const struct pair *pages)
{
    paging_unmap(kernel_space, SCRATCH_BASE);
    page_free(pages->first);
    page_free(pages->second);
}

static void change_entry(const struct pair *pages)
{
    pv_pte_set(paging_entry(kernel_space, SCRATCH_BASE, false),
               (struct pv_pte){pages->second | pages->rights});
}

/* Reads under the first identifier; the entry changes under the second if the first is to be out of
 * force then; drops; reads under the first again. */
static void changed_under(struct check *check, uint64_t rights, bool elsewhere, void (*drop)(void))
{
    struct pair pages;
    if (skip_without_pcid(check) || !pair_make(check, &pages, rights))
        return;
    struct pv_irqflags flags = pv_irq_save();
    identifiers_on();
    pv_cr3_write(kernel_space | FIRST_ID);
    uint64_t before = *AT;
    if (elsewhere)
        pv_cr3_write(kernel_space | SECOND_ID | CR3_KEEP);
    change_entry(&pages);
    drop();
    if (elsewhere)
        pv_cr3_write(kernel_space | FIRST_ID | CR3_KEEP);
    uint64_t after = *AT;
    uint64_t cr3 = pv_cr3_read();
    identifiers_off();
    pv_irq_restore(flags);
    pair_free(&pages);
    EXPECT(check, before == FIRST_VALUE && after == SECOND_VALUE, "read %lu and then %lu", before,
           after);
    EXPECT(check, cr3 == (kernel_space | FIRST_ID), "CR3 is %lx", cr3);
}

static void go_back_and_drop(void)
{
    pv_cr3_write(kernel_space | FIRST_ID);
}

static void drop_page(void)
{
    pv_tlb_invlpg(SCRATCH_BASE);
}

static void drop_local(void)
{
    pv_tlb_flush();
}

static void drop_all(void)
{
    pv_tlb_flush_all();
}

static void writing_drops(struct check *check)
{
    changed_under(check, RIGHTS_LOCAL, true, go_back_and_drop);
}

static void flush_drops(struct check *check)
{
    changed_under(check, RIGHTS_LOCAL, false, drop_local);
}

static void invlpg_drops(struct check *check)
{
    changed_under(check, RIGHTS_LOCAL, false, drop_page);
}

static void invlpg_drops_global_elsewhere(struct check *check)
{
    changed_under(check, MAP_KERNEL_DATA, true, drop_page);
}

static void flush_all_drops_elsewhere(struct check *check)
{
    changed_under(check, RIGHTS_LOCAL, true, drop_all);
}

static void flush_all_drops_global_elsewhere(struct check *check)
{
    changed_under(check, MAP_KERNEL_DATA, true, drop_all);
}

/* ---- another CPU ----------------------------------------------------------------------------- */

static struct {
    volatile bool has_read;
    volatile bool dropped;
    uint64_t before;
    uint64_t after;
    bool elsewhere;
} other;

/* Interrupts on while it waits, since it is asked by one. */
static void read_twice(void *argument)
{
    struct limit limit = limit_in(PATIENCE_NS);
    (void)argument;
    preempt_off();
    identifiers_on();
    pv_cr3_write(kernel_space | FIRST_ID);
    other.before = *AT;
    if (other.elsewhere)
        pv_cr3_write(kernel_space | SECOND_ID | CR3_KEEP);
    other.has_read = true;
    while (!other.dropped && !limit_passed(&limit))
        pv_cpu_relax();
    if (other.elsewhere)
        pv_cr3_write(kernel_space | FIRST_ID | CR3_KEEP);
    other.after = *AT;
    identifiers_off();
    preempt_on();
}

static void asked_to_drop(struct check *check, bool elsewhere, uint64_t end)
{
    struct pair pages;
    struct pv_cpu_set cpus = {{0}};
    if (skip_without_pcid(check))
        return;
    if (smp_count() == 1 || !smp_is_up(1)) {
        skip(check, "one CPU runs here, of %u that are listed", smp_listed());
        return;
    }
    if (!pair_make(check, &pages, RIGHTS_LOCAL))
        return;
    pv_cpu_set_add(&cpus, 1);
    other.has_read = other.dropped = false;
    other.elsewhere = elsewhere;
    smp_give(1, read_twice, NULL);
    EXPECT(check, wait_for(&other.has_read, PATIENCE_NS), "the other CPU does not read");
    preempt_off();
    change_entry(&pages);
    int status = pv_tlb_flush_others(&cpus, SCRATCH_BASE, end);
    preempt_on();
    other.dropped = true;
    EXPECT(check, smp_done(1, PATIENCE_NS), "the other CPU does not come to an end");
    pair_free(&pages);
    EXPECT(check, status == PV_OK, "status %d", status);
    EXPECT(check, other.before == FIRST_VALUE && other.after == SECOND_VALUE,
           "the other CPU read %lu and then %lu", other.before, other.after);
}

static void others_drop_a_page(struct check *check)
{
    asked_to_drop(check, false, SCRATCH_BASE + PAGE_BYTES);
}

static void others_drop_all(struct check *check)
{
    asked_to_drop(check, true, UINT64_MAX);
}

static const struct test pcid_tests[] = {
    {"pv_cr3_write() drops what belongs to the identifier that it puts in force", writing_drops},
    {"pv_tlb_flush() drops what belongs to the identifier in force, which stays", flush_drops},
    {"pv_tlb_invlpg() drops a page of the identifier in force", invlpg_drops},
    {"pv_tlb_invlpg() drops a global page that was read under another identifier",
     invlpg_drops_global_elsewhere},
    {"pv_tlb_flush_all() drops what belongs to other identifiers", flush_all_drops_elsewhere},
    {"pv_tlb_flush_all() drops global pages that were read under others",
     flush_all_drops_global_elsewhere},
    {"another CPU drops a page of the identifier that it has in force", others_drop_a_page},
    {"another CPU drops what belongs to all its identifiers", others_drop_all},
};

const struct test_group pcid_group = TEST_GROUP(pcid);
