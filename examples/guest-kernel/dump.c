/* SPDX-License-Identifier: MIT */
/*
 * Fatal errors: one line that says why, the registers if there are any, and a failure status for
 * whoever started the machine. A fault in here ends without words, a third one halts.
 *
 * Whatever is broken, it may be the sites: raw instructions where they are allowed, and elsewhere
 * the functions behind the sites, by the table.
 */
#include "dump.h"
#include "console.h"
#include "cpu.h"

bool bail_out_wanted;

static unsigned endings;

static _Noreturn void stand_still(void)
{
    while (privileged())
        __asm__ volatile("cli\n\thlt");
    for (;;)
        __asm__ volatile("pause");
}

_Noreturn void machine_end(int status)
{
    console_flush();
    pv_cpu_power_off(status);
    print("this machine cannot be switched off; halted\n");
    stand_still();
}

/* Where `cli` is not allowed, interrupts may go on, but no other thread runs. */
static void enter_ending(void)
{
    if (privileged())
        __asm__ volatile("cli" ::: "memory");
    preempt_off();
    endings++;
    if (endings == 2)
        pv_cpu_power_off(1);
    if (endings >= 2)
        stand_still();
}

static void say(const char *what)
{
    if (bail_out_wanted)
        print("\nBail out! %s\n", what);
    else
        print("\nfatal: %s\n", what);
}

static uint64_t raw_cr2(void)
{
    uint64_t value;
    if (!privileged())
        return pv_ops.cr2_read();
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}

static void print_regs(const struct pv_regs *r)
{
    print("# vector %lu error %lx rip %02lx:%016lx rflags %lx\n", r->vector, r->error, r->cs,
          r->rip, r->rflags);
    print("# rsp %02lx:%016lx rbp %016lx cr2 %016lx\n", r->ss, r->rsp, r->rbp, raw_cr2());
    print("# rax %016lx rbx %016lx rcx %016lx\n", r->rax, r->rbx, r->rcx);
    print("# rdx %016lx rsi %016lx rdi %016lx\n", r->rdx, r->rsi, r->rdi);
    print("# r8  %016lx r9  %016lx r10 %016lx\n", r->r8, r->r9, r->r10);
    print("# r11 %016lx r12 %016lx r13 %016lx\n", r->r11, r->r12, r->r13);
    print("# r14 %016lx r15 %016lx\n", r->r14, r->r15);
}

_Noreturn void dump_and_end(const struct pv_regs *regs, const char *what)
{
    enter_ending();
    say(what);
    if (regs != NULL)
        print_regs(regs);
    machine_end(1);
}

_Noreturn void panic(const char *why)
{
    dump_and_end(NULL, why);
}
