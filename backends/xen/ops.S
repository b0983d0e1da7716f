/* SPDX-License-Identifier: MIT */
/*
 * Functions behind slots that Xen does better than the hardware, in all kinds of domains, for ops of
 * convention SAVE: they change nothing but rax and the flags.
 */
#include "pvops/config.h"
#include "backends/xen/abi/vcpu.h"

    .macro op name
    .p2align 4, 0x90
    .globl pv_xen_\name
    .hidden pv_xen_\name
    .type pv_xen_\name, @function
pv_xen_\name:
    endbr64
    .endm

    .macro end name
    .size pv_xen_\name, . - pv_xen_\name
    .endm

    .text

/* By the CPU's runstate record; one without a record is not known to be preempted. */
op vcpu_is_preempted
    xor %eax, %eax
    cmp $PV_CONFIG_MAX_CPUS, %edi
    jae 1f
    push %rdi
    mov %edi, %edi
    lea pv_xen_runstates(%rip), %rax
    mov (%rax, %rdi, 8), %rax
    pop %rdi
    test %rax, %rax
    jz 1f
    cmpl $PV_RUNSTATE_RUNNABLE, PV_XEN_RUNSTATE_STATE(%rax)
    sete %al
    movzbl %al, %eax
1:  ret
end vcpu_is_preempted

    .section .note.GNU-stack, "", @progbits
