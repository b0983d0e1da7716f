/* SPDX-License-Identifier: MIT */
/*
 * What all doors share: from 32-bit protected mode without paging to one call of the kernel's
 * pv_start(door, info) in long mode, at the address it was linked at.
 *
 * In:  EBP  which door (door.h); EBX  physical address of what the loader left.
 * Out: interrupts off, an empty IDT, the GDT below, a 16 KiB stack, %gs not set, and page tables
 *      that map the first 4 GiB twice: where they are (data only, if the CPU has NX) and, as far as
 *      the address space goes, at pv_kernel_base. The fourth GiB is mapped uncached, since device
 *      registers lie there. These tables are for the way to the kernel's own: all of the kernel is
 *      writable in them.
 *
 * Position dependent: linked at pv_kernel_base + physical address. Until paging is on only physical
 * addresses work, and those of symbols come from the linker script (doors.ld), because no
 * relocation can express the difference of two symbols.
 *
 * Long mode: Intel SDM vol. 3A, 9.8.5. State at entry: xen/include/public/arch-x86/hvm/start_info.h;
 * Multiboot Specification 0.6.96, 3.2; Multiboot2 Specification 2.0, 3.3.
 */
#include "lib/doors/door.h"

#define MSR_EFER        0xc0000080
#define EFER_LME        0x100
#define EFER_NXE        0x800
#define CR0_LONG_MODE   0x80010033 /* PG, WP, NE, ET, MP, PE; caches on */
#define CR4_PAE         0x20
#define FLAGS_ID        0x200000
#define CPUID_EXTENDED  0x80000001
#define FEATURE_NX_BIT  20
#define FEATURE_LM      0x20000000
#define PRESENT_WRITE   0x3
#define LARGE_PAGE      0x83
#define LARGE_PAGE_SIZE 0x200000
#define UNCACHED        0x18
#define FOURTH_GIB      0xc0000000
#define COM1            0x3f8
#define DEBUG_PORT      0xe9

/* Physical address of something in this file's text. */
#define HERE(label) (pv_door_enter_phys + (label - pv_door_enter))

    .section .pv_doors.text, "ax", @progbits
    .code32

    /* The ELF file's entry point: that of multiboot loaders, which say in EAX what they are. */
    .globl pv_door_entry
    .type pv_door_entry, @function
pv_door_entry:
    mov $DOOR_MULTIBOOT1, %ebp
    cmp $MULTIBOOT1_LOADER, %eax
    je pv_door_enter
    mov $DOOR_MULTIBOOT2, %ebp
    cmp $MULTIBOOT2_LOADER, %eax
    je pv_door_enter
    .globl pv_door_stranger
pv_door_stranger:
    mov $HERE(not_a_loader), %esi
    jmp stop

    .globl pv_door_enter
    .type pv_door_enter, @function
pv_door_enter:
    cli
    cld
    mov $pv_door_memory_phys + STACK_END, %esp

    /* CPUID is there if the ID flag can be changed: Intel SDM vol. 1, 20.1.2. */
    mov $HERE(not_long), %esi
    pushfl
    pop %eax
    mov %eax, %ecx
    xor $FLAGS_ID, %eax
    push %eax
    popfl
    pushfl
    pop %eax
    cmp %ecx, %eax
    je stop
    push %ebx
    mov $CPUID_EXTENDED - 1, %eax
    cpuid
    cmp $CPUID_EXTENDED, %eax
    jb stop
    mov $CPUID_EXTENDED, %eax
    cpuid
    pop %ebx
    test $FEATURE_LM, %edx
    jz stop
    mov %edx, %esi

    /* All of the tables are written: not every loader is to be trusted with clearing .bss. */
    mov $pv_door_memory_phys, %edi
    xor %eax, %eax
    mov $TABLES_END / 4, %ecx
    rep stosl

    mov $pv_door_memory_phys + LEVEL2, %edi
    mov $LARGE_PAGE, %eax
next_page:
    cmp $FOURTH_GIB + LARGE_PAGE, %eax
    jne 1f
    or $UNCACHED, %eax
1:
    mov %eax, (%edi)
    add $8, %edi
    add $LARGE_PAGE_SIZE, %eax
    jnc next_page

    mov $pv_door_memory_phys + LEVEL3_LOW, %edi
    xor %edx, %edx
    call put_four_gib
    movl $pv_door_memory_phys + LEVEL3_LOW + PRESENT_WRITE, pv_door_memory_phys + LEVEL4

    /* The same at the kernel's base: bits 47 to 39 of it, then 38 to 30. */
    mov HERE(kernel_base) + 4, %eax
    mov %eax, %ecx
    shr $7, %ecx
    and $0x1ff, %ecx
    jz high_done
    movl $pv_door_memory_phys + LEVEL3_HIGH + PRESENT_WRITE, pv_door_memory_phys + LEVEL4(, %ecx, 8)
    mov HERE(kernel_base), %edx
    shrd $30, %eax, %edx
    and $0x1ff, %edx
    mov $pv_door_memory_phys + LEVEL3_HIGH, %edi
    call put_four_gib
high_done:

    mov $CR4_PAE, %eax
    mov %eax, %cr4
    mov $pv_door_memory_phys + LEVEL4, %eax
    mov %eax, %cr3
    mov %esi, %edi
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME, %eax
    bt $FEATURE_NX_BIT, %edi
    jnc 1f
    or $EFER_NXE, %eax
1:
    wrmsr
    mov $CR0_LONG_MODE, %eax
    mov %eax, %cr0
    lgdtl HERE(gdt_low)
    ljmp $DOOR_CS, $HERE(long_mode)

    /* Entries %edx and following of the level 3 table at %edi, without wrapping round. */
put_four_gib:
    mov $pv_door_memory_phys + LEVEL2 + PRESENT_WRITE, %eax
    lea 4(%edx), %ecx
1:
    mov %eax, (%edi, %edx, 8)
    add $0x1000, %eax
    inc %edx
    cmp $512, %edx
    je 2f
    cmp %ecx, %edx
    jne 1b
2:
    ret

    /* Says the text at %esi on the two consoles that need no set-up, and stops for ever. */
stop:
    cld
1:
    lodsb
    test %al, %al
    jz 4f
    out %al, $DEBUG_PORT
    mov %al, %ah
    mov $COM1 + 5, %dx
    mov $0x10000, %ecx
2:
    in %dx, %al
    test $0x20, %al
    loopz 2b
    mov $COM1, %dx
    mov %ah, %al
    out %al, %dx
    jmp 1b
4:
    cli
    hlt
    jmp 4b

not_long:
    .asciz "pvops: this CPU has no 64-bit mode\r\n"
not_a_loader:
    .asciz "pvops: entered by something that is not the loader this entry is for\r\n"

    .code64
long_mode:
    movabs $at_kernel_base, %rax
    jmp *%rax
at_kernel_base:
    lgdt gdt_high(%rip)
    lidt no_idt(%rip)
    mov $DOOR_DS, %eax
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    lea pv_door_memory + STACK_END(%rip), %rsp

    /* Nothing runs at low addresses from here on, unless the kernel is linked there. */
    bt $FEATURE_NX_BIT, %edi
    jnc 1f
    cmpq $0, kernel_base(%rip)
    je 1f
    lea pv_door_memory + LEVEL3_LOW(%rip), %rdx
    btsq $63, (%rdx)
    btsq $63, 8(%rdx)
    btsq $63, 16(%rdx)
    btsq $63, 24(%rdx)
    mov %cr3, %rcx
    mov %rcx, %cr3
1:
    mov %ebp, %edi
    mov %ebx, %esi
    xor %ebp, %ebp
    call pv_start
2:
    cli
    hlt
    jmp 2b

    .balign 8
kernel_base:
    .quad pv_kernel_base
gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
gdt_end:
gdt_low:
    .word gdt_end - gdt - 1
    .long HERE(gdt)
    .balign 8
gdt_high:
    .word gdt_end - gdt - 1
    .quad gdt
no_idt:
    .word 0
    .quad 0

    .section .bss.pv_doors, "aw", @nobits
    .balign 0x1000
    .globl pv_door_memory
pv_door_memory:
    .skip STACK_END

    .section .note.GNU-stack, "", @progbits
