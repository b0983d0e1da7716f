/* SPDX-License-Identifier: MIT */
/*
 * The smallest guest that can tell whether a KVM is worth using. It enters through PVH, makes one
 * KVM hypercall and leaves through isa-debug-exit; a KVM that never returns from the hypercall
 * never powers off, and the runner's time limit says so.
 *
 * It speaks TAP on COM1, so it also serves as the fixture of the runner's own tests: the first
 * letter of the command line picks what it does:
 *   (none), 'h'  hypercall                      'n'  native: no hypercall, succeed
 *   't'  print the TSC ticks of a known loop     'f'  one failing check
 *   'l'  say half a line, then halt for ever      's'  spin for ever
 *   'x'  triple fault                            'p'  succeed with one check less than planned
 *
 * ABI: PVH entry and start_info: xen/arch-x86/hvm/start_info.h; the note: xen/elfnote.h;
 * KVM's CPUID signature and hypercall numbers: Linux, Documentation/virt/kvm/x86/{cpuid,hypercalls}.
 */

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define START_INFO_CMDLINE 24
#define COM1 0x3f8
#define DEBUG_EXIT 0xf4
#define EXIT_SUCCESS 0x10
#define EXIT_FAILURE 0x11
#define KVM_CPUID_SIGNATURE 0x40000000
#define KVM_HC_KICK_CPU 5
#define LOOPS 1000000

    /* Descriptor of 8 bytes: some loaders accept nothing shorter in a 64-bit ELF. */
    .section .note.Xen, "a", @note
    .p2align 2
    .long 4
    .long 8
    .long XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad entry

    .text
    .code32
    .globl entry
entry:
    cli
    cld
    mov $stack_top, %esp
    mov START_INFO_CMDLINE(%ebx), %eax
    test %eax, %eax
    jz hypercall
    mov (%eax), %al
    cmp $'n', %al
    je native
    cmp $'t', %al
    je ticks
    cmp $'f', %al
    je failing
    cmp $'l', %al
    je halting
    cmp $'s', %al
    je spinning
    cmp $'x', %al
    je faulting
    cmp $'p', %al
    je short_plan

/* The signature is checked first: elsewhere the instruction is an invalid opcode. */
hypercall:
    mov $1, %eax
    cpuid
    test %ecx, %ecx
    jns not_kvm                         /* bit 31: a hypervisor is present */
    mov $KVM_CPUID_SIGNATURE, %eax
    cpuid
    cmp $0x4b4d564b, %ebx               /* "KVMKVMKVM" */
    jne not_kvm
    cmp $0x564b4d56, %ecx
    jne not_kvm
    cmp $0x4d, %edx
    jne not_kvm
    xor %eax, %eax
    cpuid
    mov %ebx, %esi
    mov $KVM_HC_KICK_CPU, %eax          /* kicking oneself wakes nobody and returns 0 */
    xor %ebx, %ebx
    xor %ecx, %ecx
    cmp $0x68747541, %esi               /* "Auth", the vendor's first word */
    je 1f
    vmcall
    jmp 2f
1:  vmmcall
2:  test %eax, %eax
    jnz failing
native:
    mov $text_good, %esi
    call print
    jmp leave_well

not_kvm:
    mov $text_not_kvm, %esi
    call print
    jmp leave_ill

failing:
    mov $text_bad, %esi
    call print
    jmp leave_ill

short_plan:
    mov $text_short, %esi
    call print
    jmp leave_well

halting:
    mov $text_half, %esi
    call print
1:  hlt
    jmp 1b

spinning:
    jmp spinning

faulting:
    lidt empty_idt
    ud2

/* N and 2N iterations of two instructions; the difference is free of what surrounds the loop. */
ticks:
    mov $text_ticks, %esi
    call print
    mov $LOOPS, %ecx
    call timed_loop
    mov %eax, %ebp
    mov $(2 * LOOPS), %ecx
    call timed_loop
    sub %ebp, %eax
    call print_decimal
    mov $text_ticks_end, %esi
    call print
    jmp leave_well

timed_loop:
    rdtsc
    mov %eax, %edi
1:  dec %ecx
    jnz 1b
    rdtsc
    sub %edi, %eax
    ret

leave_well:
    mov $EXIT_SUCCESS, %al
    jmp leave
leave_ill:
    mov $EXIT_FAILURE, %al
leave:
    out %al, $DEBUG_EXIT
1:  hlt
    jmp 1b

print:
    mov $COM1, %dx
1:  lodsb
    test %al, %al
    jz 2f
    out %al, %dx
    jmp 1b
2:  ret

print_decimal:
    mov $digits_end, %esi
    mov $10, %ecx
1:  xor %edx, %edx
    div %ecx
    add $'0', %dl
    dec %esi
    mov %dl, (%esi)
    test %eax, %eax
    jnz 1b
    jmp print

    .section .rodata
text_good:      .asciz "TAP version 13\n1..1\nok 1 - the guest ran to its end\n"
text_not_kvm:   .asciz "TAP version 13\n1..1\nnot ok 1 - KVM signature found\n"
text_bad:       .asciz "TAP version 13\n1..1\nnot ok 1 - a check that fails\n"
text_short:     .asciz "TAP version 13\n1..2\nok 1 - the only one of two\n"
text_half:      .asciz "TAP version 13\n1..1\nok 1 - before the ha"
text_ticks:     .asciz "TAP version 13\n1..1\n# instructions 2000000 ticks "
text_ticks_end: .asciz "\nok 1 - the loop was timed\n"

    .data
    .p2align 2
empty_idt:
    .word 0
    .long 0
    .skip 12
digits_end:
    .byte 0

    .bss
    .p2align 4
    .skip 1024
stack_top:

    .section .note.GNU-stack, "", @progbits
