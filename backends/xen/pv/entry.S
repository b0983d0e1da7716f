/* SPDX-License-Identifier: MIT */
/*
 * Where Xen enters a PV guest, and how the guest asks to go back.
 *
 * Xen pushes what the processor would, with rcx and r11 on top (xen/arch/x86/x86_64/entry.S,
 * create_bounce_frame). Each stub takes these off and goes on at the kernel's own stub for the
 * vector: pv_cpu_idt_load() noted where that is. Nothing here is a call site, for breakpoints and
 * NMIs pass by.
 */
#include "backends/xen/abi/pv.h"
#include "backends/xen/pv/offsets.h"

#define STUB_BYTES         16
#define VECTORS            256
#define VECTOR_BREAKPOINT  3
#define VECTOR_PROTECTION  13
#define SAVED_DS           16 /* behind rcx and r11 */
#define SAVED_SEGMENTS     32 /* ds, es, fs, gs */

    .section .text.pv_nosite, "ax", @progbits
    .balign STUB_BYTES
    .globl pv_xen_pv_stubs
    .hidden pv_xen_pv_stubs
pv_xen_pv_stubs:
    .set vector, 0
    .rept VECTORS
    .balign STUB_BYTES
    pop %rcx
    pop %r11
    .if vector == VECTOR_BREAKPOINT
    jmp breakpoint
    .else
    push pv_xen_pv_gates + 8 * vector(%rip)
    jmp go_on
    .endif
    .set vector, vector + 1
    .endr

/*
 * To the address on top of the stack, without an indirect branch that could be led astray: what a
 * processor foresees behind the call is a loop that goes nowhere.
 */
go_on:
    call 2f
1:  pause
    lfence
    jmp 1b
2:  lea 8(%rsp), %rsp
    ret

/*
 * Xen has no stack of their own for any traps: this one was pushed right below the interrupted rsp,
 * where the handler of a breakpoint may have to push a return address. So it is moved down.
 */
breakpoint:
    push 32(%rsp)
    push 32(%rsp)
    push 32(%rsp)
    push 32(%rsp)
    push 32(%rsp)
    push pv_xen_pv_gates + 8 * VECTOR_BREAKPOINT(%rip)
    jmp go_on

/* On the kernel's stack, as pv_syscall_entry::framed wants it. */
    .balign 16
    .globl pv_xen_pv_syscall
    .hidden pv_xen_pv_syscall
pv_xen_pv_syscall:
    pop %rcx
    pop %r11
    push pv_xen_pv_syscall_entry(%rip)
    jmp go_on

/*
 * Two things bring Xen here, and the segment registers that it saved tell them apart. If one of them
 * is not what it was, it could not be loaded when this CPU was resumed, as its descriptor is no more
 * (xen/arch/x86/domain.c, load_segments): it is empty now, as is right, and what was interrupted
 * goes on. Otherwise a frame given to IRET could not be used, which Xen says so up to 4.7: to the
 * kernel it is what it would be on hardware, a #GP, with the frame that was refused on top.
 */
    .balign 16
    .globl pv_xen_pv_failsafe
    .hidden pv_xen_pv_failsafe
pv_xen_pv_failsafe:
    mov %ds, %ecx
    cmp %cx, SAVED_DS(%rsp)
    jne 1f
    mov %es, %ecx
    cmp %cx, SAVED_DS + 8(%rsp)
    jne 1f
    mov %fs, %ecx
    cmp %cx, SAVED_DS + 16(%rsp)
    jne 1f
    mov %gs, %ecx
    cmp %cx, SAVED_DS + 24(%rsp)
    jne 1f
    pop %rcx
    pop %r11
    add $SAVED_SEGMENTS, %rsp
    push $0
    push pv_xen_pv_gates + 8 * VECTOR_PROTECTION(%rip)
    jmp go_on
1:  pop %rcx
    pop %r11
    add $SAVED_SEGMENTS, %rsp
    jmp pv_frame_return

/* See pvops/entry.h: rsp at rip, cs, rflags, rsp, ss. struct iret_context has four words before. */
    .balign 16
    .globl pv_frame_return
    .type pv_frame_return, @function
pv_frame_return:
    incq %gs:CPU_RETURNS
    push $0
    push %rcx
    push %r11
    push %rax
    mov $PV_XEN_HC_IRET, %eax
    syscall
    ud2
    .size pv_frame_return, . - pv_frame_return

    .section .note.GNU-stack, "", @progbits
