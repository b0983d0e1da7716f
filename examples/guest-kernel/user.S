/* SPDX-License-Identifier: MIT */
/*
 * The user programs: one page of code, mapped at USER_CODE in every process. Which of them runs, and
 * with which number, is in the data page, at the same address in each process.
 */
#include "user.h"

#define BUSY_LOOPS 2000

    .section .user, "a", @progbits
    mov USER_DATA + USER_NUMBER, %rbx   /* must stay what it is, whoever else runs */
    mov USER_DATA + USER_ROUNDS, %r12
    mov USER_DATA + USER_PROGRAM, %rax
    cmp $USER_CALLER, %rax
    je call_loop
    cmp $USER_YIELDER, %rax
    je yield_loop
    cmp $USER_SPY, %rax
    je spy
    cmp $USER_STRAY, %rax
    je stray
    mov $2, %ebp                        /* how often each page is touched */
    cmp $USER_TOUCHER, %rax
    je touch_all
    mov $1, %ebp
    cmp $USER_FAULTER, %rax
    je touch_all
    cmp $USER_FLOAT, %rax
    je keep_registers
    mov $SYS_YIELD, %ebp
    cmp $USER_EDGE, %rax
    je keep_last_page
    mov $SYS_NOTHING, %ebp
    cmp $USER_EDGE_ALONE, %rax
    je keep_last_page

/* USER_COUNTER, and USER_WILD until half of its rounds are done. */
    mov $SYS_WRITE, %eax
    mov $USER_DATA + USER_TEXT, %edi
    mov $USER_TEXT_BYTES, %esi
    syscall
    cmp $USER_TEXT_BYTES, %rax
    jne wrong
    mov %r12, %r13
    shr $1, %r13
    push %rbx
count_loop:
    mov $BUSY_LOOPS, %ecx
1:  dec %ecx
    jnz 1b
    incq USER_DATA + USER_COUNT
    cmp %rbx, USER_DATA + USER_NUMBER
    jne wrong
    cmp %rbx, (%rsp)
    jne wrong
    cmp %rbx, %fs:0
    jne wrong
    cmp %r13, %r12
    jne 2f
    cmpq $USER_WILD, USER_DATA + USER_PROGRAM
    jne 2f
    movq $1, USER_WILD_ADDRESS
2:  dec %r12
    jnz count_loop
    mov USER_DATA + USER_ROUNDS, %rax
    cmp %rax, USER_DATA + USER_COUNT
    jne wrong
    mov %rbx, %rdi
    jmp leave

call_loop:
    mov $SYS_NOTHING, %eax
    syscall
    dec %r12
    jnz call_loop
    mov %rbx, %rdi
    jmp leave

yield_loop:
    mov $SYS_YIELD, %eax
    syscall
    dec %r12
    jnz yield_loop
    mov %rbx, %rdi
    jmp leave

touch_all:
    mov $USER_AREA, %edi
    mov %r12, %rcx
1:  cmpq $0, USER_DATA + USER_ENOUGH
    jne 2f
    incq (%rdi)
    add $4096, %rdi
    dec %rcx
    jnz 1b
    dec %ebp
    jnz touch_all
2:  mov %rbx, %rdi
    jmp leave

/* USER_FLOAT: a register of each kind, and one that says how the unit works. */
keep_registers:
    movq %rbx, %xmm0
    movq %rbx, %xmm15
    punpcklqdq %xmm15, %xmm15
    push %rbx
    fildq (%rsp)
1:  mov $BUSY_LOOPS, %ecx
2:  dec %ecx
    jnz 2b
    movq %xmm0, %rax
    cmp %rbx, %rax
    jne wrong
    movhlps %xmm15, %xmm1
    movq %xmm1, %rax
    cmp %rbx, %rax
    jne wrong
    fld %st(0)
    fistpq (%rsp)
    cmp %rbx, (%rsp)
    jne wrong
    stmxcsr (%rsp)
    cmpl $0x1f80, (%rsp)
    jne wrong
    dec %r12
    jnz 1b
    mov %rbx, %rdi
    jmp leave

keep_last_page:
    movabs $USER_LAST_PAGE, %r13
    mov %rbx, (%r13)
    mov %rbx, 0xff8(%r13)
1:  cmp %rbx, (%r13)
    jne wrong
    cmp %rbx, 0xff8(%r13)
    jne wrong
    incq USER_DATA + USER_COUNT
    mov %ebp, %eax
    syscall
    dec %r12
    jnz 1b
    mov %rbx, %rdi
    jmp leave

stray:
    push %r12
    lea 1f(%rip), %rax
    push %rax
    lretq
1:  ud2

spy:
    mov (%r12), %rax
wrong:
    mov $USER_WRONG, %edi
leave:
    mov $SYS_EXIT, %eax
    syscall
    ud2

    .section .note.GNU-stack, "", @progbits
