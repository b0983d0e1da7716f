/* SPDX-License-Identifier: MIT */
/*
 * Where a CPU of a hardware-virtualized domain begins when Xen starts it, and where it ends. A CPU
 * that was taken down goes on behind that call when it is brought up again, so both ways lead to the
 * same place; what it has by then of control registers may be older than the block.
 */
#include "backends/xen/hvm/smp_entry.h"
#include "lib/x86/landing.h"

    .text
    .p2align 4, 0x90
    .globl pv_xen_hvm_landing
    .hidden pv_xen_hvm_landing
    .type pv_xen_hvm_landing, @function
pv_xen_hvm_landing:
    endbr64
    cld
    lea pv_xen_hvm_block(%rip), %rdi
    take_block
    xor %ebp, %ebp
    call pv_xen_hvm_cpu_begin
2:  ud2
    jmp 2b
    .size pv_xen_hvm_landing, . - pv_xen_hvm_landing

/* void pv_xen_hvm_park(uint32_t *parked, uint32_t vcpu): once *parked is 1, the stack is not used. */
    .p2align 4, 0x90
    .globl pv_xen_hvm_park
    .hidden pv_xen_hvm_park
    .type pv_xen_hvm_park, @function
pv_xen_hvm_park:
    endbr64
    cli
    mov %esi, %r12d
    mov $1, %eax
    xchg %eax, (%rdi)
1:  mov $HC_VCPU_OP, %eax
    mov $VCPUOP_DOWN, %edi
    mov %r12d, %esi
    xor %edx, %edx
    cmpb $USES_VMMCALL, pv_xen_instruction(%rip)
    je 2f
    vmcall
    jmp 3f
2:  vmmcall
    /* Brought up, if it is this one that is being started. */
3:  cmp %r12d, pv_xen_hvm_block + BLOCK_VCPU(%rip)
    je pv_xen_hvm_landing
    pause
    jmp 1b
    .size pv_xen_hvm_park, . - pv_xen_hvm_park

    .section .note.GNU-stack, "", @progbits
