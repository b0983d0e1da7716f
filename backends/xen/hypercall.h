/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls with types. Structures are passed by virtual address and must be mapped; each lies
 * within the caller's stack or the library's data. Results are those of Xen: 0 or more, or a
 * negative number of xen/include/public/errno.h.
 */
#ifndef PVOPS_XEN_HYPERCALL_H
#define PVOPS_XEN_HYPERCALL_H

#include "pvops/types.h"
#include "backends/xen/abi/hypercall.h"
#include "backends/xen/abi/vm_assist.h"

enum pv_xen_instruction { PV_XEN_NOT_CHOSEN, PV_XEN_VMCALL, PV_XEN_VMMCALL, PV_XEN_SYSCALL };

/* enum pv_xen_instruction; read by hypercall.S. */
extern uint8_t pv_xen_instruction PV_HIDDEN;

#ifdef PV_XEN_FAKE /* tests on a host are Xen themselves */
int64_t pv_xen_hypercall(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                         uint64_t e);
#else
/* hypercall.S. Not to be called but from here: it takes Xen's registers and not those of C. */
void pv_xen_hypercall_gate(void) PV_HIDDEN;

/* rcx and r11 are lost to `syscall`. The gate is an operand, so that link-time optimisation sees
 * it. */
static inline int64_t pv_xen_hypercall(uint64_t number, uint64_t a, uint64_t b, uint64_t c,
                                       uint64_t d, uint64_t e)
{
    register uint64_t fourth __asm__("r10") = d;
    register uint64_t fifth __asm__("r8") = e;
    int64_t result;

    __asm__ volatile("call %P[gate]"
                     : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(fourth), "+r"(fifth)
                     : "a"(number), [gate] "i"(pv_xen_hypercall_gate)
                     : "rcx", "r11", "memory", "cc");
    return result;
}
#endif

static inline uint64_t pv_xen_pointer(const volatile void *pointer)
{
    return (uintptr_t)pointer;
}

/* abi/version.h */
static inline int64_t pv_xen_version_call(uint32_t command, void *argument)
{
    return pv_xen_hypercall(PV_XEN_HC_XEN_VERSION, command, pv_xen_pointer(argument), 0, 0, 0);
}

/* abi/memory.h */
static inline int64_t pv_xen_memory_op(uint32_t command, void *argument)
{
    return pv_xen_hypercall(PV_XEN_HC_MEMORY_OP, command, pv_xen_pointer(argument), 0, 0, 0);
}

/* abi/console.h; the buffer is read or filled by Xen before the call returns */
static inline int64_t pv_xen_console_io(uint32_t command, size_t bytes, const void *buffer)
{
    return pv_xen_hypercall(PV_XEN_HC_CONSOLE_IO, command, bytes, pv_xen_pointer(buffer), 0, 0);
}

/* abi/vcpu.h */
static inline int64_t pv_xen_vcpu_op(uint32_t command, uint32_t vcpu, void *argument)
{
    return pv_xen_hypercall(PV_XEN_HC_VCPU_OP, command, vcpu, pv_xen_pointer(argument), 0, 0);
}

/* abi/vm_assist.h */
static inline int64_t pv_xen_vm_assist(uint32_t command, uint32_t type)
{
    return pv_xen_hypercall(PV_XEN_HC_VM_ASSIST, command, type, 0, 0, 0);
}

/* abi/sched.h */
static inline int64_t pv_xen_sched_op(uint32_t command, const void *argument)
{
    return pv_xen_hypercall(PV_XEN_HC_SCHED_OP, command, pv_xen_pointer(argument), 0, 0, 0);
}

/* abi/event_channel.h */
static inline int64_t pv_xen_event_channel_op(uint32_t command, void *argument)
{
    return pv_xen_hypercall(PV_XEN_HC_EVENT_CHANNEL_OP, command, pv_xen_pointer(argument), 0, 0, 0);
}

/* abi/physdev.h */
static inline int64_t pv_xen_physdev_op(uint32_t command, void *argument)
{
    return pv_xen_hypercall(PV_XEN_HC_PHYSDEV_OP, command, pv_xen_pointer(argument), 0, 0, 0);
}

/* abi/hvm.h */
static inline int64_t pv_xen_hvm_op(uint32_t command, void *argument)
{
    return pv_xen_hypercall(PV_XEN_HC_HVM_OP, command, pv_xen_pointer(argument), 0, 0, 0);
}

#endif
