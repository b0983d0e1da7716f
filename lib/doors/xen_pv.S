/* SPDX-License-Identifier: MIT */
/*
 * The Xen PV door: Xen enters a PV guest's kernel in 64-bit mode and ring 3, on page tables that map
 * the beginning of its memory at the address of VIRT_BASE. A kernel takes the door by
 * EXTERN(pv_door_xen_pv) in its linker script; otherwise the notes below are not linked.
 *
 * In:  RSI  virtual address of struct start_info.
 * Out: the door's stack, and one call of pv_start(PV_DOOR_XEN_PV, physical address of start_info).
 *
 * Descriptor tables are Xen's, events are masked, no trap table is set: a fault ends the domain with
 * a line in Xen's log. All else is left to C: no call site runs before pv_early_init().
 *
 * No HYPERCALL_PAGE note: hypercalls are made directly. PADDR_OFFSET 0: the file's physical addresses
 * are what they say. WRITABLE page tables are not asked for (FEATURES). PAE_MODE is for 32-bit guests.
 *
 * ABI: xen/include/public/elfnote.h; xen/include/public/xen.h, "Start-of-day memory layout".
 */
#include "lib/doors/door.h"
#include "lib/doors/xen_notes.h"

    .macro note type
    .balign 4
    .long 4
    .long 2f - 1f
    .long \type
    .asciz "Xen"
1:
    .endm

    .macro note_text type, text
    note \type
    .asciz "\text"
2:  .balign 4
    .endm

    .macro note_number type, number
    note \type
    .quad \number
2:  .balign 4
    .endm

    .section .note.Xen, "a", @note
    note_text PV_XEN_NOTE_GUEST_OS, "pvops"
    note_text PV_XEN_NOTE_GUEST_VERSION, "1"
    note_text PV_XEN_NOTE_XEN_VERSION, "xen-3.0"
    note_text PV_XEN_NOTE_LOADER, "generic"
    note_number PV_XEN_NOTE_VIRT_BASE, pv_kernel_base
    note_number PV_XEN_NOTE_PADDR_OFFSET, 0
    note_number PV_XEN_NOTE_ENTRY, pv_door_xen_pv

    .section .pv_doors.text, "ax", @progbits
    .code64
    .globl pv_door_xen_pv
    .type pv_door_xen_pv, @function
pv_door_xen_pv:
    cld
    lea pv_door_memory + STACK_END(%rip), %rsp
    mov pv_kernel_base_here(%rip), %rax
    sub %rax, %rsi
    mov %rax, pv_door_base(%rip)
    /* Until start_info was read, its page is all that is known to be mapped. */
    lea 0x1000(%rsi), %rax
    mov %rax, pv_door_bytes(%rip)
    mov $DOOR_XEN_PV, %edi
    xor %ebp, %ebp
    call pv_start
1:  ud2 /* Xen ends the domain */
    jmp 1b

    .balign 8
pv_kernel_base_here:
    .quad pv_kernel_base

    .section .note.GNU-stack, "", @progbits
