/* SPDX-License-Identifier: MIT */
/*
 * From one kernel stack to another (System V AMD64 psABI 3.2.1: what a callee saves), the first
 * steps of a new thread, and memory accesses that may fault.
 */
    .text

/* void context_switch(uint64_t *save_rsp, uint64_t load_rsp) */
    .globl context_switch
context_switch:
    endbr64
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret

/* Where a new thread's first context_switch() returns to: rbx and r12 were set by thread.c. */
    .globl thread_begin
thread_begin:
    mov %rbx, %rdi
    mov %r12, %rsi
    call thread_main
    ud2

/* bool probe_read(const volatile void *address, uint64_t *value): false when it faults. */
    .globl probe_read, probe_read_access, probe_failed
probe_read:
    endbr64
probe_read_access:
    mov (%rdi), %rax
    mov %rax, (%rsi)
    mov $1, %eax
    ret

/* bool probe_write(volatile void *address, uint64_t value): false when it faults. */
    .globl probe_write, probe_write_access
probe_write:
    endbr64
probe_write_access:
    mov %rsi, (%rdi)
    mov $1, %eax
    ret

/* bool probe_segment(uint16_t selector): into %fs; false when it faults. */
    .globl probe_segment, probe_segment_access
probe_segment:
    endbr64
probe_segment_access:
    mov %edi, %fs
    mov $1, %eax
    ret

probe_failed:
    xor %eax, %eax
    ret

    .section .note.GNU-stack, "", @progbits
