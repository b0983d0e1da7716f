/* SPDX-License-Identifier: MIT */
/*
 * Functions behind slots that KVM does better than the hardware, for ops of convention SAVE: they
 * change nothing but rax and the flags.
 */
#include "pvops/config.h"
#include "backends/kvm/abi/kvm_para.h"
#include "backends/kvm/eoi.h"

    .macro op name
    .globl pv_kvm_\name
    .hidden pv_kvm_\name
    .type pv_kvm_\name, @function
pv_kvm_\name:
    endbr64
    .endm

    .macro end name
    .size pv_kvm_\name, . - pv_kvm_\name
    .endm

    .text

/* By the CPU's steal-time record; one without a record is not known to be preempted. */
op vcpu_is_preempted
    xor %eax, %eax
    cmp $PV_CONFIG_MAX_CPUS, %edi
    jae 2f
    push %rdi
    mov %edi, %edi
    lea pv_kvm_steal_records(%rip), %rax
    mov (%rax, %rdi, 8), %rax
    pop %rdi
    test %rax, %rax
    jz 2f
    movzbl PV_KVM_STEAL_PREEMPTED(%rax), %eax
    and $PV_KVM_VCPU_PREEMPTED, %eax
2:  ret
end vcpu_is_preempted

/* Does what its sequence does; see there. */
op irq_eoi
    shrb %gs:PV_CONFIG_CPU_OFFSET + PV_KVM_EOI_FLAG
    jnc pv_kvm_irq_eoi_due
    ret
end irq_eoi

/* The native end of interrupt, for whatever mode the local APIC is in. */
op irq_eoi_due
    /* Without an indirect branch: what a processor foresees behind the call goes nowhere. */
    push pv_kvm_base_eoi(%rip)
    call 2f
1:  pause
    lfence
    jmp 1b
2:  lea 8(%rsp), %rsp
    ret
end irq_eoi_due

    .section .note.GNU-stack, "", @progbits
