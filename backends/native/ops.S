/* SPDX-License-Identifier: MIT */
/*
 * The native functions behind the slots, for sites that are not patched (yet) and for tables of
 * backends on top of this one. Each does what its sequence in sequences.S does. Those of
 * convention SAVE change nothing but rax and the flags.
 */
#include "lib/x86/keep.h"
#include "pvops/config.h"
#define PV_CPU_KERNEL_STACK_SLOT 8 /* checked in pvops/percpu.h */

#define PV_E_UNSUPPORTED -8         /* checked in native.c */

/* Not aligned: most of them run only until sites are patched. */
    .macro op name
    .globl pv_native_\name
    .hidden pv_native_\name
    .type pv_native_\name, @function
pv_native_\name:
    endbr64
    .endm

    .macro end name
    .size pv_native_\name, . - pv_native_\name
    .endm

    .text

op irq_disable
    cli
    ret
end irq_disable

op irq_enable
    sti
    ret
end irq_enable

op irq_save
    pushfq
    pop %rax
    cli
    ret
end irq_save

op irq_restore
    bt $9, %edi
    jnc 1f
    sti
1:  ret
end irq_restore

op irq_flags
    pushfq
    pop %rax
    ret
end irq_flags

op irq_enable_halt
    sti
    hlt
    ret
end irq_enable_halt

/* In x2APIC mode there is no register in memory, and no sequence: MSR 80BH (Intel SDM vol. 3A,
 * table 11-6). */
op irq_eoi
    mov pv_native_eoi(%rip), %rax
    test %rax, %rax
    jz 1f
    movl $0, (%rax)
    ret
1:  push %rcx
    push %rdx
    mov $0x80b, %ecx
    xor %edx, %edx
    wrmsr
    pop %rdx
    pop %rcx
    ret
end irq_eoi

op cpu_relax
    pause
    ret
end cpu_relax

#ifndef PV_CONFIG_THIS_CPU

op cpu_kernel_stack_set
    mov %gs:PV_CONFIG_CPU_OFFSET + PV_CPU_KERNEL_STACK_SLOT, %rax
    mov %rdi, (%rax)
    ret
end cpu_kernel_stack_set

#else /* the block is found by an expression of C, and C loses registers */

op cpu_kernel_stack_set
    call_and_return pv_native_kernel_stack_set_by_call
end cpu_kernel_stack_set

#endif

/* MSR C0000100H, FS.Base: AMD APM vol. 2, 4.5.3. */
op cpu_tls_set
    mov %edi, %eax
    mov %rdi, %rdx
    shr $32, %rdx
    mov $0xc0000100, %ecx
    wrmsr
    ret
end cpu_tls_set

op cr2_read
    mov %cr2, %rax
    ret
end cr2_read

op cr3_read
    mov %cr3, %rax
    ret
end cr3_read

op cr3_write
    mov %rdi, %cr3
    ret
end cr3_write

op tlb_invlpg
    invlpg (%rdi)
    ret
end tlb_invlpg

op tlb_flush
    mov %cr3, %rax
    mov %rax, %cr3
    ret
end tlb_flush

op pte_get
    mov (%rdi), %rax
    ret
end pte_get

op pte_set
    mov %rsi, (%rdi)
    ret
end pte_set

op pte_clear
    movq $0, (%rdi)
    ret
end pte_clear

op paging_batch_open
    ret
end paging_batch_open

op paging_batch_close
    ret
end paging_batch_close

op paging_table_add
    xor %eax, %eax
    ret
end paging_table_add

op paging_table_remove
    ret
end paging_table_remove

op vcpu_is_preempted
    xor %eax, %eax
    ret
end vcpu_is_preempted

op lock_acquire
    xor %eax, %eax
    mov $1, %ecx
    lock cmpxchg %ecx, (%rdi)
    jne pv_lock_acquire_slow
    ret
end lock_acquire

op lock_release
    movb $0, (%rdi)
    ret
end lock_release

op lock_wait
    pause
    ret
end lock_wait

op lock_kick
    ret
end lock_kick

/* Only a VMM has a host to tell these things to. */
op cpu_halt_poll
op cpu_migration_allow
op clock_pair
    mov $PV_E_UNSUPPORTED, %eax
    ret
end cpu_halt_poll
end cpu_migration_allow
end clock_pair

/* Descriptor tables are the kernel's own memory. */
op cpu_ldt_add
op cpu_ldt_remove
    xor %eax, %eax
    ret
end cpu_ldt_add
end cpu_ldt_remove

op smp_yield_to
    ret
end smp_yield_to

    .section .note.GNU-stack, "", @progbits
