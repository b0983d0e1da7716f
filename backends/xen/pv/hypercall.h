/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls of a PV guest, made where they are written: the number is loaded, and the `syscall`
 * follows. rcx and r11 are the instruction's own; the argument registers are lost too (Xen's debug
 * builds overwrite them: xen/docs/guest-guide/x86/hypercall-abi.rst).
 */
#ifndef PVOPS_XEN_PV_HYPERCALL_H
#define PVOPS_XEN_PV_HYPERCALL_H

#include "backends/xen/abi/hypercall.h"
#include "backends/xen/abi/pv.h"
#include "pvops/types.h"

#ifdef PV_XEN_PV_CALL /* tests on a host are Xen themselves */
int64_t PV_XEN_PV_CALL(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
#define pv_xen_pv_call PV_XEN_PV_CALL
#else
/* How many were made; ask.c. */
extern uint64_t pv_xen_pv_calls PV_HIDDEN;

static inline int64_t pv_xen_pv_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c,
                                     uint64_t d)
{
    register uint64_t fourth __asm__("r10") = d;
    int64_t result;

    __asm__ volatile("lock incq %[count]\n\t"
                     "syscall"
                     : [count] "+m"(pv_xen_pv_calls), "=a"(result), "+D"(a), "+S"(b), "+d"(c),
                       "+r"(fourth)
                     : "a"(number)
                     : "rcx", "r11", "r8", "memory", "cc");
    return result;
}
#endif

static inline uint64_t pv_xen_pv_pointer(const volatile void *pointer)
{
    return (uintptr_t)pointer;
}

/* Returns how it went; *done: how many were. */
static inline int64_t pv_xen_mmu_update(const struct pv_xen_mmu_update *updates, uint32_t count,
                                        uint32_t *done)
{
    return pv_xen_pv_call(PV_XEN_HC_MMU_UPDATE, pv_xen_pv_pointer(updates), count,
                          pv_xen_pv_pointer(done), PV_XEN_DOMID_SELF);
}

static inline int64_t pv_xen_update_va_mapping(const volatile void *address, uint64_t entry)
{
    return pv_xen_pv_call(PV_XEN_HC_UPDATE_VA_MAPPING, pv_xen_pv_pointer(address), entry,
                          PV_UVMF_INVLPG_ALL, 0);
}

static inline int64_t pv_xen_callback(uint16_t type, uint16_t flags, const void *address)
{
    struct pv_xen_callback callback = {type, flags, pv_xen_pv_pointer(address)};

    return pv_xen_pv_call(PV_XEN_HC_CALLBACK_OP, PV_CALLBACKOP_REGISTER,
                          pv_xen_pv_pointer(&callback), 0, 0);
}

#endif
