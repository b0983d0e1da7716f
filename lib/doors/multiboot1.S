/* SPDX-License-Identifier: MIT */
/*
 * The multiboot1 door: QEMU's -kernel, GRUB's `multiboot`, many older loaders. Taken by
 * EXTERN(pv_door_multiboot1) in the linker script, and through a derived file only.
 *
 * QEMU looks for a multiboot1 header before it looks for a PVH note, and refuses ELF64 behind one
 * (hw/i386/multiboot.c). So the ELF64 file must not show the header, or the PVH door were shut.
 * What is here is the room for it, with magic and checksum missing: it is no header to any loader.
 * lib/doors/make-mb1 completes it while it derives the ELF32 file of the same bytes.
 *
 * ABI: Multiboot Specification 0.6.96, 3.1.1: in the first 8192 bytes of the file, aligned to 4.
 */
#include "lib/doors/door.h"

    /* In make-mb1: magic 0x1badb002; flags: modules on page boundaries, memory information. */
    .section .pv_doors.multiboot1, "a", @progbits
    .balign 4
    .fill 3, 4, 0

    .section .pv_doors.text, "ax", @progbits
    .code32
    .globl pv_door_multiboot1
    .type pv_door_multiboot1, @function
pv_door_multiboot1:
    cmp $MULTIBOOT1_LOADER, %eax
    jne pv_door_stranger
    mov $DOOR_MULTIBOOT1, %ebp
    jmp pv_door_enter

    .section .note.GNU-stack, "", @progbits
