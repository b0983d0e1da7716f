/* SPDX-License-Identifier: MIT */
/*
 * What the readers of all doors share: copying from the loader's memory, and taking what was copied
 * into a struct pv_boot_info in which it is sorted and checked.
 *
 * A reader calls pv_intake_begin(), takes all it finds, and ends with pv_intake_finish().
 */
#ifndef PVOPS_LIB_BOOT_INTAKE_H
#define PVOPS_LIB_BOOT_INTAKE_H

#include "pvops/boot.h"

#define PV_PAGE_BYTES 0x1000ull
#define PV_FOUR_GIB   0x100000000ull

/* End of physical addresses: the architecture has 52 bits of them (AMD APM vol. 2, 5.3). */
#define PV_PHYSICAL_END (1ull << 52)

/* Entries of a list looked at before the rest is given up; far above what any loader tells. */
#define PV_INTAKE_ENTRIES 1024u

typedef void *(*pv_phys_to_virt_fn)(uint64_t phys);

/* What a loader says of the RSDP. */
struct pv_rsdp_hint {
    uint64_t phys;   /* 0: nothing */
    bool keep_bytes; /* it is the loader's own copy, which must not be allocated */
};

/*
 * identity.c: physical address 0 is mapped here, and so many bytes, on the page tables in force at
 * entry. The Xen PV door sets both, and pv_boot_from_xen_pv() the second once it knows.
 */
extern uint64_t pv_door_base PV_HIDDEN;
extern uint64_t pv_door_bytes PV_HIDDEN;

/*
 * Copies out of the loader's memory, below 4 GiB and above 0, each byte once. False if a part
 * cannot be read; what was copied until then is of no meaning.
 */
bool pv_intake_copy(void *to, uint64_t phys, uint64_t bytes, pv_phys_to_virt_fn phys_to_virt);

/*
 * Copies a string of at most `size` bytes with its NUL, of which `limit` are the loader's to end it
 * in. False if it had to be cut; it is terminated in any case.
 */
bool pv_intake_string(char *to, uint32_t size, uint64_t phys, uint64_t limit,
                      pv_phys_to_virt_fn phys_to_virt);

void pv_intake_begin(struct pv_boot_info *boot, enum pv_door door);

/* `what` is static storage. */
void pv_intake_complain(struct pv_boot_info *boot, const char *what, uint64_t where);

/* Counts an entry that is left out, and says why. */
void pv_intake_drop(struct pv_boot_info *boot, const char *why, uint64_t where);
void pv_intake_drop_many(struct pv_boot_info *boot, uint64_t count, const char *why);

/* One entry of a loader's memory map. Types that are not known are reserved. */
void pv_intake_range(struct pv_boot_info *boot, uint64_t start, uint64_t bytes, uint32_t type);
/* One of the kernel's own, which may be of the library's types too. */
void pv_intake_own_range(struct pv_boot_info *boot, uint64_t start, uint64_t bytes, uint32_t type);

/* What there is instead of a memory map: KiB below 640 KiB, and from 1 MiB on. */
void pv_intake_sizes(struct pv_boot_info *boot, uint32_t lower_kib, uint32_t upper_kib);

/* One module; its text is of at most `limit` bytes at `text`, or nothing if that is 0. */
void pv_intake_module(struct pv_boot_info *boot, uint64_t start, uint64_t bytes, uint64_t text,
                      uint64_t limit, pv_phys_to_virt_fn phys_to_virt);

/* Command line of at most `limit` bytes. */
void pv_intake_cmdline(struct pv_boot_info *boot, uint64_t phys, uint64_t limit,
                       pv_phys_to_virt_fn phys_to_virt);

/* Leaves out modules that do not lie in RAM, if there is a map, or over others. */
void pv_intake_check_modules(struct pv_boot_info *boot);

/* Checks across what was taken: modules against the map, the RSDP. */
void pv_intake_finish(struct pv_boot_info *boot, struct pv_rsdp_hint rsdp,
                      pv_phys_to_virt_fn phys_to_virt);

/* map.c: a range of a known type into the sorted, disjoint map. */
void pv_map_add(struct pv_boot_info *boot, uint64_t start, uint64_t end, uint32_t type);
/* map.c: the same, over RAM only. */
void pv_map_take_from_ram(struct pv_boot_info *boot, uint64_t start, uint64_t end, uint32_t type);
/* map.c: whether all of a range is RAM. */
bool pv_map_is_ram(const struct pv_boot_info *boot, uint64_t start, uint64_t end);

/* Longest RSDP that is believed; the one of ACPI 6.5 has 36 bytes. */
#define PV_RSDP_LONGEST 256u

/* rsdp.c: the address to use, or 0. */
uint64_t pv_rsdp_find(struct pv_boot_info *boot, uint64_t told, pv_phys_to_virt_fn phys_to_virt);

int pv_boot_from_multiboot1(uint64_t info, pv_phys_to_virt_fn phys_to_virt,
                            struct pv_boot_info *boot);
int pv_boot_from_multiboot2(uint64_t info, pv_phys_to_virt_fn phys_to_virt,
                            struct pv_boot_info *boot);

#endif
