/* SPDX-License-Identifier: MIT */
/*
 * The native instructions that sites hold on a machine that the kernel owns.
 */
#include "lib/x86/sequence.h"
#include "pvops/config.h"
#define PV_CPU_KERNEL_STACK_SLOT 8 /* checked in pvops/percpu.h */

    .section .rodata.pv_native_sequences, "a", @progbits
    .globl pv_native_sequences, pv_native_sequences_end
    .hidden pv_native_sequences, pv_native_sequences_end
pv_native_sequences:

PV_SEQUENCE(irq_disable, 1, 1)
    cli
PV_SEQUENCE_END(irq_disable)

PV_SEQUENCE(irq_enable, 1, 1)
    sti
PV_SEQUENCE_END(irq_enable)

/* Four prefixes that mean nothing: padding all in front of pushfq would be too much for it. */
PV_SEQUENCE(irq_save, 3, 1)
    pushfq
    .byte 0x2e, 0x2e, 0x2e, 0x2e
    pop %rax
    cli
PV_SEQUENCE_END(irq_save)

/* Not popf: on every processor it costs several times a test and sti. */
PV_SEQUENCE(irq_restore, 3, 4)
    bt $9, %edi
    jnc 1f
    sti
1:
PV_SEQUENCE_END(irq_restore)

PV_SEQUENCE(irq_flags, 2, 1)
    pushfq
    pop %rax
PV_SEQUENCE_END(irq_flags)

PV_SEQUENCE(irq_enable_halt, 2, 1)
    sti
    hlt
PV_SEQUENCE_END(irq_enable_halt)

/* mov pv_native_eoi(%rip), %rax: the mapped EOI register (Intel SDM vol. 3A, 11.8.5). */
PV_SEQUENCE_FIX(irq_eoi, 2, 7, pv_native_eoi)
    .byte 0x48, 0x8b, 0x05
    PV_FIXUP(irq_eoi)
    movl $0, (%rax)
PV_SEQUENCE_END(irq_eoi)

PV_SEQUENCE(cpu_relax, 1, 2)
    pause
PV_SEQUENCE_END(cpu_relax)

PV_SEQUENCE(cpu_kernel_stack_set, 2, 9)
    mov %gs:PV_CONFIG_CPU_OFFSET + PV_CPU_KERNEL_STACK_SLOT, %rax
    mov %rdi, (%rax)
PV_SEQUENCE_END(cpu_kernel_stack_set)

PV_SEQUENCE(cpu_tls_set, 5, 2)
    mov %edi, %eax
    mov %rdi, %rdx
    shr $32, %rdx
    mov $0xc0000100, %ecx
    wrmsr
PV_SEQUENCE_END(cpu_tls_set)

PV_SEQUENCE(cr2_read, 1, 3)
    mov %cr2, %rax
PV_SEQUENCE_END(cr2_read)

PV_SEQUENCE(cr3_read, 1, 3)
    mov %cr3, %rax
PV_SEQUENCE_END(cr3_read)

PV_SEQUENCE(cr3_write, 1, 3)
    mov %rdi, %cr3
PV_SEQUENCE_END(cr3_write)

PV_SEQUENCE(tlb_invlpg, 1, 3)
    invlpg (%rdi)
PV_SEQUENCE_END(tlb_invlpg)

PV_SEQUENCE(tlb_flush, 2, 3)
    mov %cr3, %rax
    mov %rax, %cr3
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

/* Nothing to tell anybody about one's own page tables. */
PV_SEQUENCE(paging_batch_open, 0, 0)
PV_SEQUENCE_END(paging_batch_open)
PV_SEQUENCE(paging_batch_close, 0, 0)
PV_SEQUENCE_END(paging_batch_close)
PV_SEQUENCE(paging_table_add, 1, 2)
    xor %eax, %eax
PV_SEQUENCE_END(paging_table_add)
PV_SEQUENCE(paging_table_remove, 0, 0)
PV_SEQUENCE_END(paging_table_remove)

PV_SEQUENCE(vcpu_is_preempted, 1, 2)
    xor %eax, %eax
PV_SEQUENCE_END(vcpu_is_preempted)

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

PV_SEQUENCE(lock_wait, 1, 2)
    pause
PV_SEQUENCE_END(lock_wait)

PV_SEQUENCE(lock_kick, 0, 0)
PV_SEQUENCE_END(lock_kick)

pv_native_sequences_end:
    .section .note.GNU-stack, "", @progbits
