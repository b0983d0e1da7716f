/* SPDX-License-Identifier: MIT */
/*
 * Functions of the host's backends that do more than tell who they are, and the range that no
 * site may lie in.
 */
#include "lib/x86/sequence.h"

    .macro op name
    .balign 16
    .globl \name
    .hidden \name
    .type \name, @function
\name:
    .endm

    .text
op alpha_pte_set
    endbr64
    mov %rsi, (%rdi)
    mov $0xA000 + PV_OPID_pte_set, %eax
    ret
op beta_pte_set
    endbr64
    mov %rsi, (%rdi)
    mov $0xB000 + PV_OPID_pte_set, %eax
    ret
op alpha_pte_clear
    endbr64
    movq $0, (%rdi)
    ret
op beta_pte_clear
    endbr64
    movq $0, (%rdi)
    ret
op alpha_vcpu_is_preempted
    endbr64
    mov $1, %eax
    ret
op alpha_lock_release
op beta_lock_release
    endbr64
    movb $0, (%rdi)
    ret
op alpha_lock_acquire
op beta_lock_acquire
    endbr64
    xor %eax, %eax
    mov $1, %ecx
    lock cmpxchg %ecx, (%rdi)
    jne pv_lock_acquire_slow
    ret
op alpha_cpu_kernel_stack_set
op beta_cpu_kernel_stack_set
    endbr64
    mov %gs:64 + 8, %rax
    mov %rdi, (%rax)
    ret

/* No endbr64: a direct call goes to its first byte. */
op beta_clock_ns
    mov $0xB000 + PV_OPID_clock_ns, %eax
    ret

/* What an override puts in place of an op: 0xC000, in one, in several instructions. */
op host_override
    endbr64
    mov $0xC000, %eax
    ret
/* Long enough that threads are often found in it. */
op host_override_slow
    endbr64
    push %rdi
    mov $20, %edi
1:  pause
    dec %edi
    jnz 1b
    pop %rdi
    mov $0xC001, %eax
    ret

/* uint64_t host_call(site, first, second): the site is followed by a `ret`. */
op host_call
    endbr64
    push %rbx
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    call *%rax
    pop %rbx
    ret

/*
 * uint64_t host_call_keeps(site, first, second, bad): the same, and counts in *bad the registers
 * that a site of convention SAVE should have kept.
 */
op host_call_keeps
    endbr64
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    push %rcx
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    push %rdi
    push %rsi
    mov $0x101, %ebx
    mov $0x102, %ecx
    mov $0x103, %edx
    mov $0x104, %ebp
    mov $0x105, %r8d
    mov $0x106, %r9d
    mov $0x107, %r10d
    mov $0x108, %r11d
    mov $0x109, %r12d
    mov $0x10a, %r13d
    mov $0x10b, %r14d
    mov $0x10c, %r15d
    call *%rax
    /* stack now: rsi, rdi, bad, ... */
    push %rax                   /* result */
    .macro fail_unless register value
    cmp $\value, \register
    je 1f
    mov 24(%rsp), %rax
    incl (%rax)
1:
    .endm
    fail_unless %rbx, 0x101
    fail_unless %rcx, 0x102
    fail_unless %rdx, 0x103
    fail_unless %rbp, 0x104
    fail_unless %r8, 0x105
    fail_unless %r9, 0x106
    fail_unless %r10, 0x107
    fail_unless %r11, 0x108
    fail_unless %r12, 0x109
    fail_unless %r13, 0x10a
    fail_unless %r14, 0x10b
    fail_unless %r15, 0x10c
    cmp 8(%rsp), %rsi
    je 1f
    mov 24(%rsp), %rax
    incl (%rax)
1:  cmp 16(%rsp), %rdi
    je 1f
    mov 24(%rsp), %rax
    incl (%rax)
1:  pop %rax
    pop %rsi
    pop %rdi
    pop %rcx
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

/* The range that no site may lie in. */
    .section .text.host_nosite, "ax", @progbits
    .globl pv_nosite_start, pv_nosite_end
    .hidden pv_nosite_start, pv_nosite_end
    .balign 64
pv_nosite_start:
    .fill 64, 1, 0xcc
pv_nosite_end:
    .fill 64, 1, 0xcc

    .section .note.GNU-stack, "", @progbits
