/* SPDX-License-Identifier: MIT */
/*
 * KVM hypercalls: the number in rax, up to four arguments in rbx, rcx, rdx, rsi, the result in
 * rax, all other registers kept (Linux, Documentation/virt/kvm/x86/hypercalls.rst). The
 * instruction is that of the processor's own virtualization, since the host need not replace the
 * other one.
 */
#ifndef PVOPS_KVM_HYPERCALL_H
#define PVOPS_KVM_HYPERCALL_H

#include "pvops/types.h"

/* VMMCALL or VMCALL; set when the backend is entered (lib/x86/vendor.h). */
extern bool pv_kvm_vmmcall PV_HIDDEN;

static inline int64_t pv_kvm_hypercall4(uint64_t number, uint64_t a, uint64_t b, uint64_t c,
                                        uint64_t d)
{
    int64_t result;

    if (pv_kvm_vmmcall)
        __asm__ volatile("vmmcall"
                         : "=a"(result)
                         : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d)
                         : "memory");
    else
        __asm__ volatile("vmcall"
                         : "=a"(result)
                         : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d)
                         : "memory");
    return result;
}

static inline int64_t pv_kvm_hypercall3(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    return pv_kvm_hypercall4(number, a, b, c, 0);
}

static inline int64_t pv_kvm_hypercall2(uint64_t number, uint64_t a, uint64_t b)
{
    return pv_kvm_hypercall4(number, a, b, 0, 0);
}

static inline int64_t pv_kvm_hypercall1(uint64_t number, uint64_t a)
{
    return pv_kvm_hypercall4(number, a, 0, 0, 0);
}

static inline int64_t pv_kvm_hypercall0(uint64_t number)
{
    return pv_kvm_hypercall4(number, 0, 0, 0, 0);
}

#endif
