/* SPDX-License-Identifier: MIT */
/*
 * Where a CPU of a PV guest begins, and where it ends. A CPU that was taken down goes on behind that
 * call when it is brought up again, so both ways lead to the same place. r12d is its number.
 */
#define HC_VCPU_OP  24 /* checked in smp.c */
#define VCPUOP_DOWN 2
#define NOBODY      -1

    .text
    .globl pv_xen_pv_landing
    .hidden pv_xen_pv_landing
    .type pv_xen_pv_landing, @function
pv_xen_pv_landing:
    endbr64
    cld
    /* A CPU that comes so late that nobody waits for it any more, or for another one, has no stack. */
    mov %r12d, %eax
    mov $NOBODY, %ecx
    lock cmpxchg %ecx, pv_xen_pv_start_vcpu(%rip)
    jne go_down
    mov pv_xen_pv_start_stack(%rip), %rsp
    xor %ebp, %ebp
    call pv_xen_pv_cpu_begin
1:  ud2
    jmp 1b
    .size pv_xen_pv_landing, . - pv_xen_pv_landing

/* void pv_xen_pv_park(uint32_t *parked, uint32_t vcpu): once *parked is 1, the stack is not used. */
    .globl pv_xen_pv_park
    .hidden pv_xen_pv_park
    .type pv_xen_pv_park, @function
pv_xen_pv_park:
    endbr64
    mov %esi, %r12d
    mov $1, %eax
    xchg %eax, (%rdi)
go_down:
    mov $HC_VCPU_OP, %eax
    mov $VCPUOP_DOWN, %edi
    mov %r12d, %esi
    xor %edx, %edx
    syscall
    pause
    jmp pv_xen_pv_landing
    .size pv_xen_pv_park, . - pv_xen_pv_park

    .section .note.GNU-stack, "", @progbits
