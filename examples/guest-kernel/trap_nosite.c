/* SPDX-License-Identifier: MIT */
/*
 * The first C function of traps that may come while a call site is being changed: breakpoint, NMI,
 * machine check, double fault, debug. It lies in .text.pv_nosite, and so must hold no call site;
 * the library's checker proves it. Not even an inline wrapper may be used here.
 */
#include "traps.h"

#define NOSITE __attribute__((section(".text.pv_nosite"), used, noinline))

void trap_handle_anywhere(struct pv_regs *regs);

volatile uint32_t breakpoints_of_library;

NOSITE void trap_handle_anywhere(struct pv_regs *regs)
{
    bool offered = regs->vector == PV_TRAP_NMI || regs->vector == PV_TRAP_BREAKPOINT;
    if (!offered || !pv_trap((unsigned)regs->vector, regs))
        trap_declined(regs);
    else if (regs->vector == PV_TRAP_BREAKPOINT)
        __atomic_add_fetch(&breakpoints_of_library, 1, __ATOMIC_RELAXED);
}
