/* SPDX-License-Identifier: MIT */
/*
 * From the loader to C. PVH enters in 32-bit protected mode without paging, EBX pointing at struct
 * hvm_start_info; from there to long mode on boot page tables that map the first 4 GiB three times:
 * where they are, at DIRECT_BASE, and (1 GiB of them) at KERNEL_BASE. paging.c replaces them.
 *
 * ABI: xen/include/public/arch-x86/hvm/start_info.h, xen/elfnote.h; long mode: Intel SDM vol. 3A,
 * 9.8.5.
 */
#include "layout.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define MSR_EFER                 0xc0000080
#define EFER_LME                 0x100
#define MSR_GS_BASE              0xc0000101
#define CR0_PE_WP_PG             0x80010001
#define CR4_PAE                  0x20

#define PHYSICAL(symbol) (symbol - KERNEL_BASE)

    /* The descriptor has 8 bytes: some loaders take nothing shorter from a 64-bit ELF file. */
    .section .note.Xen, "a", @note
    .balign 4
    .long 4
    .long 8
    .long XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad PHYSICAL(pvh_entry)

    .section .text.entry, "ax", @progbits
    .code32
    .globl pvh_entry
pvh_entry:
    cli
    cld
    mov %ebx, %edi
    mov $CR4_PAE, %eax
    mov %eax, %cr4
    mov $PHYSICAL(boot_level4), %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME, %eax
    wrmsr
    mov $CR0_PE_WP_PG, %eax
    mov %eax, %cr0
    lgdt PHYSICAL(boot_gdt_pointer)
    ljmp $KERNEL_CS, $PHYSICAL(long_mode)

    .code64
long_mode:
    mov $KERNEL_DS, %eax
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    movabs $boot_stack_top, %rsp
    mov $MSR_GS_BASE, %ecx
    movabs $boot_cpu, %rax
    mov %rax, %rdx
    shr $32, %rdx
    wrmsr
    mov %edi, %edi
    movabs $kernel_main, %rax
    xor %ebp, %ebp
    push $0
    jmp *%rax

    .section .data
    .balign 0x1000
boot_level4:
    .quad PHYSICAL(boot_level3_low) + 3
    .fill 255, 8, 0
    .quad PHYSICAL(boot_level3_low) + 3
    .fill 254, 8, 0
    .quad PHYSICAL(boot_level3_high) + 3
boot_level3_low:
    .quad PHYSICAL(boot_level2) + 0x0003
    .quad PHYSICAL(boot_level2) + 0x1003
    .quad PHYSICAL(boot_level2) + 0x2003
    .quad PHYSICAL(boot_level2) + 0x3003
    .fill 508, 8, 0
boot_level3_high:
    .fill 510, 8, 0
    .quad PHYSICAL(boot_level2) + 3
    .quad 0
boot_level2:
    .set page, 0
    .rept 2048
    .quad page + 0x83
    .set page, page + 0x200000
    .endr

    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
boot_gdt_pointer:
    .word . - boot_gdt - 1
    .long PHYSICAL(boot_gdt)

    .section .bss
    .balign 16
    .globl boot_stack_top
    .skip 16384
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
