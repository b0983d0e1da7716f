/* SPDX-License-Identifier: MIT */
/*
 * Page tables that Xen owns: every write of an entry is a request (xen/include/public/xen.h,
 * HYPERVISOR_mmu_update), and Xen checks that no guest gets at memory that is not its own.
 *
 * Between the opening and the closing of a batch, writes wait in a queue and leave together, in
 * their order. Whatever must come after them sends them first: a flush, another address space, a
 * page that becomes a table.
 *
 * A table is written by the address that pv_platform::phys_to_virt gives. An entry anywhere else
 * lies in plain memory, and is written like that.
 */
#include "backends/xen/pv/hypercall.h"
#include "backends/xen/pv/offsets.h"
#include "backends/xen/pv/pv.h"

/* As many as a level-1 table has. */
#define QUEUE_ENTRIES 512u

/* Two requests that Xen serves in one hypercall: the kernel's root, and the user's. */
#define ROOTS 2

/*
 * Of the CPU that boots; others write at once. Interrupt handlers on that CPU write through it too,
 * so it changes with interrupts off.
 */
static struct pv_xen_mmu_update queue[QUEUE_ENTRIES];
static uint32_t queued;

/*
 * Domain builders let Xen carry out plain writes to tables, by emulation. That is slow, and such a
 * write is a mistake of the kernel's: it shall be seen. (Tables of level 1 stay writable like that to
 * the hardware domain: xen/arch/x86/traps.c, fixup_page_fault, takes such a fault for one of devices.)
 */
static void refuse_plain_writes(void)
{
    int64_t result =
        pv_xen_pv_call(PV_XEN_HC_VM_ASSIST, PV_VMASST_DISABLE, PV_VMASST_WRITABLE_PAGETABLES, 0, 0);

    if (result != 0)
        pv_log_number("Xen PV: plain writes to page tables stay possible, errno",
                      (uint64_t)-result);
}

void pv_xen_pv_mmu_begin(const struct pv_boot_xen_pv *boot)
{
    refuse_plain_writes();
    pv_this_cpu()->backend[0] = boot->tables;
}

/* Xen goes in order and stops at the first that it refuses. */
static void send(const struct pv_xen_mmu_update *updates, uint32_t count)
{
    while (count != 0) {
        uint32_t done = 0;
        int64_t result = pv_xen_mmu_update(updates, count, &done);
        if (result == 0)
            return;
        if (done >= count)
            done = count - 1;
        pv_xen_pv_report_entry(updates[done].where, updates[done].value, result);
        updates += done + 1;
        count -= done + 1;
    }
}

static bool may_queue(void)
{
    const struct pv_cpu *cpu = pv_this_cpu();

    return cpu->number == 0 && cpu->batch_depth != 0;
}

static void flush(void)
{
    uint32_t count = queued;

    queued = 0;
    send(queue, count);
}

void pv_xen_pv_flush(void)
{
    struct pv_irqflags flags = pv_irq_save();

    if (queued != 0 && pv_this_cpu()->number == 0)
        flush();
    pv_irq_restore(flags);
}

static void write_entry(uint64_t machine_address, uint64_t raw)
{
    struct pv_xen_mmu_update update = {machine_address, raw};

    if (!may_queue()) {
        send(&update, 1);
        return;
    }
    struct pv_irqflags flags = pv_irq_save();
    if (queued == QUEUE_ENTRIES)
        flush();
    queue[queued++] = update;
    pv_irq_restore(flags);
}

int64_t pv_xen_pv_write_entry(uint64_t machine_address, uint64_t raw)
{
    struct pv_xen_mmu_update update = {machine_address, raw};

    return pv_xen_mmu_update(&update, 1, NULL);
}

bool pv_xen_pv_remap(const volatile void *address, uint64_t pfn, bool writable)
{
    uint64_t bits = PTE_PRESENT | PTE_GLOBAL | PTE_AD | PTE_NX | (writable ? PTE_WRITE : 0);
    uint64_t raw;

    pv_xen_pv_flush();
    if (!pv_xen_pte_to_machine((struct pv_pte){pfn * PV_XEN_PAGE | bits}, &raw))
        return false;
    return pv_xen_update_va_mapping(address, raw) == 0;
}

/* The frame of the table that an entry lies in; PV_XEN_NO_FRAME: it lies in none. */
static uint64_t table_of(const struct pv_pte *entry)
{
    uint64_t phys = pv_xen_pv_phys(entry);

    if (phys / PV_XEN_PAGE >= pv_xen_pages() || pv_xen_pv_at(phys) != (const void *)entry)
        return PV_XEN_NO_FRAME;
    return phys / PV_XEN_PAGE;
}

static uint64_t entry_in(uint64_t table, const struct pv_pte *entry)
{
    return pv_xen_to_machine(table).frame * PV_XEN_PAGE + (uintptr_t)entry % PV_XEN_PAGE;
}

/* The lower half of a top-level table is the user's, and is kept twice. */
static bool is_user_slot(const struct pv_pte *entry)
{
    return (uintptr_t)entry % PV_XEN_PAGE < PV_XEN_PAGE / 2;
}

static void set_raw(struct pv_pte *entry, uint64_t raw)
{
    uint64_t table = table_of(entry);

    if (table == PV_XEN_NO_FRAME) {
        __atomic_store_n(&entry->raw, raw, __ATOMIC_RELAXED);
        return;
    }
    write_entry(entry_in(table, entry), raw);
    uint64_t user = is_user_slot(entry) ? pv_xen_pv_user_root(table) : 0;
    if (user != 0)
        write_entry(entry_in(user, entry), raw);
}

struct pv_pte pv_xen_pv_c_pte_get(const struct pv_pte *entry)
{
    return pv_xen_pte_from_machine(__atomic_load_n(&entry->raw, __ATOMIC_RELAXED));
}

void pv_xen_pv_c_pte_set(struct pv_pte *entry, struct pv_pte value)
{
    uint64_t raw;

    if (pv_xen_pte_to_machine(value, &raw))
        set_raw(entry, raw);
    else
        pv_log_number("Xen PV: an entry was to map a frame that this domain does not have:",
                      (value.raw & PTE_FRAME) / PV_XEN_PAGE);
}

void pv_xen_pv_c_pte_clear(struct pv_pte *entry)
{
    set_raw(entry, 0);
}

/* Called before the depth is counted down. */
void pv_xen_pv_c_paging_batch_close(void)
{
    if (pv_this_cpu()->batch_depth <= 1)
        pv_xen_pv_flush();
}

static void extended(uint32_t command, uint64_t argument)
{
    struct pv_xen_mmuext op = {command, argument, 0};

    pv_xen_pv_flush();
    int64_t result = pv_xen_mmuext_op(&op, 1);
    if (result != 0)
        pv_log_number("Xen PV: a flush of the TLB was refused, errno:", (uint64_t)-result);
}

void pv_xen_pv_c_tlb_invlpg(uint64_t address)
{
    extended(PV_MMUEXT_INVLPG_LOCAL, address);
}

void pv_xen_pv_c_tlb_flush(void)
{
    extended(PV_MMUEXT_TLB_FLUSH_LOCAL, 0);
}

/*
 * Both roots change together. The space of a kernel thread has no root for users; then none is in
 * force, so that the one of a process that has ended is not.
 */
void pv_xen_pv_c_cr3_write(uint64_t cr3)
{
    uint64_t phys = cr3 & PTE_FRAME;
    uint64_t user = pv_xen_pv_user_root(phys / PV_XEN_PAGE);
    struct pv_xen_mmuext ops[ROOTS] = {
        {PV_MMUEXT_NEW_BASEPTR, pv_xen_to_machine(phys / PV_XEN_PAGE).frame, 0},
        {PV_MMUEXT_NEW_USER_BASEPTR, user != 0 ? pv_xen_to_machine(user).frame : 0, 0},
    };
    struct pv_irqflags flags = pv_irq_save();

    pv_xen_pv_flush();
    int64_t result = pv_xen_mmuext_op(ops, ROOTS);
    if (result == 0)
        pv_this_cpu()->backend[0] = phys;
    pv_irq_restore(flags);
    if (result != 0)
        pv_xen_pv_report_table(phys / PV_XEN_PAGE, 4, result);
}
