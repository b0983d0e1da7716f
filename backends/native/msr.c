/* SPDX-License-Identifier: MIT */
/*
 * The #GP of a safe MSR access, turned into an error: msr.S has the instructions.
 */
#include "backends/native/native.h"

_Static_assert(PV_E_MSR == -11, "as msr.S has it");

extern const char pv_native_rdmsr[] PV_HIDDEN;
extern const char pv_native_wrmsr[] PV_HIDDEN;
extern const char pv_native_msr_failed[] PV_HIDDEN;

PV_COLD PV_NOSITE bool pv_native_trap(unsigned vector, struct pv_regs *regs)
{
    if (vector != PV_TRAP_PROTECTION)
        return false;
    if (regs->rip != (uintptr_t)pv_native_rdmsr && regs->rip != (uintptr_t)pv_native_wrmsr)
        return false;
    regs->rip = (uintptr_t)pv_native_msr_failed;
    return true;
}
