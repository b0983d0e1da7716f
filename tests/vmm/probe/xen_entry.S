/* SPDX-License-Identifier: MIT */
/*
 * The doors of the Xen probe guest: PVH (32-bit, paging off) and Xen PV (64-bit, page tables given).
 * Both end in probe_main(how, info) of xen.c, in 64-bit mode, with everything mapped where it was
 * loaded: the PVH door builds an identity map of 4 GiB for that, and PV is asked for one by a
 * virtual base of 0.
 *
 * ABI: notes and both entries: xen/elfnote.h, xen/features.h; registers at a PV entry and what is
 * mapped then: "Start-of-day memory layout" in xen/xen.h; PVH: xen/arch-x86/hvm/start_info.h.
 */

#define XEN_ELFNOTE_ENTRY 1
#define XEN_ELFNOTE_VIRT_BASE 3
#define XEN_ELFNOTE_PADDR_OFFSET 4
#define XEN_ELFNOTE_XEN_VERSION 5
#define XEN_ELFNOTE_GUEST_OS 6
#define XEN_ELFNOTE_LOADER 8
#define XEN_ELFNOTE_SUPPORTED_FEATURES 17
#define XEN_ELFNOTE_PHYS32_ENTRY 18
/* Without this feature Xen refuses the kernel as dom0. */
#define XENFEAT_dom0 11

#define HOW_PV 0
#define HOW_PVH 1

#define CR4_PAE (1 << 5)
#define CR0_PG (1 << 31)
#define MSR_EFER 0xc0000080
#define EFER_LME (1 << 8)
#define PRESENT_WRITABLE 3
#define LARGE_PAGE 0x83

    .macro note type, descriptor:vararg
    .p2align 2
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \descriptor
2:  .p2align 2
    .endm

    .section .note.Xen, "a", @note
    note XEN_ELFNOTE_PHYS32_ENTRY, .quad pvh_entry
    note XEN_ELFNOTE_ENTRY, .quad pv_entry
    note XEN_ELFNOTE_VIRT_BASE, .quad 0
    note XEN_ELFNOTE_PADDR_OFFSET, .quad 0
    note XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
    note XEN_ELFNOTE_GUEST_OS, .asciz "probe"
    note XEN_ELFNOTE_LOADER, .asciz "generic"
    note XEN_ELFNOTE_SUPPORTED_FEATURES, .quad 1 << XENFEAT_dom0

    .text
    .code64
    .globl entry, pv_entry
entry:
pv_entry:
    cld
    lea stack_top(%rip), %rsp
    mov $HOW_PV, %edi
    call probe_main                     /* start_info is in %rsi already */
    ud2

    .code32
pvh_entry:
    cli
    cld
    /* 2,048 large pages in four directories that lie one behind the other. */
    mov $directories, %edi
    mov $LARGE_PAGE, %eax
    mov $2048, %ecx
1:  mov %eax, (%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 1b
    mov $directories + PRESENT_WRITABLE, %eax
    mov $pointers, %edi
    mov $4, %ecx
2:  mov %eax, (%edi)
    add $0x1000, %eax
    add $8, %edi
    loop 2b
    movl $pointers + PRESENT_WRITABLE, top
    mov $top, %eax
    mov %eax, %cr3
    mov %cr4, %eax
    or $CR4_PAE, %eax
    mov %eax, %cr4
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME, %eax
    wrmsr
    mov %cr0, %eax
    or $CR0_PG, %eax
    mov %eax, %cr0
    lgdt gdt_pointer
    ljmp $8, $1f

    .code64
1:  xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    lea stack_top(%rip), %rsp
    mov $HOW_PVH, %edi
    mov %ebx, %esi
    call probe_main
    ud2

    .section .rodata
    .p2align 3
gdt:
    .quad 0
    .quad 0x00af9b000000ffff            /* 64-bit code, ring 0 */
gdt_pointer:
    .word . - gdt - 1
    .quad gdt

    .bss
    .p2align 12
top:
    .skip 4096
pointers:
    .skip 4096
directories:
    .skip 4 * 4096
    .skip 8192
stack_top:

    .section .note.GNU-stack, "", @progbits
