/* SPDX-License-Identifier: MIT */
#include "steps.h"
#include "../traps.h"

static volatile int64_t steps, calls;

static bool calls_vmm(const uint8_t *code)
{
    bool syscall = code[0] == 0x0f && code[1] == 0x05;
    bool vm_call = code[0] == 0x0f && code[1] == 0x01 && (code[2] == 0xc1 || code[2] == 0xd9);
    return syscall || vm_call;
}

/* The instruction that this trap comes before. */
static void count(struct pv_regs *regs)
{
    if (regs->vector != VECTOR_DEBUG)
        trap_fatal(regs, "not a single step");
    steps++;
    calls += calls_vmm((const uint8_t *)regs->rip);
}

static inline __attribute__((always_inline)) void trap_flag_on(void)
{
    __asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq" : : : "memory", "cc");
}

static inline __attribute__((always_inline)) void trap_flag_off(void)
{
    __asm__ volatile("pushfq\n\tandl $~0x100, (%%rsp)\n\tpopfq" : : : "memory", "cc");
}

struct bench_steps bench_step(void (*loop)(uint32_t turns), uint32_t turns)
{
    void (*before)(struct pv_regs * regs) = trap_hook;
    steps = calls = 0;
    trap_hook = count;
    trap_flag_on();
    loop(turns);
    trap_flag_off();
    trap_hook = before;
    return (struct bench_steps){steps, calls};
}
