/* SPDX-License-Identifier: MIT */
/*
 * What sites hold where KVM offers something shorter than an exit.
 */
#include "lib/x86/sequence.h"
#include "pvops/config.h"
#include "backends/kvm/eoi.h"

    .section .rodata.pv_kvm_sequences, "a", @progbits
    .globl pv_kvm_sequences, pv_kvm_sequences_end
    .hidden pv_kvm_sequences, pv_kvm_sequences_end
pv_kvm_sequences:

/*
 * Is the permission to skip the end of interrupt there? It is looked at and used up in a single
 * instruction, as it must be, for KVM can take it back at any exit (Linux, Documentation/virt/kvm/
 * x86/msr.rst, MSR_KVM_EOI_EN). A shift by one is shorter than `btr`, and keeps the site within the
 * length at which a call in it is one instruction.
 */
PV_SEQUENCE_FIX(irq_eoi, 3, 8, pv_kvm_irq_eoi_due)
    shrb %gs:PV_CONFIG_CPU_OFFSET + PV_KVM_EOI_FLAG
    jc 1f
    .byte 0xe8
    PV_FIXUP(irq_eoi)
1:
PV_SEQUENCE_END(irq_eoi)

/* As pv_lock_release_asleep() of lib/x86/asleep.S. */
PV_SEQUENCE_FIX(lock_release, 3, 3, pv_lock_release_marked)
    lock decb (%rdi)
    je 1f
    .byte 0xe8
    PV_FIXUP(lock_release)
1:
PV_SEQUENCE_END(lock_release)

pv_kvm_sequences_end:
    .section .note.GNU-stack, "", @progbits
