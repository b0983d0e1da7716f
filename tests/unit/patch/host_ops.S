/* SPDX-License-Identifier: MIT */
/*
 * Functions and sequences of the host's backends. Each function tells who it is and for which op
 * it stands; host_custom.S has those that do more. In assembly, because compiled code would want
 * an aligned stack and more registers than a site gives.
 */
#include "lib/x86/sequence.h"
#include "pvops/config.h"
#define PV_CPU_KERNEL_STACK_SLOT 8 /* checked in pvops/percpu.h */
#define PV_CPU_VMM_STATE         256

    .text
#define MAKE_COLD(name)
#define MAKE_HOT(name)                                                                             \
    .balign 16; .weak alpha_##name, beta_##name;                                                   \
    .hidden alpha_##name, beta_##name;                                                             \
    .type alpha_##name, @function; .type beta_##name, @function;                                   \
    alpha_##name: endbr64; mov $0xA000 + PV_OPID_##name, %eax; ret;                                \
    beta_##name: endbr64; mov $0xB000 + PV_OPID_##name, %eax; ret;
#define PV_OP(kind, convention, length, shape, type, name, params, args) MAKE_##kind(name)
#include "pvops/ops/all.h"
#undef PV_OP

    .section .rodata.host_beta_sequences, "a", @progbits
    .globl host_beta_sequences, host_beta_sequences_end
    .hidden host_beta_sequences, host_beta_sequences_end
host_beta_sequences:

/* A byte of the CPU's own block, as an event mask is: the whole site. */
#define MASK PV_CONFIG_CPU_OFFSET + PV_CPU_VMM_STATE + 1
PV_SEQUENCE(irq_disable, 1, 9)
    movb $1, %gs:MASK
PV_SEQUENCE_END(irq_disable)

/* One instruction, the whole site. */
PV_SEQUENCE(irq_enable, 1, 6)
    .byte 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x01
PV_SEQUENCE_END(irq_enable)

/* The longest sequence that there can be. Torn, it leaves the stack one word off. */
PV_SEQUENCE(irq_save, 4, 2)
    push $0x3b
    movb $1, %gs:MASK
    mov %al, %gs:MASK
    pop %rax
PV_SEQUENCE_END(irq_save)

PV_SEQUENCE(irq_restore, 3, 4)
    bt $9, %edi
    jnc 1f
    nop
1:
PV_SEQUENCE_END(irq_restore)

PV_SEQUENCE(irq_flags, 1, 11)
    .byte 0x2e
    movabs $0xB000 + PV_OPID_irq_flags, %rax
PV_SEQUENCE_END(irq_flags)

PV_SEQUENCE_FIX(irq_eoi, 2, 7, host_eoi)
    .byte 0x48, 0x8b, 0x05
    PV_FIXUP(irq_eoi)
    movl $0, (%rax)
PV_SEQUENCE_END(irq_eoi)

PV_SEQUENCE(cpu_relax, 1, 2)
    pause
PV_SEQUENCE_END(cpu_relax)

/* Its first instruction begins with a GS prefix, which padding must keep in force. */
PV_SEQUENCE(cpu_kernel_stack_set, 2, 9)
    mov %gs:PV_CONFIG_CPU_OFFSET + PV_CPU_KERNEL_STACK_SLOT, %rax
    mov %rdi, (%rax)
PV_SEQUENCE_END(cpu_kernel_stack_set)

PV_SEQUENCE(cpu_tls_set, 4, 2)
    mov %edi, %eax
    mov %rdi, %rdx
    shr $32, %rdx
    mov $0xc0000100, %ecx
PV_SEQUENCE_END(cpu_tls_set)

PV_SEQUENCE(tlb_invlpg, 1, 3)
    mov %rdi, %rax
PV_SEQUENCE_END(tlb_invlpg)

/* Several instructions where a call is one. Torn, it leaves the stack one word off. */
PV_SEQUENCE(tlb_flush, 3, 2)
    push $0x3b
    pop %rax
    nop
PV_SEQUENCE_END(tlb_flush)

PV_SEQUENCE(pte_get, 1, 3)
    mov (%rdi), %rax
PV_SEQUENCE_END(pte_get)

PV_SEQUENCE(pte_set, 1, 3)
    mov %rsi, (%rdi)
PV_SEQUENCE_END(pte_set)

PV_SEQUENCE(pte_clear, 1, 7)
    movq $0, (%rdi)
PV_SEQUENCE_END(pte_clear)

PV_SEQUENCE(paging_batch_open, 0, 0)
PV_SEQUENCE_END(paging_batch_open)
PV_SEQUENCE(paging_batch_close, 0, 0)
PV_SEQUENCE_END(paging_batch_close)

PV_SEQUENCE(vcpu_is_preempted, 1, 2)
    xor %eax, %eax
PV_SEQUENCE_END(vcpu_is_preempted)

/* The rel32 of the fix-up is a call to a slow path. */
PV_SEQUENCE_FIX(lock_acquire, 5, 2, pv_lock_acquire_slow)
    xor %eax, %eax
    mov $1, %ecx
    lock cmpxchg %ecx, (%rdi)
    je 1f
    .byte 0xe8
    PV_FIXUP(lock_acquire)
1:
PV_SEQUENCE_END(lock_acquire)

PV_SEQUENCE(lock_release, 1, 3)
    movb $0, (%rdi)
PV_SEQUENCE_END(lock_release)

PV_SEQUENCE(lock_kick, 0, 0)
PV_SEQUENCE_END(lock_kick)

host_beta_sequences_end:

    .section .note.GNU-stack, "", @progbits
