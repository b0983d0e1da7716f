/* SPDX-License-Identifier: MIT */
/*
 * Page tables that Xen owns: every write of an entry is a request (xen/include/public/xen.h,
 * HYPERVISOR_mmu_update), and Xen checks that no guest gets at memory that is not its own.
 *
 * Between the opening and the closing of a batch, requests wait (queue.h): entries, flushes, other
 * address spaces, kernel stacks. An entry is read as it was written all the same: where
 * something waits for its table, the batch is searched for it.
 *
 * A table is written by the address that pv_platform::phys_to_virt gives. An entry anywhere else
 * lies in plain memory, and is written like that.
 */
#include "backends/xen/abi/vm_assist.h"
#include "backends/xen/pv/hypercall.h"
#include "backends/xen/pv/pv.h"
#include "backends/xen/pv/queue.h"
#include "lib/backend.h"

static void assist(uint32_t command, uint32_t type, const char *refused)
{
    int64_t result = pv_xen_pv_call(PV_XEN_HC_VM_ASSIST, command, type, 0, 0);

    if (result != 0)
        pv_log_number(refused, (uint64_t)-result);
}

/*
 * Domain builders let Xen carry out plain writes to tables, by emulation. That is slow, and such a
 * write is a mistake of the kernel's: it shall be seen. (Tables of level 1 stay writable like that
 * to the hardware domain: xen/arch/x86/traps.c, fixup_page_fault, takes such a fault for one of
 * devices.) And users have no business in the table of all the machine's frames.
 */
void pv_xen_pv_mmu_begin(const struct pv_boot_xen_pv *boot)
{
    assist(PV_VMASST_DISABLE, PV_VMASST_WRITABLE_PAGETABLES,
           "Xen PV: plain writes to page tables stay possible, errno");
    assist(PV_VMASST_ENABLE, PV_VMASST_M2P_STRICT,
           "Xen PV: users can read the machine's table of frames, errno");
    pv_this_cpu()->backend[PV_XEN_WORD_CR3] = boot->tables;
    pv_xen_queue_cpu_start();
}

static uint64_t bits_of_page(uint64_t pfn, bool writable)
{
    return pfn * PV_XEN_PAGE | PTE_PRESENT | PTE_GLOBAL | PTE_AD | PTE_NX |
           (writable ? PTE_WRITE : 0);
}

bool pv_xen_pv_remap(const volatile void *address, uint64_t pfn, bool writable)
{
    uint64_t raw;

    pv_xen_pv_flush();
    if (!pv_xen_pte_to_machine((struct pv_pte){bits_of_page(pfn, writable)}, &raw))
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

static uint64_t offset_of(const struct pv_pte *entry)
{
    return (uintptr_t)entry % PV_XEN_PAGE;
}

static uint64_t machine_of(uint64_t table)
{
    return pv_xen_to_machine(table).frame * PV_XEN_PAGE;
}

/* The lower half of a top-level table is the user's. */
static bool is_user_slot(const struct pv_pte *entry)
{
    return offset_of(entry) < PV_XEN_PAGE / 2;
}

static uint64_t bit_of(uint64_t table)
{
    return 1ull << table % 64;
}

static uint64_t changes_so_far(void)
{
    return __atomic_load_n(&pv_xen_table_changes, __ATOMIC_ACQUIRE);
}

/* For ops.S; while a batch is open, which nothing else on this CPU is part of. */
static void remember(uintptr_t address, uint64_t table, uint64_t machine, uint64_t changes)
{
    struct pv_xen_recent *recent =
        (struct pv_xen_recent *)(uintptr_t)pv_this_cpu()->backend[PV_XEN_WORD_RECENT];

    recent[address / PV_XEN_PAGE % PV_XEN_RECENT_TABLES] =
        (struct pv_xen_recent){address, machine, bit_of(table), changes};
}

void pv_xen_pv_table_begins(uint64_t table)
{
    uint64_t changes = changes_so_far();

    remember((uintptr_t)pv_xen_pv_at(table * PV_XEN_PAGE), table, machine_of(table), changes);
}

/* What follows in this table may be appended without coming here, but for a top-level one, which
 * may be two. */
static void remember_table(const struct pv_pte *entry, uint64_t table, uint64_t machine,
                           uint64_t user, uint64_t changes)
{
    uint64_t *words = pv_this_cpu()->backend;

    words[PV_XEN_WORD_WRITTEN] |= bit_of(table);
    if (user != 0)
        return;
    words[PV_XEN_WORD_MACHINE] = machine;
    words[PV_XEN_WORD_TABLE] = (uintptr_t)entry - offset_of(entry);
    remember(words[PV_XEN_WORD_TABLE], table, machine, changes);
}

/* The user's half of a top-level table is kept twice. `how`: PV_MMU_*. */
static inline __attribute__((always_inline)) void queue_update(struct pv_xen_queue *queue,
                                                               const struct pv_pte *entry,
                                                               uint64_t machine, uint64_t user,
                                                               uint64_t raw, uint64_t how)
{
    pv_xen_queue_update(queue, (machine + offset_of(entry)) | how, raw);
    if (user != 0 && is_user_slot(entry))
        pv_xen_queue_update(queue, (machine_of(user) + offset_of(entry)) | how, raw);
}

static __attribute__((noinline)) void write_in_batch(const struct pv_pte *entry, uint64_t table,
                                                     uint64_t user, uint64_t raw, uint64_t how,
                                                     uint64_t changes)
{
    uint64_t machine = machine_of(table);

    queue_update(pv_xen_queue_batch(), entry, machine, user, raw, how);
    remember_table(entry, table, machine, user, changes);
}

static __attribute__((noinline)) void write_twice(const struct pv_pte *entry, uint64_t table,
                                                  uint64_t user, uint64_t raw, uint64_t how)
{
    struct pv_xen_queue own, *queue = pv_xen_queue_get(&own);

    queue_update(queue, entry, machine_of(table), user, raw, how);
    pv_xen_queue_put(queue);
}

static inline __attribute__((always_inline)) void
write_raw(const struct pv_pte *entry, uint64_t table, uint64_t raw, uint64_t how)
{
    uint64_t changes = changes_so_far();
    uint64_t user = pv_xen_pv_user_root(table);

    if (pv_xen_queue_is_open())
        write_in_batch(entry, table, user, raw, how, changes);
    else if (user != 0 && is_user_slot(entry))
        write_twice(entry, table, user, raw, how);
    else
        pv_xen_update_now((machine_of(table) + offset_of(entry)) | how, raw);
}

/* Another entry of the table that was written last in a batch: all is known of it. */
static bool append_raw(const struct pv_pte *entry, uint64_t raw)
{
    const uint64_t *words = pv_this_cpu()->backend;

    if (!pv_xen_queue_is_open())
        return false;
    uint64_t offset = (uintptr_t)entry - words[PV_XEN_WORD_TABLE];
    if (offset >= PV_XEN_PAGE)
        return false;
    pv_xen_queue_update(pv_xen_queue_batch(), words[PV_XEN_WORD_MACHINE] + offset, raw);
    return true;
}

static void set_raw(struct pv_pte *entry, uint64_t raw)
{
    if (append_raw(entry, raw))
        return;
    uint64_t table = table_of(entry);
    if (table == PV_XEN_NO_FRAME)
        __atomic_store_n(&entry->raw, raw, __ATOMIC_RELAXED);
    else
        write_raw(entry, table, raw, PV_MMU_NORMAL);
}

struct pv_pte pv_xen_pv_c_pte_get(const struct pv_pte *entry)
{
    uint64_t written = pv_this_cpu()->backend[PV_XEN_WORD_WRITTEN];

    uint64_t raw = __atomic_load_n(&entry->raw, __ATOMIC_RELAXED);

    if (written != 0 && pv_this_cpu()->backend[PV_XEN_WORD_END] != 0 &&
        (written & bit_of(pv_xen_pv_phys(entry) / PV_XEN_PAGE)) != 0) {
        uint64_t table = table_of(entry);
        if (table != PV_XEN_NO_FRAME)
            pv_xen_queue_find(machine_of(table) + offset_of(entry), &raw);
    }
    return pv_xen_pte_from_machine(raw);
}

static inline __attribute__((always_inline)) bool to_machine(struct pv_pte value, uint64_t *raw)
{
    bool has = pv_xen_pte_to_machine(value, raw);

    if (!has)
        pv_log_number("Xen PV: an entry was to map a frame that this domain does not have:",
                      (value.raw & PTE_FRAME) / PV_XEN_PAGE);
    return has;
}

void pv_xen_pv_c_pte_set(struct pv_pte *entry, struct pv_pte value)
{
    uint64_t raw;

    if (to_machine(value, &raw))
        set_raw(entry, raw);
}

/* What is in no table is plain memory, and the base's business with it is the same. */
void pv_xen_pv_pte_change(struct pv_pte *entry, struct pv_pte value)
{
    uint64_t table = table_of(entry);
    uint64_t raw;

    if (!to_machine(value, &raw))
        return;
    if (table == PV_XEN_NO_FRAME)
        pv_backend_native.ops->pte_change(entry, (struct pv_pte){raw});
    else
        write_raw(entry, table, raw, PV_MMU_PRESERVE_AD);
}

/* The frame is another domain's, so what waits is sent first: Xen takes one domain for a call. */
int pv_xen_pv_pte_set_foreign(struct pv_pte *entry, struct pv_pte value, uint16_t domain,
                              struct pv_error *error)
{
    uint64_t needed = PTE_PRESENT | PV_PTE_MACHINE, raw;
    uint64_t table = table_of(entry);
    uint32_t done = 0;

    if (table == PV_XEN_NO_FRAME || (value.raw & needed) != needed ||
        !pv_xen_pte_to_machine(value, &raw))
        return pv_fail(error, PV_E_ARGUMENT,
                       "no entry of a page table for a page of another domain", value.raw, -1);
    pv_xen_pv_flush();
    struct pv_xen_mmu_update update = {machine_of(table) + offset_of(entry), raw};
    int64_t result = pv_xen_pv_call(PV_XEN_HC_MMU_UPDATE, pv_xen_pv_pointer(&update), 1,
                                    pv_xen_pv_pointer(&done), domain);
    if (result == 0)
        return PV_OK;
    pv_log_number("Xen PV: a page of another domain is refused, errno", (uint64_t)-result);
    return pv_fail(error, PV_E_HOST,
                   "Xen does not let a page of another domain be mapped; its frame",
                   (value.raw & PTE_FRAME) / PV_XEN_PAGE, -1);
}

/* The entry of level 1 for an address of the kernel; NULL: there is none. */
static const struct pv_pte *entry_of(const volatile void *address)
{
    uint64_t table = pv_this_cpu()->backend[PV_XEN_WORD_CR3];

    for (unsigned level = 4; table != 0; level--) {
        const struct pv_pte *entries = pv_xen_pv_at(table);
        uint64_t index = (uintptr_t)address >> (12 + 9 * (level - 1)) & 511;
        if (entries == NULL || level == 1)
            return entries != NULL ? &entries[index] : NULL;
        struct pv_pte above = pv_xen_pv_c_pte_get(&entries[index]);
        bool ours = (above.raw & (PTE_PRESENT | PV_PTE_MACHINE)) == PTE_PRESENT;
        table = ours ? above.raw & PTE_FRAME : 0;
    }
    return NULL;
}

/* Into the entry of level 1 for an address; false: there is none. */
static bool queue_entry(struct pv_xen_queue *queue, const volatile void *address, uint64_t raw)
{
    const struct pv_pte *entry = entry_of(address);
    uint64_t table = entry != NULL ? table_of(entry) : PV_XEN_NO_FRAME;

    if (table == PV_XEN_NO_FRAME)
        return false;
    pv_xen_queue_update(queue, machine_of(table) + offset_of(entry), raw);
    if (queue->of_batch)
        pv_this_cpu()->backend[PV_XEN_WORD_WRITTEN] |= bit_of(table);
    return true;
}

bool pv_xen_pv_queue_remap(struct pv_xen_queue *queue, const volatile void *address, uint64_t pfn,
                           bool writable)
{
    uint64_t raw;

    return pv_xen_pte_to_machine((struct pv_pte){bits_of_page(pfn, writable)}, &raw) &&
           queue_entry(queue, address, raw);
}

bool pv_xen_pv_queue_unmap(struct pv_xen_queue *queue, const volatile void *address)
{
    return queue_entry(queue, address, 0);
}

bool pv_xen_pv_has_entry(const volatile void *address)
{
    return entry_of(address) != NULL;
}

bool pv_xen_pv_is_mapped(const volatile void *address)
{
    const struct pv_pte *entry = entry_of(address);
    uint64_t wanted = PTE_PRESENT | PTE_WRITE;

    return entry != NULL && (pv_xen_pv_c_pte_get(entry).raw & wanted) == wanted;
}

void pv_xen_pv_c_pte_clear(struct pv_pte *entry)
{
    set_raw(entry, 0);
}

static void flush_one_or_all(uint32_t command, uint64_t argument)
{
    if (pv_xen_queue_is_open())
        pv_xen_queue_ext(pv_xen_queue_batch(), command, argument);
    else
        pv_xen_exts_now(&(struct pv_xen_mmuext){command, argument, 0}, 1);
}

void pv_xen_pv_c_tlb_invlpg(uint64_t address)
{
    flush_one_or_all(PV_MMUEXT_INVLPG_LOCAL, address);
}

void pv_xen_pv_c_tlb_flush(void)
{
    flush_one_or_all(PV_MMUEXT_TLB_FLUSH_LOCAL, 0);
}

/*
 * Both roots change together. The space of a kernel thread has no root for users; then none is in
 * force, so that the one of a process that has ended is not.
 */
void pv_xen_pv_c_cr3_write(uint64_t cr3)
{
    uint64_t frame = (cr3 & PTE_FRAME) / PV_XEN_PAGE;
    uint64_t user = pv_xen_pv_user_root(frame);
    const struct pv_xen_mmuext roots[] = {
        {PV_MMUEXT_NEW_BASEPTR, pv_xen_to_machine(frame).frame, 0},
        {PV_MMUEXT_NEW_USER_BASEPTR, user != 0 ? pv_xen_to_machine(user).frame : 0, 0},
    };

    pv_this_cpu()->backend[PV_XEN_WORD_CR3] = cr3 & PTE_FRAME;
    if (!pv_xen_queue_is_open()) {
        pv_xen_exts_now(roots, 2);
        return;
    }
    struct pv_xen_queue *queue = pv_xen_queue_batch();
    queue->switches = true;
    pv_xen_queue_ext(queue, roots[0].command, roots[0].argument);
    pv_xen_queue_ext(queue, roots[1].command, roots[1].argument);
}

static inline __attribute__((always_inline)) void ask(uint64_t number, uint64_t a, uint64_t b,
                                                      bool switches)
{
    if (!pv_xen_queue_is_open()) {
        pv_xen_call_now(number, a, b);
        return;
    }
    struct pv_xen_queue *queue = pv_xen_queue_batch();
    queue->switches |= switches;
    pv_xen_queue_call(queue, number, a, b);
}

void pv_xen_pv_c_cpu_kernel_stack_set(uint64_t top)
{
    ask(PV_XEN_HC_STACK_SWITCH, PV_XEN_FLAT_SS, top, true);
}

/* FS base, MSR C0000100H in a call of Xen's. */
void pv_xen_pv_cpu_tls_set(uint64_t base)
{
    ask(PV_XEN_HC_SET_SEGMENT_BASE, PV_XEN_SEGBASE_FS, base, false);
}

void pv_xen_pv_cpu_fpu_trap(bool trap)
{
    ask(PV_XEN_HC_FPU_TASKSWITCH, trap, 0, false);
}
