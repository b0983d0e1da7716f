/* SPDX-License-Identifier: MIT */
#include "steps.h"
#include "../traps.h"

#define PREFIX_CS  0x2e
#define PREFIX_REP 0xf3 /* makes a nop a pause */
#define OPCODE_NOP 0x90
#define OPCODE_STI 0xfb
#define OPCODE_HLT 0xf4

static volatile int64_t steps, calls;

static bool calls_vmm(const uint8_t *code)
{
    bool syscall = code[0] == 0x0f && code[1] == 0x05;
    bool vm_call = code[0] == 0x0f && code[1] == 0x01 && (code[2] == 0xc1 || code[2] == 0xd9);
    return syscall || vm_call;
}

/*
 * QEMU's emulation does not trap behind sti, pause and hlt; processors do. What comes in a row of
 * them is counted when the next trap shows that it was passed over.
 */
static struct {
    int64_t count;
    uintptr_t second; /* where the next trap is if the first was not passed over */
} quiet;

/* Sites are filled up with prefixes that mean nothing. */
static unsigned prefixes(const uint8_t *code)
{
    unsigned count = 0;
    while (code[count] == PREFIX_CS)
        count++;
    return count;
}

static unsigned quiet_length(const uint8_t *code)
{
    unsigned before = prefixes(code);
    code += before;
    if (code[0] == OPCODE_STI || code[0] == OPCODE_HLT)
        return before + 1;
    return code[0] == PREFIX_REP && code[1] == OPCODE_NOP ? before + 2 : 0;
}

static void look_ahead(const uint8_t *code)
{
    quiet.count = 0;
    quiet.second = (uintptr_t)code + quiet_length(code);
    for (unsigned length; (length = quiet_length(code)) != 0; code += length)
        quiet.count++;
}

/* The instruction that this trap comes before. */
static void count(struct pv_regs *regs)
{
    if (regs->vector != VECTOR_DEBUG)
        trap_fatal(regs, "not a single step");
    if (quiet.count != 0 && regs->rip != quiet.second)
        steps += quiet.count;
    steps++;
    calls += calls_vmm((const uint8_t *)regs->rip);
    look_ahead((const uint8_t *)regs->rip);
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
    steps = calls = quiet.count = 0;
    trap_hook = count;
    trap_flag_on();
    loop(turns);
    trap_flag_off();
    trap_hook = before;
    return (struct bench_steps){steps, calls};
}
