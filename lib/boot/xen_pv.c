/* SPDX-License-Identifier: MIT */
/*
 * The Xen PV door: from struct start_info to struct pv_boot_info.
 *
 * ABI: xen/include/public/xen.h, struct start_info, and "Start-of-day memory layout" above it: the
 * domain's memory is mapped from the kernel's base on, up to at least 512 KiB behind the last of
 * image, modules, list of machine frames, start_info, page tables and stack. Addresses in
 * start_info are virtual ones in this mapping. There is no memory map: the domain's pages lie from
 * 0 on. Nor is there an ACPI root pointer at a physical address: what lies where a BIOS would have
 * it is the domain's own RAM.
 *
 * Without a list of frames and page tables that can be true there is nothing that a kernel could
 * do; that is an error. All else that cannot be true is left out.
 */
#include "lib/boot/xen_pv.h"
#include "lib/boot/intake.h"
#include "pvops/status.h"

#define MAPPED_BEHIND 0x80000ull

/*
 * "xen-" VERSION "-x86_64": the version is not for guests to look at. Behind it, old Xens say "p"
 * to a hardware domain whose notes speak of PAE (xen/arch/x86/pv/dom0_build.c).
 */
static const char magic_start[] = "xen-";
static const char magic_end[] = "-x86_64";
#define START_BYTES (sizeof(magic_start) - 1)
#define END_BYTES   (sizeof(magic_end) - 1)

static bool same(const char *a, const char *b, unsigned bytes)
{
    while (bytes != 0 && a[bytes - 1] == b[bytes - 1])
        bytes--;
    return bytes == 0;
}

static bool magic_is_right(const char *magic)
{
    unsigned length = 0;

    while (length < PV_XEN_START_MAGIC_BYTES && magic[length] != '\0')
        length++;
    if (length == PV_XEN_START_MAGIC_BYTES)
        return false;
    if (length != 0 && magic[length - 1] == 'p')
        length--;
    return length >= START_BYTES + END_BYTES && same(magic, magic_start, START_BYTES) &&
           same(magic + length - END_BYTES, magic_end, END_BYTES);
}

/* Some pages that start_info names by their virtual address; end 0: they cannot be. */
struct part {
    uint64_t start;
    uint64_t end;
};

/* Not at physical address 0, which stands for "not there". */
static struct part part_at(uint64_t address, uint64_t bytes, uint64_t reach)
{
    struct part part = {address - pv_door_base, 0};

    if (address <= pv_door_base || part.start % PV_PAGE_BYTES != 0 || part.start >= reach ||
        bytes == 0 || bytes > reach - part.start)
        return part;
    part.end = part.start + ((bytes + PV_PAGE_BYTES - 1) & ~(PV_PAGE_BYTES - 1));
    return part;
}

static bool overlap(struct part a, struct part b)
{
    return a.start < b.end && b.start < a.end;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

struct parts {
    struct part start_info;
    struct part list;
    struct part tables;
};

static bool parts_make_sense(const struct parts *parts)
{
    return parts->start_info.end != 0 && parts->list.end != 0 && parts->tables.end != 0 &&
           !overlap(parts->list, parts->tables) && !overlap(parts->list, parts->start_info) &&
           !overlap(parts->tables, parts->start_info);
}

/* Physical memory that the mapping could show at most: no more than there are addresses. */
static uint64_t reach_of(uint64_t memory_end)
{
    uint64_t last = UINT64_MAX - pv_door_base;

    return memory_end - 1 > last ? last + 1 : memory_end;
}

static uint64_t mapped_bytes(const struct parts *parts, uint64_t reach)
{
    uint64_t last = later(later(parts->list.end, parts->tables.end), parts->start_info.end);

    return earlier(last + MAPPED_BEHIND, reach);
}

/*
 * What lies between the parts is theirs too: the rings of the console and of xenstore, whose
 * addresses are not told.
 */
static void take_parts(struct pv_boot_info *boot, const struct parts *parts)
{
    uint64_t first = earlier(parts->list.start, parts->start_info.start);
    uint64_t last = later(later(parts->list.end, parts->start_info.end), parts->tables.start);

    pv_map_take_from_ram(boot, parts->tables.start, parts->tables.end, PV_MEMORY_TABLES);
    pv_map_take_from_ram(boot, first, last, PV_MEMORY_BOOT);
}

static void take_module(struct pv_boot_info *boot, const struct pv_xen_start_info *start,
                        uint64_t memory_end, pv_phys_to_virt_fn phys_to_virt)
{
    uint64_t phys = memory_end;

    if (start->mod_start == 0 && start->mod_len == 0)
        return;
    if (start->flags & PV_XEN_START_MODULE_IS_LIST) {
        pv_intake_drop(boot, "Modules in the form of multiboot are not read", start->mod_start);
        return;
    }
    if (!(start->flags & PV_XEN_START_MODULE_IS_FRAME))
        phys = start->mod_start < pv_door_base ? memory_end : start->mod_start - pv_door_base;
    else if (start->mod_start < memory_end / PV_PAGE_BYTES)
        phys = start->mod_start * PV_PAGE_BYTES;
    if (phys >= memory_end || start->mod_len > memory_end - phys)
        pv_intake_drop(boot, "The module lies where no memory is", start->mod_start);
    else
        pv_intake_module(boot, phys, start->mod_len, 0, 0, phys_to_virt);
}

static uint64_t ring_frame(struct pv_boot_info *boot, uint64_t told)
{
    if (told < PV_PHYSICAL_END / PV_PAGE_BYTES)
        return told;
    pv_intake_drop(boot, "A ring lies beyond 52 bits", told);
    return 0;
}

static void take_rings(struct pv_boot_info *boot, const struct pv_xen_start_info *start)
{
    struct pv_boot_xen_pv *xen = &boot->xen_pv;

    xen->is_hardware_domain = (start->flags & PV_XEN_START_INITIAL_DOMAIN) != 0;
    if (xen->is_hardware_domain)
        return;
    xen->console_frame = ring_frame(boot, start->console_mfn);
    xen->console_port = start->console_evtchn;
    xen->store_frame = ring_frame(boot, start->store_mfn);
    xen->store_port = start->store_evtchn;
}

/* Numbers that the rest is computed from. */
static bool numbers_make_sense(const struct pv_xen_start_info *start)
{
    return start->nr_pages != 0 && start->nr_pages <= PV_PHYSICAL_END / PV_PAGE_BYTES &&
           start->nr_pt_frames <= start->nr_pages && start->shared_info != 0 &&
           start->shared_info % PV_PAGE_BYTES == 0 && start->shared_info < PV_PHYSICAL_END;
}

int pv_boot_from_xen_pv(uint64_t start_info, void *(*phys_to_virt)(uint64_t phys),
                        struct pv_boot_info *info)
{
    struct pv_xen_start_info start;

    pv_intake_begin(info, PV_DOOR_XEN_PV);
    if (!pv_intake_copy(&start, start_info, sizeof(start), phys_to_virt) ||
        !magic_is_right(start.magic) || !numbers_make_sense(&start))
        return PV_E_HOST;
    uint64_t memory_end = start.nr_pages * PV_PAGE_BYTES;
    uint64_t reach = reach_of(memory_end);
    struct parts parts = {
        .start_info = part_at(pv_door_base + start_info, PV_PAGE_BYTES, reach),
        .list = part_at(start.mfn_list, start.nr_pages * sizeof(uint64_t), reach),
        .tables = part_at(start.pt_base, start.nr_pt_frames * PV_PAGE_BYTES, reach),
    };
    if (!parts_make_sense(&parts))
        return PV_E_HOST;

    pv_door_bytes = mapped_bytes(&parts, reach);
    info->xen_pv = (struct pv_boot_xen_pv){
        .mapped_bytes = pv_door_bytes,
        .pages = start.nr_pages,
        .list = parts.list.start,
        .tables = parts.tables.start,
        .shared_info = start.shared_info,
    };
    take_rings(info, &start);
    pv_intake_range(info, 0, memory_end, PV_MEMORY_RAM);
    take_parts(info, &parts);
    take_module(info, &start, memory_end, phys_to_virt);
    pv_intake_check_modules(info);
    pv_intake_cmdline(info, start_info + sizeof(start), PV_XEN_START_CMDLINE_BYTES, phys_to_virt);
    return PV_OK;
}
