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
 * In a batch, another entry of the table that was written last: 25 instructions, the call and the return
 * among them. Rights that Xen takes as they are may be any (pte.c); what differs else from the kind of the
 * last entry, `value ^ bits` has besides a frame, and rotated it makes that a frame which does not exist.
 * The new value lies in free room of the queue until the pointer to it moves.
 *
 * An entry of another kind, and one of another table that was written lately (queue.h), are known with some
 * more; all else is for C. A handler that interrupts a batch gets to C before it changes a word.
 */
    .macro other_kind failed
    mov %esi, %eax
    shr $2, %eax
    and $1, %eax
    bt $8, %esi
    adc %eax, %eax
    shl $4, %eax
    lea pv_xen_pte_kinds(%rip), %rcx
    add %rcx, %rax
    mov (%rax), %rcx
    cmp %gs:CPU_BITS, %rcx
    je \failed
    cmpq $0, %gs:CPU_END
    je \failed
    mov %rcx, %gs:CPU_BITS
    mov 8(%rax), %rcx
    mov %rcx, %gs:CPU_ADD
    .endm

    .macro recent_table failed
    mov %rdi, %rax
    shr $(12 - RECENT_SHIFT), %eax
    and $RECENT_MASK, %eax
    add %gs:CPU_RECENT, %rax
    mov RECENT_CHANGES(%rax), %rcx
    cmp pv_xen_table_changes(%rip), %rcx
    jne \failed
    mov RECENT_TABLE(%rax), %rcx
    xor %rdi, %rcx
    cmp $LAST_ENTRY, %rcx
    ja \failed
    xor %rdi, %rcx
    mov %rcx, %gs:CPU_TABLE
    mov RECENT_BIT(%rax), %rcx
    or %rcx, %gs:CPU_WRITTEN
    mov RECENT_MACHINE(%rax), %rcx
    mov %rcx, %gs:CPU_MACHINE
    mov %rdi, %rax
    and $LAST_ENTRY, %eax
    add %rax, %rcx
    mov %gs:CPU_NEXT, %rax
    .endm

/* Where the entry lies, to the new value; the queue's next place is in rax. */
    .macro append_and_return failed
    mov %rdi, %rcx
    sub %gs:CPU_TABLE, %rcx
    cmp $LAST_ENTRY, %rcx
    ja 2f
    add %gs:CPU_MACHINE, %rcx
1:  mov %rcx, (%rax)
    addq $16, %gs:CPU_NEXT
    ret
2:  recent_table \failed
    jmp 1b
    .endm

op pte_set
0:  mov %rsi, %rax
    and pv_xen_pte_compared(%rip), %rax
    xor %gs:CPU_BITS, %rax
    ror $12, %rax
    cmp pv_xen_p2m_pages(%rip), %rax
    jae 3f
    mov pv_xen_p2m_list(%rip), %rcx
    mov (%rcx, %rax, 8), %rcx
    sub %rax, %rcx
    shl $12, %rcx
    add %gs:CPU_ADD, %rcx
    add %rsi, %rcx
    mov %gs:CPU_NEXT, %rax
    cmp %gs:CPU_END, %rax
    jae 4f
    mov %rcx, 8(%rax)
    append_and_return 4f
3:  other_kind 4f
    jmp 0b
4:  call_and_return pv_xen_pv_c_pte_set
end pte_set

op pte_clear
    mov %gs:CPU_NEXT, %rax
    cmp %gs:CPU_END, %rax
    jae 3f
    movq $0, 8(%rax)
    append_and_return 3f
3:  call_and_return pv_xen_pv_c_pte_clear
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
