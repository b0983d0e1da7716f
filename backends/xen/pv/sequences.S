/* SPDX-License-Identifier: MIT */
/*
 * What sites hold in a PV guest instead of the privileged instructions. The interrupt flag is a byte
 * that Xen looks at before it delivers an event: struct vcpu_info in this CPU's struct pv_cpu
 * (xen/include/public/xen.h, evtchn_upcall_mask).
 */
#include "backends/xen/pv/offsets.h"
#include "lib/x86/sequence.h"

    .section .rodata.pv_xen_pv_sequences, "a", @progbits
    .globl pv_xen_pv_sequences, pv_xen_pv_sequences_end
    .hidden pv_xen_pv_sequences, pv_xen_pv_sequences_end
pv_xen_pv_sequences:

PV_SEQUENCE(irq_disable, 1, 9)
    movb $1, %gs:UPCALL_MASK
PV_SEQUENCE_END(irq_disable)

/* 0 becomes all ones, in which the bit of RFLAGS.IF is set; 1 becomes 0. */
PV_SEQUENCE(irq_save, 3, 9)
    movzbl %gs:UPCALL_MASK, %eax
    movb $1, %gs:UPCALL_MASK
    dec %eax
PV_SEQUENCE_END(irq_save)

PV_SEQUENCE(irq_flags, 2, 9)
    movzbl %gs:UPCALL_MASK, %eax
    dec %eax
PV_SEQUENCE_END(irq_flags)

/* There is no interrupt controller; an event is over when its bit is cleared. */
PV_SEQUENCE(irq_eoi, 0, 0)
PV_SEQUENCE_END(irq_eoi)

/* As pv_lock_release_asleep() of lib/x86/asleep.S. */
PV_SEQUENCE_FIX(lock_release, 3, 3, pv_lock_release_marked)
    lock decb (%rdi)
    je 1f
    .byte 0xe8
    PV_FIXUP(lock_release)
1:
PV_SEQUENCE_END(lock_release)

pv_xen_pv_sequences_end:
    .section .note.GNU-stack, "", @progbits
