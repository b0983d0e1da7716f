/* SPDX-License-Identifier: MIT */
/*
 * The multiboot1 door: from the Multiboot information structure to struct pv_boot_info.
 *
 * The structure has no magic number of its own; that its loader is one of multiboot1 was told by a
 * register, which the door looked at. It gives no RSDP.
 *
 * ABI: Multiboot Specification 0.6.96, 3.3.
 */
#include "lib/boot/intake.h"
#include "pvops/status.h"

#define HAS_SIZES   0x001u
#define HAS_CMDLINE 0x004u
#define HAS_MODULES 0x008u
#define HAS_MAP     0x040u
#define HAS_LOADER  0x200u

struct information {
    uint32_t flags;
    uint32_t mem_lower;
    uint32_t mem_upper;
    uint32_t boot_device;
    uint32_t cmdline;
    uint32_t mods_count;
    uint32_t mods_addr;
    uint32_t symbols[4];
    uint32_t mmap_length;
    uint32_t mmap_addr;
    uint32_t drives_length;
    uint32_t drives_addr;
    uint32_t config_table;
    uint32_t boot_loader_name;
};

struct module {
    uint32_t start;
    uint32_t end;
    uint32_t string;
    uint32_t reserved;
};

/* The size before it, which does not count itself, may be larger. */
struct map_entry {
    uint32_t addr[2];
    uint32_t length[2];
    uint32_t type;
};

_Static_assert(offsetof(struct information, mmap_length) == 44, "layout of the specification");
_Static_assert(sizeof(struct information) == 68, "layout of the specification");
_Static_assert(sizeof(struct module) == 16, "layout of the specification");
_Static_assert(sizeof(struct map_entry) == 20, "layout of the specification");

static uint64_t join(const uint32_t halves[2])
{
    return (uint64_t)halves[1] << 32 | halves[0];
}

/* Bytes that an entry takes, or 0 if the rest cannot be walked any more. */
static uint64_t take_entry(uint64_t phys, uint64_t rest, pv_phys_to_virt_fn phys_to_virt,
                           struct pv_boot_info *boot)
{
    uint32_t size;
    struct map_entry entry;
    if (!pv_intake_copy(&size, phys, sizeof(size), phys_to_virt)) {
        pv_intake_drop(boot, "An entry of the memory map cannot be read", phys);
        return 0;
    }
    if (size < sizeof(entry) || rest < sizeof(size) || size > rest - sizeof(size)) {
        pv_intake_drop(boot, "An entry of the memory map has a size that cannot be", phys);
        return 0;
    }
    if (pv_intake_copy(&entry, phys + sizeof(size), sizeof(entry), phys_to_virt))
        pv_intake_range(boot, join(entry.addr), join(entry.length), entry.type);
    else
        pv_intake_drop(boot, "An entry of the memory map cannot be read", phys);
    return sizeof(size) + size;
}

static void take_map(const struct information *info, pv_phys_to_virt_fn phys_to_virt,
                     struct pv_boot_info *boot)
{
    uint64_t at = 0;
    for (uint32_t i = 0; at < info->mmap_length; i++) {
        if (i == PV_INTAKE_ENTRIES) {
            pv_intake_drop(boot, "The memory map has too many entries", info->mmap_addr);
            return;
        }
        uint64_t bytes =
            take_entry(info->mmap_addr + at, info->mmap_length - at, phys_to_virt, boot);
        if (bytes == 0)
            return;
        at += bytes;
    }
}

static void take_modules(const struct information *info, pv_phys_to_virt_fn phys_to_virt,
                         struct pv_boot_info *boot)
{
    uint32_t look_at = info->mods_count < PV_INTAKE_ENTRIES ? info->mods_count : PV_INTAKE_ENTRIES;
    for (uint32_t i = 0; i < look_at; i++) {
        struct module module;
        uint64_t phys = info->mods_addr + (uint64_t)i * sizeof(module);
        if (!pv_intake_copy(&module, phys, sizeof(module), phys_to_virt))
            pv_intake_drop(boot, "An entry of the list of modules cannot be read", phys);
        else if (module.end < module.start)
            pv_intake_drop(boot, "A module ends before it begins", module.start);
        else
            pv_intake_module(boot, module.start, module.end - module.start, module.string,
                             UINT64_MAX, phys_to_virt);
    }
    pv_intake_drop_many(boot, info->mods_count - look_at, "There are too many modules");
}

static bool is_text(uint64_t phys, const char *text, pv_phys_to_virt_fn phys_to_virt)
{
    char byte;
    for (;; text++, phys++) {
        if (!pv_intake_copy(&byte, phys, 1, phys_to_virt) || byte != *text)
            return false;
        if (byte == '\0')
            return true;
    }
}

/* QEMU puts the name of the file in front (hw/i386/multiboot.c); no other door has it. */
static void leave_out_first_word(char *cmdline)
{
    const char *rest = cmdline;
    while (*rest != '\0' && *rest != ' ')
        rest++;
    while (*rest == ' ')
        rest++;
    while ((*cmdline++ = *rest++) != '\0')
        ;
}

static void take_cmdline(const struct information *info, pv_phys_to_virt_fn phys_to_virt,
                         struct pv_boot_info *boot)
{
    pv_intake_cmdline(boot, info->cmdline, UINT64_MAX, phys_to_virt);
    if ((info->flags & HAS_LOADER) != 0 && is_text(info->boot_loader_name, "qemu", phys_to_virt))
        leave_out_first_word(boot->cmdline);
}

int pv_boot_from_multiboot1(uint64_t info, pv_phys_to_virt_fn phys_to_virt,
                            struct pv_boot_info *boot)
{
    struct information told;
    pv_intake_begin(boot, PV_DOOR_MULTIBOOT1);
    if (!pv_intake_copy(&told, info, sizeof(told), phys_to_virt))
        return PV_E_HOST;

    if ((told.flags & HAS_MAP) != 0)
        take_map(&told, phys_to_virt, boot);
    if (boot->ranges_used == 0 && (told.flags & HAS_SIZES) != 0)
        pv_intake_sizes(boot, told.mem_lower, told.mem_upper);
    if ((told.flags & HAS_MODULES) != 0)
        take_modules(&told, phys_to_virt, boot);
    if ((told.flags & HAS_CMDLINE) != 0)
        take_cmdline(&told, phys_to_virt, boot);
    pv_intake_finish(boot, (struct pv_rsdp_hint){0}, phys_to_virt);
    return PV_OK;
}
