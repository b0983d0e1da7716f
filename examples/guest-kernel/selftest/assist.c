/* SPDX-License-Identifier: MIT */
/*
 * What Xen does otherwise for this domain since the library asked for it (vm_assist): each is seen
 * by its effect, once as the library left it, and once the other way round, so that what is seen is
 * the bit's doing. Like events.c, this file looks into the library's own headers.
 */
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/vcpu.h"
#include "backends/xen/pv/hypercall.h"
#include "backends/xen/pv/pv.h"
#include "selftest.h"
#include "../commands.h"
#include "../cpu.h"
#include "../memory.h"
#include "../platform.h"
#include "../timer.h"
#include "../traps.h"

static bool skip_elsewhere(struct check *check)
{
    bool here = boot_info.door == PV_DOOR_XEN_PV;
    if (!here)
        skip(check, "page tables are this kernel's own memory");
    return !here;
}

static void assist(struct check *check, bool enable, uint32_t type)
{
    int64_t result = pv_xen_vm_assist(enable ? PV_VMASST_ENABLE : PV_VMASST_DISABLE, type);
    EXPECT(check, result == 0, "type %u: %ld", type, result);
}

static void ignore_line(const char *line)
{
    (void)line;
}

/* ---- plain writes to page tables ---------------------------------------------------------------
 */

/* In an entry that is not present all other bits are the kernel's. */
#define HARMLESS 0x200ull

/* Xen always emulates a write of its hardware domain's, which it takes for one to a device. */
static void plain_writes_fault(struct check *check)
{
    if (skip_elsewhere(check))
        return;
    if (boot_info.xen_pv.is_hardware_domain) {
        skip(check, "Xen carries them out for its hardware domain, whatever was asked for");
        return;
    }
    struct pv_pte *entry = paging_entry(kernel_space, SCRATCH_BASE, true);
    volatile uint64_t *raw = (volatile uint64_t *)entry;
    if (!EXPECT(check, entry != NULL, "no memory for a table"))
        return;
    log_listener = ignore_line;
    bool before = probe_write(raw, HARMLESS);
    assist(check, true, PV_VMASST_WRITABLE_PAGETABLES);
    bool asked = probe_write(raw, HARMLESS);
    uint64_t value = *raw;
    assist(check, false, PV_VMASST_WRITABLE_PAGETABLES);
    bool after = probe_write(raw, 0);
    log_listener = NULL;
    EXPECT(check, !before && !after && *raw == value, "carried out: %u and %u", before, after);
    EXPECT(check, asked && value == HARMLESS, "when asked for: %u, and the entry is %lx", asked,
           value);
    pv_pte_clear(entry);
}

/* ---- the table of all frames --------------------------------------------------------------------
 */

/* The entry for MACH2PHYS_VIRT_START (xen/include/public/arch-x86/xen-x86_64.h) in a top-level
 * table, which Xen writes. */
#define FRAMES_SLOT 256u

struct seen {
    bool pinned, kernels, users; /* whether the frames are mapped: by a table that is new, that the
                                    kernel ran on, and that users then got */
};

static bool maps_frames(uint64_t space)
{
    return (((volatile uint64_t *)direct(space))[FRAMES_SLOT] & PTE_PRESENT) != 0;
}

static int64_t give_to_users(uint64_t space)
{
    struct pv_xen_mmuext ext = {PV_MMUEXT_NEW_USER_BASEPTR,
                                pv_xen_to_machine(space / PAGE_BYTES).frame, 0};
    return pv_xen_pv_call(PV_XEN_HC_MMUEXT_OP, pv_xen_pv_pointer(&ext), 1, 0, PV_XEN_DOMID_SELF);
}

/* The library never gives users a table that the kernel ran on; here it is done by hand. */
static struct seen look_at_frames(struct check *check)
{
    struct seen seen = {false, false, false};
    uint64_t space = space_create();
    if (!EXPECT(check, space != 0, "no memory"))
        return seen;
    struct pv_irqflags flags = pv_irq_save();
    seen.pinned = maps_frames(space);
    pv_cr3_write(space);
    seen.kernels = maps_frames(space);
    pv_cr3_write(kernel_space);
    int64_t result = give_to_users(space);
    seen.users = maps_frames(space);
    pv_cr3_write(kernel_space);
    pv_irq_restore(flags);
    EXPECT(check, result == 0, "Xen does not give the table to users: %ld", result);
    space_destroy(space);
    return seen;
}

static void users_lose_frames(struct check *check)
{
    if (skip_elsewhere(check))
        return;
    struct seen strict = look_at_frames(check);
    assist(check, false, PV_VMASST_M2P_STRICT);
    struct seen lax = look_at_frames(check);
    assist(check, true, PV_VMASST_M2P_STRICT);
    EXPECT(check, strict.pinned && strict.kernels && !strict.users,
           "mapped when new: %u, by the kernel: %u, by users: %u", strict.pinned, strict.kernels,
           strict.users);
    EXPECT(check, !lax.pinned && lax.kernels && lax.users,
           "without: mapped when new: %u, by the kernel: %u, by users: %u", lax.pinned, lax.kernels,
           lax.users);
}

/* ---- records of time ----------------------------------------------------------------------------
 */

/* The byte with PV_XEN_RUNSTATE_UPDATE is the last of `since_ns`; no CPU runs for two years. */
#define FLAG_BYTE (offsetof(struct pv_xen_runstate, since_ns) + 7)
#define MARK      0xa5

/* Blocks a while, so that Xen writes this CPU's record twice at least; whether it wrote to the
 * byte. */
static bool is_written(volatile uint8_t *byte)
{
    *byte = MARK;
    for (unsigned i = 0; i < 3; i++)
        sleep_ns(NS_PER_MS);
    return *byte != MARK;
}

/*
 * Xen sets the flag by a write of one byte, before it writes the record, and clears it by another.
 * So the record is put where all of it that lies in front of that byte is mapped nowhere: as a
 * whole it cannot be written, and what is written is the flag.
 */
static void look_at_flag(struct check *check, uint64_t phys)
{
    uint8_t *page = (uint8_t *)SCRATCH_BASE + PAGE_BYTES;
    struct pv_xen_runstate_area area = {(uintptr_t)page - FLAG_BYTE};
    paging_map(kernel_space, (uintptr_t)page, phys, MAP_KERNEL_DATA);
    struct pv_irqflags flags = pv_irq_save();
    pv_xen_runstate_stop();
    int64_t result = pv_xen_vcpu_op(PV_VCPUOP_REGISTER_RUNSTATE_AREA, pv_xen_this_vcpu(), &area);
    pv_irq_restore(flags);
    bool with = is_written(page);
    uint8_t last = *page;
    assist(check, false, PV_VMASST_RUNSTATE_UPDATE_FLAG);
    bool without = is_written(page);
    flags = pv_irq_save();
    pv_xen_runstate_start();
    pv_irq_restore(flags);
    paging_unmap(kernel_space, (uintptr_t)page);
    EXPECT(check, result == 0, "Xen does not take the record: %ld", result);
    EXPECT(check, with && last == 0, "the flag's byte was written: %u, last with %x", with, last);
    EXPECT(check, !without, "it is written without being asked for");
}

static void writing_is_flagged(struct check *check)
{
    if (!pv_xen_runstate_in_use()) {
        skip(check, "no record of time is in use");
        return;
    }
    /* Who imitates Xen need not have the call (KVM has not). */
    int64_t result = pv_xen_vm_assist(PV_VMASST_ENABLE, PV_VMASST_RUNSTATE_UPDATE_FLAG);
    if (result != 0) {
        skip(check, "Xen cannot be asked to: %ld", result);
        return;
    }
    if (skip_without_timer(check))
        return;
    uint64_t phys = page_alloc();
    uint64_t before = pv_steal_ns();
    if (!EXPECT(check, phys != 0, "no memory"))
        return;
    preempt_off();
    look_at_flag(check, phys);
    preempt_on();
    EXPECT(check, pv_xen_runstate_in_use() && pv_steal_ns() >= before,
           "the library's own record is not in use again");
    page_free(phys);
}

static const struct test assist_tests[] = {
    {"a plain write to a page table faults, and is carried out only if that is asked for",
     plain_writes_fault},
    {"a table that users get maps the machine's frames no more, unless that is not asked for",
     users_lose_frames},
    {"Xen says while it writes a record of time, unless that is not asked for", writing_is_flagged},
};

const struct test_group assist_group = TEST_GROUP(assist);
