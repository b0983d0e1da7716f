/* SPDX-License-Identifier: MIT */
/*
 * The PVH door: from struct hvm_start_info to struct pv_boot_info.
 *
 * All of it was written by a loader that may be hostile: each piece is copied once, then checked,
 * then used, and nothing in the result points into the loader's memory. An entry that makes no
 * sense is left out and counted; only an unreadable or foreign start_info is an error.
 *
 * ABI: xen/include/public/arch-x86/hvm/start_info.h. All addresses are physical and lie below
 * 4 GiB; 0 stands for "not there".
 */
#include "pvops/boot.h"
#include "pvops/status.h"

#define START_INFO_MAGIC  0x336ec578u
#define FIRST_WITH_MEMMAP 1u
#define FOUR_GIB          0x100000000ull
#define PAGE_BYTES        0x1000ull

/* Widest physical address of the architecture: AMD APM vol. 2, 5.3. */
#define PHYSICAL_END (1ull << 52)

/* Entries looked at before the rest is given up; far above what any loader tells. */
#define LOOK_AT_MOST 1024u

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

typedef void *(*phys_to_virt_fn)(uint64_t phys);

/* Volatile, so that the compiler reads each byte once and never goes back for it. */
static void copy_within_page(char *to, const volatile char *from, uint64_t bytes) {
    for (uint64_t i = 0; i < bytes; i++)
        to[i] = from[i];
}

static uint64_t rest_of_page(uint64_t phys) {
    return PAGE_BYTES - phys % PAGE_BYTES;
}

/* Page by page, since what follows a page physically need not follow it in the kernel's mapping. */
static bool copy_physical(void *to, uint64_t phys, uint64_t bytes, phys_to_virt_fn phys_to_virt) {
    if (phys == 0 || phys > FOUR_GIB || bytes > FOUR_GIB - phys)
        return false;
    char *out = to;
    while (bytes != 0) {
        uint64_t now = rest_of_page(phys) < bytes ? rest_of_page(phys) : bytes;
        const volatile char *from = phys_to_virt(phys);
        if (from == NULL)
            return false;
        copy_within_page(out, from, now);
        out += now;
        phys += now;
        bytes -= now;
    }
    return true;
}

static bool range_is_sane(uint64_t start, uint64_t bytes) {
    return bytes != 0 && start < PHYSICAL_END && bytes <= PHYSICAL_END - start;
}

/* What later versions of the map may name is not for use by a kernel that does not know it. */
static uint32_t known_type(uint32_t type) {
    return type >= PV_MEMORY_RAM && type <= PV_MEMORY_BAD ? type : PV_MEMORY_RESERVED;
}

static uint32_t add_saturated(uint32_t a, uint32_t b) {
    return b > UINT32_MAX - a ? UINT32_MAX : a + b;
}

static bool take_range(uint64_t phys, phys_to_virt_fn phys_to_virt, struct pv_boot_info *info) {
    struct memmap_entry entry;
    if (info->ranges_used == PV_BOOT_RANGES ||
        !copy_physical(&entry, phys, sizeof(entry), phys_to_virt) ||
        !range_is_sane(entry.addr, entry.size))
        return false;
    info->ranges[info->ranges_used++] = (struct pv_memory_range){
        .start = entry.addr, .bytes = entry.size, .type = known_type(entry.type), .zero = 0};
    return true;
}

static bool take_module(uint64_t phys, phys_to_virt_fn phys_to_virt, struct pv_boot_info *info) {
    struct modlist_entry entry;
    if (info->modules_used == PV_BOOT_MODULES ||
        !copy_physical(&entry, phys, sizeof(entry), phys_to_virt) || entry.paddr == 0 ||
        !range_is_sane(entry.paddr, entry.size))
        return false;
    info->modules[info->modules_used++] =
        (struct pv_boot_module){.start = entry.paddr, .bytes = entry.size};
    return true;
}

/* Takes a list of `count` entries; what is not taken is counted. */
static void take_list(uint64_t phys, uint32_t count, uint64_t entry_bytes,
                      bool (*take)(uint64_t, phys_to_virt_fn, struct pv_boot_info *),
                      phys_to_virt_fn phys_to_virt, struct pv_boot_info *info) {
    uint32_t look_at = count < LOOK_AT_MOST ? count : LOOK_AT_MOST;
    uint32_t taken = 0;
    if (phys == 0 || phys >= FOUR_GIB)
        look_at = 0;
    for (uint32_t i = 0; i < look_at; i++)
        if (take(phys + i * entry_bytes, phys_to_virt, info))
            taken++;
    info->dropped = add_saturated(info->dropped, count - taken);
}

/* A command line without an end within PV_BOOT_CMDLINE, or that runs off the mapping, is cut. */
static void take_cmdline(uint64_t phys, phys_to_virt_fn phys_to_virt, char *cmdline) {
    uint32_t used = 0;
    while (phys != 0 && phys < FOUR_GIB && used < PV_BOOT_CMDLINE - 1) {
        if (!copy_physical(&cmdline[used], phys, 1, phys_to_virt) || cmdline[used] == '\0')
            break;
        used++;
        phys++;
    }
    cmdline[used] = '\0';
}

static bool read_start_info(uint64_t phys, phys_to_virt_fn phys_to_virt, struct start_info *start) {
    *start = (struct start_info){0};
    if (!copy_physical(start, phys, offsetof(struct start_info, memmap_paddr), phys_to_virt) ||
        start->magic != START_INFO_MAGIC)
        return false;
    if (start->version < FIRST_WITH_MEMMAP)
        return true;
    return copy_physical(&start->memmap_paddr, phys + offsetof(struct start_info, memmap_paddr),
                         sizeof(*start) - offsetof(struct start_info, memmap_paddr), phys_to_virt);
}

int pv_boot_from_pvh(uint64_t start_info, void *(*phys_to_virt)(uint64_t phys),
                     struct pv_boot_info *info) {
    struct start_info start;
    if (!read_start_info(start_info, phys_to_virt, &start))
        return PV_E_HOST;

    info->door = PV_DOOR_PVH;
    info->ranges_used = 0;
    info->modules_used = 0;
    info->dropped = 0;
    info->rsdp = start.rsdp_paddr < PHYSICAL_END ? start.rsdp_paddr : 0;
    take_list(start.memmap_paddr, start.memmap_entries, sizeof(struct memmap_entry), take_range,
              phys_to_virt, info);
    take_list(start.modlist_paddr, start.nr_modules, sizeof(struct modlist_entry), take_module,
              phys_to_virt, info);
    take_cmdline(start.cmdline_paddr, phys_to_virt, info->cmdline);
    return PV_OK;
}
