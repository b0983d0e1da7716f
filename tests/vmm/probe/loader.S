/* SPDX-License-Identifier: MIT */
/*
 * The end of a loader that lies. QEMU starts this file by PVH, having put the kernel under test and
 * the lies into memory already (lies.py); here the registers are set as a loader of the kind that is
 * imitated leaves them, and the kernel's own door is entered.
 *
 * The state is that of all three doors: 32-bit protected mode, flat segments, no paging, interrupts
 * off (xen/include/public/arch-x86/hvm/start_info.h; Multiboot Specification 0.6.96, 3.2;
 * Multiboot2 Specification 2.0, 3.3).
 */

/* Where lies.py leaves what is to be in EAX and EBX, and the door's address: ORDERS there. */
#define ORDERS 0x5000000

#define XEN_ELFNOTE_PHYS32_ENTRY 18

    .section .note.Xen, "a", @note
    .p2align 2
    .long 4
    .long 8
    .long XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad entry

    .text
    .code32
    .globl entry
entry:
    cli
    cld
    mov ORDERS, %eax
    mov ORDERS + 4, %ebx
    jmp *(ORDERS + 8)

    .section .note.GNU-stack, "", @progbits
