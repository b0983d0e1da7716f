/* SPDX-License-Identifier: MIT */
/*
 * A pretended machine for the tests of boot information: a few pages of physical memory, each with
 * unmapped neighbours on the host, so that reading past the end of a page ends the test; and what
 * an honest loader would have left in it.
 */
#ifndef TESTS_UNIT_BOOT_MACHINE_H
#define TESTS_UNIT_BOOT_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "pvops/boot.h"
#include "pvops/status.h"

#define PAGE 0x1000ull
#define MIB  0x100000ull

/* Forgets all memory. Also a cmocka set-up function. */
int machine_new(void **state);

/* Makes the pages that hold a range exist, zeroed, unless they do. */
void machine_add(uint64_t phys, uint64_t bytes);

/* Writes, adding pages as needed. */
void machine_write(uint64_t phys, const void *data, size_t bytes);
void machine_write32(uint64_t phys, uint32_t value);
void machine_write64(uint64_t phys, uint64_t value);

/* As the library is given it. */
void *machine_phys_to_virt(uint64_t phys);

/* The host's address of a byte that exists. */
uint8_t *machine_at(uint64_t phys);

/* A correct RSDP of revision 0 (20 bytes) or 2 (36). */
void machine_rsdp(uint64_t phys, uint8_t revision);
/* Makes the sum of some bytes zero by changing the byte at `at`. */
void machine_checksum(uint64_t phys, size_t bytes, uint64_t at);

/* Where honest loaders of these tests leave things. */
#define AT_INFO    0x9000ull
#define AT_MAP     0x20000ull
#define AT_MODULES 0xb000ull
#define AT_TEXT    0xc000ull
#define AT_RSDP    0xf5000ull

/* PVH: 640 KiB and 1 to 128 MiB of RAM, the BIOS between them, one module at 64 MiB, a command
 * line, an RSDP of revision 2. */
void machine_pvh(void);
#define PVH_VERSION     (AT_INFO + 4)
#define PVH_NR_MODULES  (AT_INFO + 12)
#define PVH_MODLIST     (AT_INFO + 16)
#define PVH_CMDLINE     (AT_INFO + 24)
#define PVH_RSDP        (AT_INFO + 32)
#define PVH_MEMMAP      (AT_INFO + 40)
#define PVH_MEMMAP_USED (AT_INFO + 48)

/* Writes entry `index` of the PVH map, and makes the map at least that long. */
void machine_pvh_range(uint32_t index, uint64_t start, uint64_t bytes, uint32_t type);
/* The same for its list of modules. */
void machine_pvh_module(uint32_t index, uint64_t start, uint64_t bytes);

/* Xen PV: a domain of 128 MiB as the toolstack builds it. From 1 MiB on image, module (3 pages and
 * a byte), list, start_info, rings, five page tables, stack; the kernel's addresses begin at
 * XEN_PV_BASE. */
void machine_xen_pv(void);
/* The same as Xen builds the hardware domain: no rings, but two numbers where they are told, and a
 * "p" behind the magic. */
void machine_xen_pv_hardware_domain(void);
#define XEN_PV_BASE      0xffffffff80000000ull
#define XEN_PV_PAGES     0x8000ull
#define XEN_PV_MODULE    (3 * MIB)
#define XEN_PV_LIST      (4 * MIB)
#define XEN_PV_INFO      (XEN_PV_LIST + XEN_PV_PAGES * 8)
#define XEN_PV_TABLES    (XEN_PV_INFO + 3 * PAGE)
#define XEN_PV_STACK     (XEN_PV_TABLES + 5 * PAGE)
#define XEN_PV_SHARED    0x7654321000ull
#define XEN_PV_MAGIC     (XEN_PV_INFO + 0)
#define XEN_PV_NR_PAGES  (XEN_PV_INFO + 32)
#define XEN_PV_SHARED_AT (XEN_PV_INFO + 40)
#define XEN_PV_FLAGS     (XEN_PV_INFO + 48)
#define XEN_PV_STORE     (XEN_PV_INFO + 56)
#define XEN_PV_CONSOLE   (XEN_PV_INFO + 72)
#define XEN_PV_PT_BASE   (XEN_PV_INFO + 88)
#define XEN_PV_NR_PT     (XEN_PV_INFO + 96)
#define XEN_PV_LIST_AT   (XEN_PV_INFO + 104)
#define XEN_PV_MOD_START (XEN_PV_INFO + 112)
#define XEN_PV_MOD_LEN   (XEN_PV_INFO + 120)
#define XEN_PV_CMDLINE   (XEN_PV_INFO + 128)

/* Whether a complaint has this sentence. */
bool complains(const struct pv_boot_info *boot, const char *what);
/* What a byte is in the map; 0 if it lies in no range. */
uint32_t type_at(const struct pv_boot_info *boot, uint64_t phys);
/* Sorted, disjoint, merged, no empty range, below 2^52; fails the test otherwise. */
void assert_well_formed(const struct pv_boot_info *boot);

/* Reads what was told, and checks what holds for every result. */
int enter(enum pv_door door, struct pv_boot_info *boot);
/* The same, told at another place than AT_INFO. */
int enter_at(enum pv_door door, uint64_t at, struct pv_boot_info *boot);

#endif
