/* SPDX-License-Identifier: MIT */
/*
 * RDMSR and WRMSR that survive a #GP: the trap hook in msr.c compares the faulting instruction
 * with the labels here and resumes at pv_native_msr_failed, with the stack as at the instruction.
 */
#define PV_E_MSR -11 /* checked in msr.c */

    .text
    .globl pv_native_cpu_msr_read, pv_native_rdmsr
    .hidden pv_native_cpu_msr_read, pv_native_rdmsr
    .type pv_native_cpu_msr_read, @function
pv_native_cpu_msr_read:
    endbr64
    mov %edi, %ecx
pv_native_rdmsr:
    rdmsr
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, (%rsi)
    xor %eax, %eax
    ret
    .size pv_native_cpu_msr_read, . - pv_native_cpu_msr_read

    .globl pv_native_cpu_msr_write, pv_native_wrmsr
    .hidden pv_native_cpu_msr_write, pv_native_wrmsr
    .type pv_native_cpu_msr_write, @function
pv_native_cpu_msr_write:
    endbr64
    mov %edi, %ecx
    mov %esi, %eax
    mov %rsi, %rdx
    shr $32, %rdx
pv_native_wrmsr:
    wrmsr
    xor %eax, %eax
    ret
    .size pv_native_cpu_msr_write, . - pv_native_cpu_msr_write

    .globl pv_native_msr_failed
    .hidden pv_native_msr_failed
pv_native_msr_failed:
    mov $PV_E_MSR, %eax
    ret

    .section .note.GNU-stack, "", @progbits
