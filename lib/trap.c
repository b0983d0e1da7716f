/* SPDX-License-Identifier: MIT */
/*
 * Traps that the kernel offers to the library. The path of a breakpoint, NMI or machine check
 * contains no call site, for it may run while any site is half rewritten.
 */
#include "lib/live.h"
#include "lib/irq.h"

/* Apart, so that an interrupt does not pay for the registers that this needs. */
PV_NOSITE static bool exception(unsigned vector, struct pv_regs *regs)
{
    if (vector == PV_TRAP_BREAKPOINT)
        return pv_live_breakpoint(regs);
    for (const struct pv_backend *backend = pv_backend; backend != NULL; backend = backend->base)
        if (backend->trap != NULL && backend->trap(vector, regs))
            return true;
    return false;
}

PV_NOSITE bool pv_trap(unsigned vector, struct pv_regs *regs)
{
    return vector >= 32 ? pv_irq_dispatch(vector, regs) : exception(vector, regs);
}
