/* SPDX-License-Identifier: MIT */
/*
 * Functions behind the slots of a PV guest that change nothing but rax and the flags: those that are
 * a few instructions, and the way into those that are written in C.
 */
#include "backends/xen/abi/pv.h"
#include "backends/xen/pv/offsets.h"
#include "lib/x86/keep.h"

    .macro op name
    .p2align 4, 0x90
    .globl pv_xen_pv_\name
    .hidden pv_xen_pv_\name
    .type pv_xen_pv_\name, @function
pv_xen_pv_\name:
    endbr64
    .endm

    .macro end name
    .size pv_xen_pv_\name, . - pv_xen_pv_\name
    .endm

    .macro save_for_syscall
    push %rdi
    push %rsi
    push %rcx
    push %r11
    .endm

    .macro restore_and_return
    pop %r11
    pop %rcx
    pop %rsi
    pop %rdi
    ret
    .endm

    .text

op irq_disable
    movb $1, %gs:UPCALL_MASK
    ret
end irq_disable

op irq_enable
    movb $0, %gs:UPCALL_MASK
    cmpb $0, %gs:UPCALL_PENDING
    jne pv_xen_pv_take_pending
    ret
end irq_enable

op irq_save
    movzbl %gs:UPCALL_MASK, %eax
    movb $1, %gs:UPCALL_MASK
    dec %eax
    ret
end irq_save

/* The word is "pending" and, above it, "masked": 1 is what is pending and may come. */
op irq_restore
    lea 1(%rdi), %eax
    mov %al, %gs:UPCALL_MASK
    cmpw $1, %gs:UPCALL_PENDING
    je pv_xen_pv_take_pending
    ret
end irq_restore

op irq_flags
    movzbl %gs:UPCALL_MASK, %eax
    dec %eax
    ret
end irq_flags

/*
 * What became pending while events were off is delivered when a hypercall returns, whichever. An
 * event that comes before it is delivered too: then this one finds nothing to do.
 */
op take_pending
    save_for_syscall
    mov $HC_XEN_VERSION, %eax
    xor %edi, %edi
    xor %esi, %esi
    syscall
    restore_and_return
end take_pending

/* Xen unmasks events and blocks in one step (xen/common/sched, vcpu_block_enable_events). */
op irq_enable_halt
    save_for_syscall
    mov $HC_SCHED_OP, %eax
    mov $SCHEDOP_BLOCK, %edi
    xor %esi, %esi
    syscall
    restore_and_return
end irq_enable_halt

op irq_eoi
    ret
end irq_eoi

op cr2_read
    mov %gs:UPCALL_CR2, %rax
    ret
end cr2_read

op cr3_read
    mov %gs:CPU_CR3, %rax
    ret
end cr3_read

    .macro op_in_c name
op \name
    call_and_return pv_xen_pv_c_\name
end \name
    .endm

    op_in_c cpu_kernel_stack_set
    op_in_c cr3_write
    op_in_c tlb_invlpg
    op_in_c tlb_flush
    op_in_c pte_get
    op_in_c paging_batch_close
    op_in_c paging_table_add
    op_in_c paging_table_remove

    op_in_c paging_batch_open

/*
 * In a batch, an entry of the same table as before, with the same bits as before: 25 instructions, the
 * call and the return among them. `value ^ bits` is a frame and nothing else; rotated, whatever differs
 * makes it a frame that does not exist. All else is for C.
 */
op pte_set
    push %rcx
    mov %rdi, %rax
    sub %gs:CPU_TABLE, %rax
    cmp $LAST_ENTRY, %rax
    ja 1f
    add %gs:CPU_MACHINE, %rax
    mov %gs:CPU_NEXT, %rcx
    cmp %gs:CPU_END, %rcx
    jae 1f
    mov %rax, (%rcx)
    mov %rsi, %rax
    xor %gs:CPU_BITS, %rax
    ror $12, %rax
    cmp pv_xen_p2m_pages(%rip), %rax
    jae 1f
    shl $3, %rax
    add pv_xen_p2m_list(%rip), %rax
    mov (%rax), %rax
    shl $12, %rax
    or %gs:CPU_BITS_XEN, %rax
    mov %rax, 8(%rcx)
    addq $16, %gs:CPU_NEXT
    pop %rcx
    ret
1:  pop %rcx
    call_and_return pv_xen_pv_c_pte_set
end pte_set

op pte_clear
    push %rcx
    mov %rdi, %rax
    sub %gs:CPU_TABLE, %rax
    cmp $LAST_ENTRY, %rax
    ja 1f
    add %gs:CPU_MACHINE, %rax
    mov %gs:CPU_NEXT, %rcx
    cmp %gs:CPU_END, %rcx
    jae 1f
    mov %rax, (%rcx)
    movq $0, 8(%rcx)
    addq $16, %gs:CPU_NEXT
    pop %rcx
    ret
1:  pop %rcx
    call_and_return pv_xen_pv_c_pte_clear
end pte_clear

/*
 * bool pv_xen_pv_probe(const uint64_t *address, uint64_t *value): false if the address faults
 * (pv_xen_pv_trap() then goes on at the failure).
 */
op probe
    .globl pv_xen_pv_probe_access, pv_xen_pv_probe_failed
    .hidden pv_xen_pv_probe_access, pv_xen_pv_probe_failed
pv_xen_pv_probe_access:
    mov (%rdi), %rax
    mov %rax, (%rsi)
    mov $1, %eax
    ret
pv_xen_pv_probe_failed:
    xor %eax, %eax
    ret
end probe

    .section .note.GNU-stack, "", @progbits
