/* SPDX-License-Identifier: MIT */
/*
 * See fpu.h.
 */
#include "fpu.h"
#include "process.h"
#include "string.h"

/* Where FXSAVE keeps the two control registers, and what these hold after a reset. */
#define CONTROL_AT      0
#define CONTROL_INITIAL 0x37fu
#define MXCSR_AT        24
#define MXCSR_INITIAL   0x1f80u

static struct thread *owner; /* whose registers are in the unit; NULL: nobody's */
static bool trapping;

static void trap(bool on)
{
    if (on != trapping)
        pv_cpu_fpu_trap(on);
    trapping = on;
}

void fpu_begin(struct fpu_state *state)
{
    memset(state, 0, sizeof(*state));
    *(uint16_t *)(state->bytes + CONTROL_AT) = CONTROL_INITIAL;
    *(uint32_t *)(state->bytes + MXCSR_AT) = MXCSR_INITIAL;
}

void fpu_switch(const struct thread *to)
{
    if (to->process != NULL)
        trap(to != owner);
}

void fpu_claim(void)
{
    struct thread *self = thread_current();
    trapping = false;
    pv_cpu_fpu_trap(false);
    if (self == owner)
        return;
    if (owner != NULL)
        __asm__ volatile("fxsave64 %0" : "=m"(owner->process->fpu));
    __asm__ volatile("fxrstor64 %0" : : "m"(self->process->fpu));
    owner = self;
}

void fpu_release(void)
{
    if (owner == thread_current())
        owner = NULL;
}

void fpu_trap_again(void)
{
    pv_cpu_fpu_trap(trapping);
}
