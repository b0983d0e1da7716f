/* SPDX-License-Identifier: MIT */
/*
 * The multiboot2 door: from the boot information, a sequence of tags, to struct pv_boot_info.
 *
 * The walk trusts no size: each tag must lie within the whole, the whole within 1 MiB, and there
 * are at most PV_INTAKE_ENTRIES tags. A tag whose size cannot be ends the walk, since what follows
 * it cannot be found.
 *
 * ABI: Multiboot2 Specification 2.0, 3.4 and 3.6.
 */
#include "lib/boot/intake.h"
#include "pvops/status.h"

#define TAG_END      0u
#define TAG_CMDLINE  1u
#define TAG_MODULE   3u
#define TAG_SIZES    4u
#define TAG_MAP      6u
#define TAG_RSDP_OLD 14u
#define TAG_RSDP_NEW 15u

#define TAG_ALIGNMENT 8u
#define LONGEST_INFO  0x100000u

struct information {
    uint32_t total_size;
    uint32_t reserved;
};

struct tag {
    uint32_t type;
    uint32_t size;
};

struct module_tag {
    struct tag tag;
    uint32_t start;
    uint32_t end;
};

struct sizes_tag {
    struct tag tag;
    uint32_t lower;
    uint32_t upper;
};

struct map_tag {
    struct tag tag;
    uint32_t entry_size;
    uint32_t entry_version;
};

struct map_entry {
    uint64_t addr;
    uint64_t length;
    uint32_t type;
    uint32_t reserved;
};

_Static_assert(sizeof(struct module_tag) == 16, "layout of the specification");
_Static_assert(sizeof(struct map_tag) == 16, "layout of the specification");
_Static_assert(sizeof(struct map_entry) == 24, "layout of the specification");

/* What is under way. */
struct walk {
    struct pv_boot_info *boot;
    pv_phys_to_virt_fn phys_to_virt;
    uint64_t rsdp;
    uint32_t rsdp_tag; /* type of the tag that gave it, or 0 */
    struct sizes_tag sizes;
};

/* Reads the fixed part of a tag that may be too small for it. */
static bool fixed_part(struct walk *walk, void *to, uint32_t bytes, uint64_t phys, uint32_t size)
{
    if (size >= bytes && pv_intake_copy(to, phys, bytes, walk->phys_to_virt))
        return true;
    pv_intake_drop(walk->boot, "A tag is too small for what it is", phys);
    return false;
}

static void take_map(struct walk *walk, uint64_t phys, uint32_t size)
{
    struct map_tag map;
    if (!fixed_part(walk, &map, sizeof(map), phys, size))
        return;
    if (map.entry_size < sizeof(struct map_entry) || map.entry_size % TAG_ALIGNMENT != 0) {
        pv_intake_drop(walk->boot, "The memory map's entries have a size that cannot be", phys);
        return;
    }
    uint32_t count = (size - (uint32_t)sizeof(map)) / map.entry_size;
    uint32_t look_at = count < PV_INTAKE_ENTRIES ? count : PV_INTAKE_ENTRIES;
    for (uint32_t i = 0; i < look_at; i++) {
        struct map_entry entry;
        uint64_t at = phys + sizeof(map) + (uint64_t)i * map.entry_size;
        if (pv_intake_copy(&entry, at, sizeof(entry), walk->phys_to_virt))
            pv_intake_range(walk->boot, entry.addr, entry.length, entry.type);
        else
            pv_intake_drop(walk->boot, "An entry of the memory map cannot be read", at);
    }
    pv_intake_drop_many(walk->boot, count - look_at, "The memory map has too many entries");
}

static void take_module(struct walk *walk, uint64_t phys, uint32_t size)
{
    struct module_tag module;
    if (!fixed_part(walk, &module, sizeof(module), phys, size))
        return;
    if (module.end < module.start)
        pv_intake_drop(walk->boot, "A module ends before it begins", module.start);
    else
        pv_intake_module(walk->boot, module.start, module.end - module.start, phys + sizeof(module),
                         size - sizeof(module), walk->phys_to_virt);
}

/* A loader that gives both, old and new, means the new one. */
static void take_rsdp(struct walk *walk, const struct tag *tag, uint64_t phys)
{
    if (tag->type <= walk->rsdp_tag)
        return;
    walk->rsdp = phys + sizeof(*tag);
    walk->rsdp_tag = tag->type;
}

static void take_tag(struct walk *walk, const struct tag *tag, uint64_t phys)
{
    switch (tag->type) {
    case TAG_CMDLINE:
        pv_intake_cmdline(walk->boot, phys + sizeof(*tag), tag->size - sizeof(*tag),
                          walk->phys_to_virt);
        break;
    case TAG_MODULE:
        take_module(walk, phys, tag->size);
        break;
    case TAG_SIZES:
        if (!fixed_part(walk, &walk->sizes, sizeof(walk->sizes), phys, tag->size))
            walk->sizes.tag.type = TAG_END;
        break;
    case TAG_MAP:
        take_map(walk, phys, tag->size);
        break;
    case TAG_RSDP_OLD:
    case TAG_RSDP_NEW:
        take_rsdp(walk, tag, phys);
        break;
    default:
        break; /* for other kinds of kernels */
    }
}

/* From the first tag to the end tag, or to where the walk cannot go on. */
static void walk_tags(struct walk *walk, uint64_t phys, uint64_t end)
{
    for (uint32_t i = 0; i < PV_INTAKE_ENTRIES; i++) {
        struct tag tag;
        if (end < phys || end - phys < sizeof(tag)) {
            pv_intake_complain(walk->boot, "The boot information has no end tag", phys);
            return;
        }
        if (!pv_intake_copy(&tag, phys, sizeof(tag), walk->phys_to_virt)) {
            pv_intake_drop(walk->boot, "A tag cannot be read", phys);
            return;
        }
        if (tag.size < sizeof(tag) || tag.size > end - phys) {
            pv_intake_drop(walk->boot, "A tag has a size that cannot be", phys);
            return;
        }
        if (tag.type == TAG_END)
            return;
        take_tag(walk, &tag, phys);
        phys += (tag.size + TAG_ALIGNMENT - 1) & ~(uint64_t)(TAG_ALIGNMENT - 1);
    }
    pv_intake_drop(walk->boot, "The boot information has too many tags", phys);
}

int pv_boot_from_multiboot2(uint64_t info, pv_phys_to_virt_fn phys_to_virt,
                            struct pv_boot_info *boot)
{
    struct information told;
    struct walk walk = {.boot = boot, .phys_to_virt = phys_to_virt};
    pv_intake_begin(boot, PV_DOOR_MULTIBOOT2);
    if (info % TAG_ALIGNMENT != 0 || !pv_intake_copy(&told, info, sizeof(told), phys_to_virt) ||
        told.total_size < sizeof(told) + sizeof(struct tag))
        return PV_E_HOST;

    if (told.total_size > LONGEST_INFO) {
        pv_intake_complain(boot, "The boot information claims more than 1 MiB", told.total_size);
        told.total_size = LONGEST_INFO;
    }
    walk_tags(&walk, info + sizeof(told), info + told.total_size);
    if (boot->ranges_used == 0 && walk.sizes.tag.type == TAG_SIZES)
        pv_intake_sizes(boot, walk.sizes.lower, walk.sizes.upper);
    pv_intake_finish(boot, (struct pv_rsdp_hint){.phys = walk.rsdp, .keep_bytes = true},
                     phys_to_virt);
    return PV_OK;
}
