/* SPDX-License-Identifier: MIT */
/*
 * The interrupt descriptor table, and what becomes of a trap: the library is offered those it may
 * know, then come the kernel's own uses, and what nobody claims is printed and ends the machine.
 *
 * ABI: Intel SDM vol. 3A, 6.14.1 (gates), 6.15 (exceptions).
 */
#include "traps.h"
#include "console.h"
#include "cpu.h"
#include "dump.h"
#include "fpu.h"
#include "memory.h"
#include "process.h"
#include "thread.h"

#define GATES      256
#define GATE_TYPE  0x8e00u /* present, ring 0, interrupt gate */
#define STUB_BYTES 16

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint16_t ist_and_type_low;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t zero;
};

extern char trap_stubs[];
extern char trap_return_to_user[];
extern char probe_read_access[], probe_write_access[], probe_segment_access[], probe_failed[];

uint64_t probe_fault_address;
uint64_t probe_fault_vector;
void (*volatile debugger)(struct pv_regs *regs);
uint32_t unclaimed_irqs;
volatile uint32_t fpu_traps;
volatile bool nmis_expected;
void (*volatile trap_hook)(struct pv_regs *regs);

static struct gate gates[GATES] __attribute__((aligned(16)));

void trap_handle(struct pv_regs *regs);

static unsigned ist_of(unsigned vector)
{
    switch (vector) {
    case VECTOR_DEBUG:
        return IST_DEBUG;
    case PV_TRAP_NMI:
        return IST_NMI;
    case PV_TRAP_BREAKPOINT:
        return IST_BREAKPOINT;
    case VECTOR_DOUBLE_FAULT:
        return IST_DOUBLE_FAULT;
    case VECTOR_MACHINE_CHECK:
        return IST_MACHINE_CHECK;
    default:
        return IST_NONE;
    }
}

void traps_init(void)
{
    for (unsigned vector = 0; vector < GATES; vector++) {
        uintptr_t stub = (uintptr_t)trap_stubs + vector * STUB_BYTES;
        gates[vector] = (struct gate){
            .offset_low = (uint16_t)stub,
            .selector = KERNEL_CS,
            .ist_and_type_low = (uint16_t)(GATE_TYPE | ist_of(vector)),
            .offset_middle = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
            .zero = 0,
        };
    }
    traps_load();
}

void traps_load(void)
{
    pv_cpu_idt_load(gates, sizeof(gates));
}

_Noreturn void trap_fatal(const struct pv_regs *regs, const char *what)
{
    dump_and_end(regs, what);
}

static bool from_user(const struct pv_regs *regs)
{
    return (regs->cs & 3) != 0;
}

/* Memory faults in one way, a segment in several. */
static bool was_probe(struct pv_regs *regs, uint64_t address)
{
    bool of_memory =
        regs->rip == (uintptr_t)probe_read_access || regs->rip == (uintptr_t)probe_write_access;
    if (regs->rip != (uintptr_t)probe_segment_access &&
        (!of_memory || regs->vector != PV_TRAP_PAGE_FAULT))
        return false;
    probe_fault_address = address;
    probe_fault_vector = regs->vector;
    regs->rip = (uintptr_t)probe_failed;
    return true;
}

/* In the kernel only a test uses the unit. */
static bool was_fpu(const struct pv_regs *regs)
{
    if (regs->vector != VECTOR_FPU)
        return false;
    if (from_user(regs))
        fpu_claim();
    else
        pv_cpu_fpu_trap(false);
    fpu_traps++;
    return true;
}

static void handle_users(const struct pv_regs *regs, uint64_t address)
{
    if (regs->vector != PV_TRAP_PAGE_FAULT || !process_page_in(address))
        process_fault(regs, address);
}

/* The return to user code that its registers do not allow: that is the process's end. */
static bool was_return(const struct pv_regs *regs)
{
    return regs->rip == (uintptr_t)trap_return_to_user && !from_user(regs);
}

static void handle_exception(struct pv_regs *regs)
{
    /* First of all, before anything can fault again. */
    uint64_t address = regs->vector == PV_TRAP_PAGE_FAULT ? pv_cr2_read() : 0;
    bool offered = regs->vector == PV_TRAP_PROTECTION || regs->vector == PV_TRAP_PAGE_FAULT;
    if ((offered && pv_trap((unsigned)regs->vector, regs)) || was_fpu(regs))
        return;
    if (from_user(regs) || was_return(regs))
        handle_users(regs, address);
    else if (!was_probe(regs, address))
        trap_fatal(regs, "unexpected exception in the kernel");
}

static void handle_interrupt(struct pv_regs *regs)
{
    if (!pv_trap((unsigned)regs->vector, regs) && regs->vector != VECTOR_SPURIOUS)
        unclaimed_irqs++;
}

__attribute__((used)) void trap_handle(struct pv_regs *regs)
{
    if (regs->vector < VECTOR_FIRST_IRQ)
        handle_exception(regs);
    else
        handle_interrupt(regs);
    thread_trap_exit(regs);
}

static const char *name_of(uint64_t vector)
{
    switch (vector) {
    case VECTOR_DEBUG:
        return "debug exception";
    case PV_TRAP_NMI:
        return "NMI that nobody claims";
    case PV_TRAP_BREAKPOINT:
        return "breakpoint without a debugger";
    case VECTOR_DOUBLE_FAULT:
        return "double fault";
    default:
        return "machine check";
    }
}

/*
 * Runs on the stack of the trap, so it may not switch threads: a breakpoint or debug trap of user
 * mode is remembered, and the process ends at its next entry on its own stack.
 */
void trap_declined(struct pv_regs *regs)
{
    bool hooked = regs->vector == VECTOR_DEBUG || regs->vector == VECTOR_MACHINE_CHECK;
    if (regs->vector == PV_TRAP_BREAKPOINT && debugger != NULL)
        debugger(regs);
    else if (regs->vector == PV_TRAP_NMI && nmis_expected)
        this_cpu()->nmis++;
    else if (hooked && trap_hook != NULL && !from_user(regs))
        trap_hook(regs);
    else if (from_user(regs) && regs->vector <= PV_TRAP_BREAKPOINT && regs->vector != PV_TRAP_NMI)
        process_condemn(regs);
    else
        trap_fatal(regs, name_of(regs->vector));
}
