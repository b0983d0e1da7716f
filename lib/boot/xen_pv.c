/* SPDX-License-Identifier: MIT */
/*
 * The Xen PV door: from struct start_info to struct pv_boot_info.
 *
 * ABI: xen/include/public/xen.h, struct start_info, and "Start-of-day memory layout" above it: the
 * domain's memory is mapped from the kernel's base on, up to at least 512 KiB behind the last of
 * image, modules, list of machine frames, start_info, page tables and stack. Addresses in
 * start_info are virtual ones in this mapping. There is no memory map: the domain's pages lie from
 * 0 on.
 *
 * Without a list of frames and page tables that can be true there is nothing that a kernel could
 * do; that is an error. All else that cannot be true is left out.
 */
#include "lib/boot/intake.h"
#include "pvops/status.h"

#define FLAG_INITIAL_DOMAIN 0x2u
#define FLAG_MODULE_IS_PFN  0x8u
#define MAPPED_BEHIND       0x80000ull

/* "xen-" VERSION "-x86_64", with a "p" for PAE behind it or not: for dom0, Xen writes it
 * (xen/arch/x86/pv/dom0_build.c), for others the toolstack. The version is not for guests to look
 * at. */
#define MAGIC_BYTES 32
static const char magic_start[] = "xen-";
static const char magic_end[] = "-x86_64";

struct start_info {
    char magic[MAGIC_BYTES];
    uint64_t nr_pages;
    uint64_t shared_info;
    uint32_t flags;
    uint32_t padding_flags;
    uint64_t store_mfn;
    uint32_t store_evtchn;
    uint32_t padding_store;
    uint64_t console_mfn; /* of the hardware domain: two numbers about a VGA console */
    uint32_t console_evtchn;
    uint32_t padding_console;
    uint64_t pt_base;
    uint64_t nr_pt_frames;
    uint64_t mfn_list;
    uint64_t mod_start;
    uint64_t mod_len;
    /* The command line follows, 1024 bytes. */
};

_Static_assert(sizeof(struct start_info) == 128, "layout of xen.h");
#define CMDLINE_BYTES 1024u

static bool magic_is_right(const char *magic)
{
    unsigned at = 0, end = 0;

    while (magic_start[at] != '\0' && magic[at] == magic_start[at])
        at++;
    if (magic_start[at] != '\0')
        return false;
    while (at < MAGIC_BYTES && magic[at] != '\0' && magic[at] != '-')
        at++;
    while (at + end < MAGIC_BYTES && magic_end[end] != '\0' && magic[at + end] == magic_end[end])
        end++;
    if (magic_end[end] != '\0')
        return false;
    at += end;
    if (at < MAGIC_BYTES && magic[at] == 'p')
        at++;
    return at < MAGIC_BYTES && magic[at] == '\0';
}

/* Some pages that start_info names by their virtual address; end 0: they cannot be. */
struct part {
    uint64_t start;
    uint64_t end;
};

static struct part part_at(uint64_t address, uint64_t bytes, uint64_t memory_end)
{
    struct part part = {address - pv_door_base, 0};

    if (address < pv_door_base || part.start >= memory_end || bytes == 0 ||
        bytes > memory_end - part.start)
        return part;
    part.end = part.start + ((bytes + PV_PAGE_BYTES - 1) & ~(PV_PAGE_BYTES - 1));
    return part;
}

static bool overlap(struct part a, struct part b)
{
    return a.start < b.end && b.start < a.end;
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
    return parts->list.end != 0 && parts->tables.end != 0 &&
           parts->list.start % PV_PAGE_BYTES == 0 && parts->tables.start % PV_PAGE_BYTES == 0 &&
           !overlap(parts->list, parts->tables) && !overlap(parts->list, parts->start_info) &&
           !overlap(parts->tables, parts->start_info);
}

/*
 * What lies between the parts is theirs too: the rings of the console and of xenstore, whose
 * addresses are not told.
 */
static void take_parts(struct pv_boot_info *boot, const struct parts *parts)
{
    uint64_t first =
        parts->list.start < parts->start_info.start ? parts->list.start : parts->start_info.start;
    uint64_t last = later(parts->list.end, parts->start_info.end);

    pv_map_take_from_ram(boot, parts->tables.start, parts->tables.end, PV_MEMORY_TABLES);
    if (last < parts->tables.start)
        last = parts->tables.start;
    pv_map_take_from_ram(boot, first, last, PV_MEMORY_BOOT);
}

static void take_module(struct pv_boot_info *boot, const struct start_info *start,
                        uint64_t memory_end, pv_phys_to_virt_fn phys_to_virt)
{
    uint64_t phys = start->mod_start - pv_door_base;

    if (start->mod_start == 0 && start->mod_len == 0)
        return;
    if (start->flags & FLAG_MODULE_IS_PFN)
        phys = start->mod_start < memory_end / PV_PAGE_BYTES ? start->mod_start * PV_PAGE_BYTES
                                                             : memory_end;
    else if (start->mod_start < pv_door_base)
        phys = memory_end;
    if (phys >= memory_end || start->mod_len > memory_end - phys)
        pv_intake_drop(boot, "The module lies where no memory is", start->mod_start);
    else
        pv_intake_module(boot, phys, start->mod_len, 0, 0, phys_to_virt);
}

static void take_rings(struct pv_boot_xen_pv *xen, const struct start_info *start)
{
    xen->is_hardware_domain = (start->flags & FLAG_INITIAL_DOMAIN) != 0;
    if (xen->is_hardware_domain)
        return;
    xen->console_frame = start->console_mfn;
    xen->console_port = start->console_evtchn;
    xen->store_frame = start->store_mfn;
    xen->store_port = start->store_evtchn;
}

int pv_boot_from_xen_pv(uint64_t start_info, void *(*phys_to_virt)(uint64_t phys),
                        struct pv_boot_info *info)
{
    struct start_info start;

    pv_intake_begin(info, PV_DOOR_XEN_PV);
    if (start_info % PV_PAGE_BYTES != 0 ||
        !pv_intake_copy(&start, start_info, sizeof(start), phys_to_virt) ||
        !magic_is_right(start.magic))
        return PV_E_HOST;
    if (start.nr_pages == 0 || start.nr_pages > PV_PHYSICAL_END / PV_PAGE_BYTES ||
        start.nr_pt_frames > start.nr_pages || start.shared_info % PV_PAGE_BYTES != 0)
        return PV_E_HOST;
    uint64_t memory_end = start.nr_pages * PV_PAGE_BYTES;
    struct parts parts = {
        .start_info = {start_info, start_info + PV_PAGE_BYTES},
        .list = part_at(start.mfn_list, start.nr_pages * sizeof(uint64_t), memory_end),
        .tables = part_at(start.pt_base, start.nr_pt_frames * PV_PAGE_BYTES, memory_end),
    };
    if (start_info >= memory_end || !parts_make_sense(&parts))
        return PV_E_HOST;

    uint64_t mapped = later(later(parts.list.end, parts.tables.end), parts.start_info.end);
    mapped = mapped + MAPPED_BEHIND < memory_end ? mapped + MAPPED_BEHIND : memory_end;
    if (pv_door_base != 0)
        pv_door_bytes = mapped;
    info->xen_pv = (struct pv_boot_xen_pv){
        .mapped_bytes = mapped,
        .pages = start.nr_pages,
        .list = parts.list.start,
        .tables = parts.tables.start,
        .shared_info = start.shared_info,
    };
    take_rings(&info->xen_pv, &start);
    pv_intake_range(info, 0, memory_end, PV_MEMORY_RAM);
    take_module(info, &start, memory_end, phys_to_virt);
    pv_intake_cmdline(info, start_info + sizeof(start), CMDLINE_BYTES, phys_to_virt);
    pv_intake_finish(info, (struct pv_rsdp_hint){0}, phys_to_virt);
    take_parts(info, &parts);
    return PV_OK;
}
