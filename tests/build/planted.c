/* SPDX-License-Identifier: MIT */
/*
 * What nosite.py must find: a site two calls below the handler of a trap, another one behind a
 * pointer, and one that nothing reaches.
 */
#include "pvops/pvops.h"

void planted_clean(struct pv_regs *regs);
void planted_deep(struct pv_regs *regs);
void planted_behind_a_pointer(struct pv_regs *regs);

static void (*volatile hook)(struct pv_regs *regs);

static __attribute__((noinline)) void holds_a_site(struct pv_regs *regs)
{
    regs->rax = pv_clock_ns();
}

static __attribute__((noinline)) void calls_on(struct pv_regs *regs)
{
    holds_a_site(regs);
    regs->rip++;
}

__attribute__((used, noinline)) void planted_clean(struct pv_regs *regs)
{
    regs->rip++;
}

__attribute__((used, noinline)) void planted_deep(struct pv_regs *regs)
{
    if (regs->vector == 2)
        calls_on(regs);
    regs->rip++;
}

__attribute__((used, noinline)) void planted_behind_a_pointer(struct pv_regs *regs)
{
    hook(regs);
    regs->rip++;
}
