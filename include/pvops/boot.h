/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief struct pv_boot_info: what every door tells about the machine, in one form.
 */
#ifndef PVOPS_BOOT_H
#define PVOPS_BOOT_H

#include "pvops/types.h"

PV_BEGIN_DECLS

/** How the kernel was entered. */
enum pv_door {
    PV_DOOR_OWN = 0, /**< the kernel's own entry; it filled struct pv_boot_info itself */
    PV_DOOR_PVH      /**< PVH: xen/include/public/arch-x86/hvm/start_info.h */
};

/** What a range of memory is. */
enum pv_memory_type {
    PV_MEMORY_RAM = 1,      /**< usable; the other numbers are those of ACPI 6.5, 15.1 too */
    PV_MEMORY_RESERVED = 2, /**< not to be touched */
    PV_MEMORY_ACPI = 3,     /**< ACPI tables; usable once read */
    PV_MEMORY_NVS = 4,      /**< kept by firmware */
    PV_MEMORY_BAD = 5       /**< broken */
};

/** Most ranges that are kept. */
#define PV_BOOT_RANGES 64
/** Most modules that are kept. */
#define PV_BOOT_MODULES 8
/** Longest command line, with its NUL. */
#define PV_BOOT_CMDLINE 1024

/** A range of physical memory. */
struct pv_memory_range {
    uint64_t start; /**< first byte */
    uint64_t bytes; /**< size, not 0; start + bytes does not overflow */
    uint32_t type;  /**< enum pv_memory_type */
    uint32_t zero;  /**< 0 */
};

/** A file that the loader put into memory. */
struct pv_boot_module {
    uint64_t start; /**< physical address of its first byte */
    uint64_t bytes; /**< size */
};

/** What the door told. A copy: nothing points into memory of the loader. */
struct pv_boot_info {
    enum pv_door door;                              /**< how the kernel was entered */
    uint32_t ranges_used;                           /**< entries of ranges */
    uint32_t modules_used;                          /**< entries of modules */
    uint32_t dropped;                               /**< entries left out: senseless or too many */
    uint64_t rsdp;                                  /**< physical address of the ACPI RSDP, or 0 */
    struct pv_memory_range ranges[PV_BOOT_RANGES];  /**< as told, in the loader's order */
    struct pv_boot_module modules[PV_BOOT_MODULES]; /**< as told */
    char cmdline[PV_BOOT_CMDLINE];                  /**< NUL-terminated, cut if longer */
};

/**
 * @brief Reads what a PVH loader left.
 * @param start_info    Physical address of struct hvm_start_info, as found in EBX at entry.
 * @param phys_to_virt  How the kernel reaches physical memory below 4 GiB now; NULL if unmapped.
 * @param info          Filled on success.
 * @return PV_OK, or PV_E_HOST when the magic number is not that of a start_info or it lies where
 *         it cannot be read.
 */
int pv_boot_from_pvh(uint64_t start_info, void *(*phys_to_virt)(uint64_t phys),
                     struct pv_boot_info *info);

/** @brief Name of a door in listings. @param door The door. @return "own", "pvh". */
const char *pv_door_name(enum pv_door door);

PV_END_DECLS

#endif
