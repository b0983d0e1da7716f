/* SPDX-License-Identifier: MIT */
/*
 * The PVH door: Xen (PVH domU and dom0), QEMU's -kernel, Firecracker, Cloud Hypervisor. A kernel
 * takes it by EXTERN(pv_door_pvh) in its linker script; otherwise the note below is not linked.
 *
 * The descriptor has 8 bytes. Xen takes 1, 2, 4 or 8 (libelf-tools.c, elf_note_numeric), rust-vmm's
 * linux-loader 4 or more, of which it reads 4 (src/loader/elf/mod.rs), but QEMU reads 8 from an
 * ELF64 file whatever the size says (hw/i386/x86.c, read_pvh_start_addr).
 *
 * ABI: xen/include/public/elfnote.h, xen/include/public/arch-x86/hvm/start_info.h, docs/misc/pvh.
 */
#include "lib/doors/door.h"
#include "lib/doors/xen_notes.h"

    .section .note.Xen, "a", @note
    .balign 4
    .long 4
    .long 8
    .long PV_XEN_NOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad pv_door_pvh_phys

    /* Loaders of this door say nothing in registers but EBX: the structure itself has a magic. */
    .section .pv_doors.text, "ax", @progbits
    .code32
    .globl pv_door_pvh
    .type pv_door_pvh, @function
pv_door_pvh:
    mov $DOOR_PVH, %ebp
    jmp pv_door_enter

    .section .note.GNU-stack, "", @progbits
