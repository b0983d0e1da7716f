/* SPDX-License-Identifier: MIT */
/*
 * Where the processor enters the kernel: 256 trap stubs, the `syscall` entries, and the one way out.
 * All build a struct pv_regs (pvops/trap.h) on the stack.
 *
 * A VMM may make the frames instead (pvops/entry.h): then %gs is the kernel's already. Natively user
 * code has one code selector, which no such frame has, so telling the three apart costs nothing on
 * the way in, and nothing on the way back to user code. 16 bits are compared: above them a VMM may
 * leave something of its own.
 *
 * None of this holds a call site: it is also the way into the handler of the breakpoints that live
 * patching puts into sites. Vectors 1, 2, 3, 8 and 18 may come at any instruction, between `swapgs`
 * and its counterpart too, so they look at the %gs base itself: the kernel's is negative, and user
 * code cannot set one that is.
 *
 * ABI: Intel SDM vol. 3A, 6.14 (stack frames), vol. 2 (SYSCALL, SWAPGS).
 */
#include "layout.h"
#include "pvops/config.h"
#include "pvops/entry.h"

#define MSR_GS_BASE              0xc0000101
#define PV_CPU_KERNEL_STACK_SLOT 8 /* checked in pvops/percpu.h */
#define REGS_RIP                 (17 * 8)
#define REGS_CS                  (18 * 8)
#define REGS_CS_UPPER_BYTE       (REGS_CS + 1)
#define REGS_VECTOR_AND_ERROR    16

.macro push_registers
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    cld
.endm

.macro pop_registers
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    add $REGS_VECTOR_AND_ERROR, %rsp
.endm

    .section .text.pv_nosite, "ax", @progbits

/* One stub each 16 bytes; trap.c computes their addresses. */
    .balign 16
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    endbr64
    .if !((vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21))
    push $0
    .endif
    push $vector
    .if (vector <= 3 && vector != 0) || (vector == 8) || (vector == 18)
    jmp trap_anywhere
    .else
    jmp trap_common
    .endif
    .set vector, vector + 1
    .endr

trap_common:
    push_registers
    cmpw $USER_CS, REGS_CS(%rsp)
    jne 2f
1:  swapgs
    jmp 3f
2:  cmpq $trap_return_to_user, REGS_RIP(%rsp)
    je 1b
3:  mov %rsp, %rdi
    call trap_handle
    /* Falls through. */

/* rsp points at a struct pv_regs; interrupts are off. */
    .globl trap_return
trap_return:
    cmpw $USER_CS, REGS_CS(%rsp)
    jne 1f
    swapgs
    pop_registers
/* What cannot be returned to faults here, in the kernel, with the user's %gs already. */
    .globl trap_return_to_user
trap_return_to_user:
    iretq
1:  pop_registers
    PV_RETURN_FROM_FRAME

trap_anywhere:
    push_registers
    xor %ebx, %ebx
    testb $PV_FRAME_VIRTUAL, REGS_CS_UPPER_BYTE(%rsp)
    jnz 1f
    mov $MSR_GS_BASE, %ecx
    rdmsr
    test %edx, %edx
    js 1f
    swapgs
    inc %ebx
1:  mov %rsp, %rdi
    call trap_handle_anywhere
    test %ebx, %ebx
    jz 2f
    swapgs
2:  pop_registers
    PV_RETURN_FROM_FRAME

/* The processor left rip in rcx and rflags in r11, and the user's stack pointer where it was. */
    .globl syscall_entry
syscall_entry:
    endbr64
    swapgs
    mov %rsp, %gs:CPU_USER_RSP
    mov %gs:PV_CONFIG_CPU_OFFSET + PV_CPU_KERNEL_STACK_SLOT, %rsp
    mov (%rsp), %rsp
    push $USER_DS
    push %gs:CPU_USER_RSP
    push %r11
    push $USER_CS
    push %rcx
    push $0
    push $VECTOR_SYSCALL
    push_registers
    mov %rsp, %rdi
    call syscall_handle
    jmp trap_return

/* Where a VMM owns `syscall`: on the kernel's stack, with the frame of an interrupt on it. */
    .globl syscall_entry_framed
syscall_entry_framed:
    endbr64
    push $0
    push $VECTOR_SYSCALL
    push_registers
    mov %rsp, %rdi
    call syscall_handle
    jmp trap_return

    .section .note.GNU-stack, "", @progbits
