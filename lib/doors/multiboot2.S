/* SPDX-License-Identifier: MIT */
/*
 * The multiboot2 door: GRUB's `multiboot2`, which loads ELF64 files. Taken by
 * EXTERN(pv_door_multiboot2) in the linker script.
 *
 * The entry is told as a tag, as physical address: without it a loader takes the ELF file's entry
 * point, which some translate from virtual to physical and others do not.
 *
 * ABI: Multiboot2 Specification 2.0, 3.1: in the first 32768 bytes of the file, aligned to 8, and so
 * is each tag.
 */
#include "lib/doors/door.h"

#define MAGIC                 0xe85250d6
#define ARCHITECTURE_I386     0
#define TAG_END               0
#define TAG_INFORMATION       1
#define TAG_ENTRY_ADDRESS     3
#define TAG_MODULE_ALIGNMENT  6
#define INFORMATION_CMDLINE   1
#define INFORMATION_MODULE    3
#define INFORMATION_MAP       6
#define INFORMATION_RSDP_OLD  14
#define INFORMATION_RSDP_NEW  15
#define REQUIRED              0
#define OPTIONAL              1

    .section .pv_doors.multiboot2, "a", @progbits
    .balign 8
header:
    .long MAGIC
    .long ARCHITECTURE_I386
    .long header_end - header
    .long -(MAGIC + ARCHITECTURE_I386 + (header_end - header))

information:
    .short TAG_INFORMATION, REQUIRED
    .long information_end - information
    .long INFORMATION_MAP
information_end:

    .balign 8
wishes:
    .short TAG_INFORMATION, OPTIONAL
    .long wishes_end - wishes
    .long INFORMATION_CMDLINE, INFORMATION_MODULE, INFORMATION_RSDP_OLD, INFORMATION_RSDP_NEW
wishes_end:

    .balign 8
    .short TAG_ENTRY_ADDRESS, REQUIRED
    .long 12
    .long pv_door_multiboot2_phys

    .balign 8
    .short TAG_MODULE_ALIGNMENT, REQUIRED
    .long 8

    .balign 8
    .short TAG_END, REQUIRED
    .long 8
header_end:

    .section .pv_doors.text, "ax", @progbits
    .code32
    .globl pv_door_multiboot2
    .type pv_door_multiboot2, @function
pv_door_multiboot2:
    cmp $MULTIBOOT2_LOADER, %eax
    jne pv_door_stranger
    mov $DOOR_MULTIBOOT2, %ebp
    jmp pv_door_enter

    .section .note.GNU-stack, "", @progbits
