/* SPDX-License-Identifier: MIT */
/*
 * From a start-up message to the kernel's entry.
 *
 * The trampoline is not run where it is linked: smp.c copies it to a page below 1 MiB and fills the
 * words at its end. It goes from real mode (CS is the page, IP 0: Intel SDM vol. 3A, 9.4.4) to
 * protected mode to long mode (9.8.5), on tables in which the page lies where it is and the
 * kernel's half is the kernel's. The landing is linked with the kernel.
 */
#include "backends/native/smp_entry.h"
#include "lib/x86/landing.h"

#define MSR_EFER 0xc0000080
#define CR0_PE   1

    .section .rodata.pv_native_trampoline, "a", @progbits
    .globl pv_native_trampoline, pv_native_trampoline_32, pv_native_trampoline_64
    .globl pv_native_trampoline_gdt, pv_native_trampoline_words, pv_native_trampoline_end
    .hidden pv_native_trampoline, pv_native_trampoline_32, pv_native_trampoline_64
    .hidden pv_native_trampoline_gdt, pv_native_trampoline_words, pv_native_trampoline_end

#define WORD(offset) (pv_native_trampoline_words - pv_native_trampoline + offset)

    .balign 16
    .code16
pv_native_trampoline:
    cli
    cld
    mov %cs, %ax
    mov %ax, %ds
    xor %ebx, %ebx
    mov %ax, %bx
    shl $4, %ebx
    lgdtl WORD(WORDS_GDT)
    mov %cr0, %eax
    or $CR0_PE, %eax
    mov %eax, %cr0
    ljmpl *WORD(WORDS_TO_32)

    .code32
pv_native_trampoline_32:
    mov $TRAMPOLINE_DS, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov WORD(WORDS_CR4)(%ebx), %eax
    mov %eax, %cr4
    mov WORD(WORDS_CR3)(%ebx), %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    mov WORD(WORDS_EFER_LOW)(%ebx), %eax
    mov WORD(WORDS_EFER_HIGH)(%ebx), %edx
    wrmsr
    mov WORD(WORDS_CR0)(%ebx), %eax
    mov %eax, %cr0
    ljmpl *WORD(WORDS_TO_64)(%ebx)

    .code64
pv_native_trampoline_64:
    mov WORD(WORDS_BLOCK)(%rbx), %rdi
    jmp *WORD(WORDS_LANDING)(%rbx)

    /* Flat 32-bit code and data, 64-bit code: Intel SDM vol. 3A, 3.4.5. */
    .balign 8
pv_native_trampoline_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00af9b000000ffff

pv_native_trampoline_words:
    .fill WORDS_BYTES
pv_native_trampoline_end:

    .text
    .p2align 4, 0x90
    .globl pv_native_landing
    .hidden pv_native_landing
    .type pv_native_landing, @function
/* rdi: the block. */
pv_native_landing:
    endbr64
    take_block
    /* A call that never returns, without an indirect branch; then the block is the next CPU's. */
    push $0
    push BLOCK_ENTRY(%rdi)
    mov BLOCK_ARGUMENT(%rdi), %rsi
    movl $1, BLOCK_ARRIVED(%rdi)
    mov %rsi, %rdi
    xor %ebp, %ebp
    ret
    .size pv_native_landing, . - pv_native_landing

/* void pv_native_smp_park(uint32_t *parked): behind the store no memory is used any more. */
    .p2align 4, 0x90
    .globl pv_native_smp_park
    .hidden pv_native_smp_park
    .type pv_native_smp_park, @function
pv_native_smp_park:
    endbr64
    cli
    movl $1, (%rdi)
1:  hlt
    jmp 1b
    .size pv_native_smp_park, . - pv_native_smp_park

    .section .note.GNU-stack, "", @progbits
