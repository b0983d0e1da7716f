/* SPDX-License-Identifier: MIT */
/*
 * The PVH door: from struct hvm_start_info to struct pv_boot_info. Only an unreadable or foreign
 * start_info is an error.
 *
 * ABI: xen/include/public/arch-x86/hvm/start_info.h. All addresses are physical and lie below
 * 4 GiB; 0 stands for "not there".
 */
#include "lib/boot/intake.h"
#include "pvops/status.h"

#define START_INFO_MAGIC  0x336ec578u
#define FIRST_WITH_MEMMAP 1u

struct start_info {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t nr_modules;
    uint64_t modlist_paddr;
    uint64_t cmdline_paddr;
    uint64_t rsdp_paddr;
    /* Version 1 and later. */
    uint64_t memmap_paddr;
    uint32_t memmap_entries;
    uint32_t reserved;
};

struct modlist_entry {
    uint64_t paddr;
    uint64_t size;
    uint64_t cmdline_paddr;
    uint64_t reserved;
};

struct memmap_entry {
    uint64_t addr;
    uint64_t size;
    uint32_t type;
    uint32_t reserved;
};

_Static_assert(offsetof(struct start_info, memmap_paddr) == 40, "layout of start_info.h");
_Static_assert(sizeof(struct start_info) == 56, "layout of start_info.h");
_Static_assert(sizeof(struct modlist_entry) == 32, "layout of start_info.h");
_Static_assert(sizeof(struct memmap_entry) == 24, "layout of start_info.h");

static void take_range(uint64_t phys, pv_phys_to_virt_fn phys_to_virt, struct pv_boot_info *boot)
{
    struct memmap_entry entry;
    if (pv_intake_copy(&entry, phys, sizeof(entry), phys_to_virt))
        pv_intake_range(boot, entry.addr, entry.size, entry.type);
    else
        pv_intake_drop(boot, "An entry of the memory map cannot be read", phys);
}

static void take_module(uint64_t phys, pv_phys_to_virt_fn phys_to_virt, struct pv_boot_info *boot)
{
    struct modlist_entry entry;
    if (pv_intake_copy(&entry, phys, sizeof(entry), phys_to_virt))
        pv_intake_module(boot, entry.paddr, entry.size, entry.cmdline_paddr, UINT64_MAX,
                         phys_to_virt);
    else
        pv_intake_drop(boot, "An entry of the list of modules cannot be read", phys);
}

static void take_list(uint64_t phys, uint32_t count, uint64_t entry_bytes,
                      void (*take)(uint64_t, pv_phys_to_virt_fn, struct pv_boot_info *),
                      pv_phys_to_virt_fn phys_to_virt, struct pv_boot_info *boot)
{
    uint32_t look_at = count < PV_INTAKE_ENTRIES ? count : PV_INTAKE_ENTRIES;
    if (phys == 0 || phys >= PV_FOUR_GIB) {
        pv_intake_drop_many(boot, count, "A list of start_info lies where none can be");
        return;
    }
    for (uint32_t i = 0; i < look_at; i++)
        take(phys + i * entry_bytes, phys_to_virt, boot);
    pv_intake_drop_many(boot, count - look_at, "A list of start_info has too many entries");
}

static bool read_start_info(uint64_t phys, pv_phys_to_virt_fn phys_to_virt,
                            struct start_info *start)
{
    *start = (struct start_info){0};
    if (!pv_intake_copy(start, phys, offsetof(struct start_info, memmap_paddr), phys_to_virt) ||
        start->magic != START_INFO_MAGIC)
        return false;
    if (start->version < FIRST_WITH_MEMMAP)
        return true;
    return pv_intake_copy(&start->memmap_paddr, phys + offsetof(struct start_info, memmap_paddr),
                          sizeof(*start) - offsetof(struct start_info, memmap_paddr), phys_to_virt);
}

int pv_boot_from_pvh(uint64_t start_info, void *(*phys_to_virt)(uint64_t phys),
                     struct pv_boot_info *info)
{
    struct start_info start;
    pv_intake_begin(info, PV_DOOR_PVH);
    if (!read_start_info(start_info, phys_to_virt, &start))
        return PV_E_HOST;

    take_list(start.memmap_paddr, start.memmap_entries, sizeof(struct memmap_entry), take_range,
              phys_to_virt, info);
    take_list(start.modlist_paddr, start.nr_modules, sizeof(struct modlist_entry), take_module,
              phys_to_virt, info);
    pv_intake_cmdline(info, start.cmdline_paddr, UINT64_MAX, phys_to_virt);
    pv_intake_finish(info, (struct pv_rsdp_hint){.phys = start.rsdp_paddr}, phys_to_virt);
    return PV_OK;
}
