/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The doors of the library, and struct pv_boot_info: what every door tells about the
 * machine, in one form.
 *
 * docs/boot.md says how a kernel takes a door. All that a loader tells may be a lie: it is copied
 * once, checked, then used, and what cannot be true is left out and named among the complaints.
 */
#ifndef PVOPS_BOOT_H
#define PVOPS_BOOT_H

#include "pvops/types.h"

PV_BEGIN_DECLS

/** How the kernel was entered. */
enum pv_door {
    PV_DOOR_OWN = 0,    /**< the kernel's own entry; it filled struct pv_boot_info itself */
    PV_DOOR_PVH,        /**< PVH: xen/include/public/arch-x86/hvm/start_info.h */
    PV_DOOR_MULTIBOOT1, /**< Multiboot Specification 0.6.96 */
    PV_DOOR_MULTIBOOT2, /**< Multiboot2 Specification 2.0 */
    PV_DOOR_XEN_PV      /**< Xen PV: xen/include/public/xen.h, struct start_info */
};

/** What a range of memory is. */
enum pv_memory_type {
    PV_MEMORY_RAM = 1,      /**< usable; the other numbers are those of ACPI 6.5, 15.1 too */
    PV_MEMORY_RESERVED = 2, /**< not to be touched */
    PV_MEMORY_ACPI = 3,     /**< ACPI tables; usable once read */
    PV_MEMORY_NVS = 4,      /**< kept by firmware */
    PV_MEMORY_BAD = 5,      /**< broken */
    PV_MEMORY_KERNEL = 32,  /**< RAM that pv_boot_reserve_image() took */
    PV_MEMORY_MODULE = 33,  /**< RAM that pv_boot_reserve_modules() took */
    PV_MEMORY_BOOT = 34, /**< RAM with what the VMM left and goes on using: keep it mapped where the
                            door left it */
    PV_MEMORY_TABLES = 35 /**< RAM that holds page tables in force at entry: never to be mapped
                             writable */
};

/** Most ranges that are kept. */
#define PV_BOOT_RANGES 128
/** Most modules that are kept. */
#define PV_BOOT_MODULES 8
/** Longest text of a module, with its NUL. */
#define PV_BOOT_MODULE_TEXT 64
/** Longest command line, with its NUL. */
#define PV_BOOT_CMDLINE 1024
/** Most complaints that are kept. */
#define PV_BOOT_COMPLAINTS 16

/** A range of physical memory. */
struct pv_memory_range {
    uint64_t start; /**< first byte */
    uint64_t bytes; /**< size, not 0; start + bytes is at most 2^52 */
    uint32_t type;  /**< enum pv_memory_type */
    uint32_t zero;  /**< 0 */
};

/** A file that the loader put into memory. */
struct pv_boot_module {
    uint64_t start;                 /**< physical address of its first byte */
    uint64_t bytes;                 /**< size, not 0 */
    char text[PV_BOOT_MODULE_TEXT]; /**< name or arguments as told; NUL-terminated, cut if longer */
};

/** Something that a loader told and that was not believed, or not as told. */
struct pv_boot_complaint {
    const char *what; /**< one sentence without a full stop, static storage */
    uint64_t where;   /**< physical address it is about, or a number */
};

/**
 * What only the Xen PV door tells (xen/include/public/xen.h, struct start_info): checked numbers,
 * for the backend.
 */
struct pv_boot_xen_pv {
    uint64_t mapped_bytes;   /**< physical memory from 0 on that is mapped at entry, at least */
    uint64_t pages;          /**< pages of this domain, and entries of the list */
    uint64_t list;           /**< physical address of the list of machine frames */
    uint64_t tables;         /**< physical address of the top-level table in force */
    uint64_t shared_info;    /**< machine address of the shared page */
    uint64_t console_frame;  /**< machine frame of the console's ring; 0: none */
    uint64_t store_frame;    /**< machine frame of xenstore's ring; 0: none */
    uint32_t console_port;   /**< its event channel */
    uint32_t store_port;     /**< its event channel */
    bool is_hardware_domain; /**< it was started with the right to the hardware (dom0) */
};

/**
 * What the door told. A copy: nothing points into memory of the loader. About 5 KiB, so it wants to
 * be static.
 */
struct pv_boot_info {
    enum pv_door door;     /**< how the kernel was entered */
    uint32_t ranges_used;  /**< entries of ranges */
    uint32_t modules_used; /**< entries of modules */
    uint32_t dropped;      /**< entries left out: senseless or too many */
    uint64_t rsdp;         /**< physical address of an ACPI RSDP that was checked, or 0 */
    /** Sorted, disjoint, neighbours of one type merged. A byte that any entry of the loader's map
     *  calls reserved is not RAM here. Bytes in no range are not RAM either. */
    struct pv_memory_range ranges[PV_BOOT_RANGES];
    struct pv_boot_module modules[PV_BOOT_MODULES];          /**< in RAM, not over each other */
    struct pv_boot_xen_pv xen_pv;                            /**< all zero for other doors */
    char cmdline[PV_BOOT_CMDLINE];                           /**< NUL-terminated, cut if longer */
    uint32_t complaints_used;                                /**< entries of complaints */
    uint32_t complaints_lost;                                /**< those that found no room */
    struct pv_boot_complaint complaints[PV_BOOT_COMPLAINTS]; /**< for the kernel to print */
};

/**
 * @brief What a kernel that takes a door of the library defines, and is called with.
 * @param door  Which door.
 * @param info  Physical address of what the loader left; goes to pv_boot_from().
 *
 * Runs at its linked address in 64-bit mode, interrupts off, empty IDT, on a stack of 16 KiB, on
 * page tables that map the first 4 GiB at their own addresses (not executable, if the CPU can say
 * so) and at pv_kernel_base. %gs is not set: no call site may run before pv_cpu_setup() and %gs. If
 * it returns, the CPU halts for ever.
 *
 * Behind PV_DOOR_XEN_PV it is another world: the kernel runs in ring 3 on Xen's descriptor tables,
 * without the right to touch ports or control registers, and on page tables that only map the
 * beginning of its memory (pv_boot_xen_pv::mapped_bytes), at pv_kernel_base, all of it writable and
 * executable. A write to MSR C0000101H (%gs) is emulated by Xen and works.
 */
void pv_start(enum pv_door door, uint64_t info);

/**
 * @brief How to reach physical memory on the page tables that the doors leave in force.
 * @param phys  Physical address.
 * @return phys as a pointer; NULL for 0 and from 4 GiB on. The fourth GiB is mapped uncached.
 *         Behind the Xen PV door, the address at pv_kernel_base; NULL for 0 and for what is not
 *         mapped.
 */
void *pv_door_phys_to_virt(uint64_t phys);

/**
 * @brief Reads what a loader left, and checks and sorts it.
 * @param door          As pv_start() was told. PV_DOOR_OWN has nothing to be read.
 * @param info          Physical address, as pv_start() was told.
 * @param phys_to_virt  How the kernel reaches physical memory below 4 GiB now, at least to the end
 *                      of the page; NULL if unmapped.
 * @param boot          Filled, on failure with no more than the door.
 * @return PV_OK; PV_E_HOST when there is nothing at info that this door's loaders leave;
 *         PV_E_ARGUMENT for a door that is none.
 *
 * One lie costs what it was about, and a complaint; the rest is kept.
 */
int pv_boot_from(enum pv_door door, uint64_t info, void *(*phys_to_virt)(uint64_t phys),
                 struct pv_boot_info *boot);

/**
 * @brief pv_boot_from() for the PVH door.
 * @param start_info    Physical address of struct hvm_start_info, as found in EBX at entry.
 * @param phys_to_virt  How the kernel reaches physical memory below 4 GiB now; NULL if unmapped.
 * @param info          Filled, on failure with no more than the door.
 * @return PV_OK, or PV_E_HOST when the magic number is not that of a start_info or it lies where
 *         it cannot be read.
 */
int pv_boot_from_pvh(uint64_t start_info, void *(*phys_to_virt)(uint64_t phys),
                     struct pv_boot_info *info);

/**
 * @brief pv_boot_from() for the Xen PV door.
 * @param start_info    Physical address of struct start_info: what was in RSI at entry, less
 *                      pv_kernel_base.
 * @param phys_to_virt  How the kernel reaches physical memory now; NULL if unmapped.
 * @param info          Filled, xen_pv too; on failure with no more than the door.
 * @return PV_OK, or PV_E_HOST when there is no start_info of a 64-bit Xen or its description of
 *         the memory at entry cannot be true: a kernel cannot go on without that.
 */
int pv_boot_from_xen_pv(uint64_t start_info, void *(*phys_to_virt)(uint64_t phys),
                        struct pv_boot_info *info);

/**
 * @brief Checks and sorts what a kernel with an entry of its own filled in.
 * @param boot          ranges, modules, rsdp and cmdline filled, in any order and of any quality.
 * @param phys_to_virt  As for pv_boot_from(); the RSDP is read with it.
 *
 * What pv_boot_from() does for the other doors. Needs 4 KiB of stack.
 */
void pv_boot_normalise(struct pv_boot_info *boot, void *(*phys_to_virt)(uint64_t phys));

/**
 * @brief Asks the VMM for the memory map if the loader left none.
 * @param boot  Filled by pv_boot_from(); ranges are added, and modules checked against them.
 * @return PV_OK when there is a map, the loader's or the VMM's; PV_E_UNSUPPORTED when the VMM has
 *         none to give; PV_E_HOST when its answer makes no sense.
 *
 * After pv_early_init(), and before the calls below. Xen leaves no map to a PVH hardware domain.
 */
int pv_boot_ask_memory(struct pv_boot_info *boot);

/**
 * @brief Takes a range out of RAM.
 * @param boot   Filled by pv_boot_from().
 * @param start  First byte.
 * @param bytes  Size.
 * @param type   What the RAM in it becomes; not PV_MEMORY_RAM.
 * @return PV_OK; PV_E_RANGE for a range that cannot be, or PV_E_ARGUMENT for a type that cannot;
 *         nothing has changed then.
 *
 * What is not RAM stays as it is. If the table is full, the smallest ranges of RAM make room.
 */
int pv_boot_reserve(struct pv_boot_info *boot, uint64_t start, uint64_t bytes,
                    enum pv_memory_type type);

/**
 * @brief Takes the kernel's own image out of RAM, and refuses modules that lie over it.
 * @param boot   Filled by pv_boot_from().
 * @param start  Physical address of the image.
 * @param bytes  Its size, .bss included.
 * @return as pv_boot_reserve().
 */
int pv_boot_reserve_image(struct pv_boot_info *boot, uint64_t start, uint64_t bytes);

/**
 * @brief Takes the modules out of RAM, in whole pages. After pv_boot_reserve_image().
 * @param boot  Filled by pv_boot_from().
 */
void pv_boot_reserve_modules(struct pv_boot_info *boot);

/**
 * @brief Name of a door in listings.
 * @param door  The door.
 * @return "own", "pvh", "multiboot1", "multiboot2", "xen-pv".
 */
const char *pv_door_name(enum pv_door door);

PV_END_DECLS

#endif
