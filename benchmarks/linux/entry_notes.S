/* SPDX-License-Identifier: MIT */
/*
 * Where a boot begins: code that runs in front of a Linux kernel's own entry, writes the time-stamp
 * counter into its command line, and goes on to the kernel. image.py puts one of the two into a gap
 * of a copy of the kernel and completes the jump at its end.
 *
 * The command line begins with "entry_tsc=" and sixteen letters, which become the counter's digits in
 * base 16, 'a' for 0. Nothing that the kernel looks at at its entry is changed, and no stack is
 * needed: there is none by PVH.
 */
#define DIGITS_AT 10 /* behind "entry_tsc=" */
#define DIGITS    16

/* By PVH, in 32-bit mode: %ebx is the physical address of hvm_start_info, whose command line's
 * physical address is at 24 (Xen, public/arch-x86/hvm/start_info.h). */
#define PVH_COMMAND_LINE 24
    .text
    .code32
    .globl pvh_entry_note, pvh_entry_note_end
pvh_entry_note:
    rdtsc
    mov PVH_COMMAND_LINE(%ebx), %edi
    lea DIGITS_AT + DIGITS(%edi), %edi
    mov $DIGITS, %ecx
    mov %eax, %esi
1:  mov %esi, %eax
    and $15, %eax
    add $'a', %eax
    dec %edi
    mov %al, (%edi)
    shrd $4, %edx, %esi
    shr $4, %edx
    dec %ecx
    jnz 1b
    .byte 0xe9
    .long 0
pvh_entry_note_end:

/* By Xen PV, in 64-bit mode: %rsi is the address of start_info, whose command line is at 128 (Xen,
 * public/xen.h). */
#define PV_COMMAND_LINE 128
    .code64
    .globl pv_entry_note, pv_entry_note_end
pv_entry_note:
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov $DIGITS, %ecx
1:  mov %eax, %edx
    and $15, %edx
    add $'a', %edx
    mov %dl, PV_COMMAND_LINE + DIGITS_AT - 1(%rsi, %rcx)
    shr $4, %rax
    dec %ecx
    jnz 1b
    .byte 0xe9
    .long 0
pv_entry_note_end:

    .section .note.GNU-stack, "", @progbits
