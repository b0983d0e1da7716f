/* SPDX-License-Identifier: MIT */
/*
 * Traps: the table of them, and what the rest of the kernel may ask of it.
 */
#ifndef GUEST_TRAPS_H
#define GUEST_TRAPS_H

#include "pvops/pvops.h"

#define VECTOR_DEBUG         1
#define VECTOR_FPU           7
#define VECTOR_DOUBLE_FAULT  8
#define VECTOR_MACHINE_CHECK 18
#define VECTOR_FIRST_IRQ     32
#define VECTOR_LAST_IRQ      254
#define VECTOR_SPURIOUS      255

/* Builds and loads the table; its entries are in trap_entry.S. */
void traps_init(void);

/* Loads the table on a further CPU. */
void traps_load(void);

/* Entry points in assembly. */
void syscall_entry(void);
void syscall_entry_framed(void);
extern char trap_return[];

/* Reads or writes memory that may fault; false if it did. The address that the fault named is in
 * probe_fault_address then. */
bool probe_read(const volatile void *address, uint64_t *value);
bool probe_write(volatile void *address, uint64_t value);
extern uint64_t probe_fault_address;

/* Loads %fs; false if that faulted. The fault's vector is in probe_fault_vector then. */
bool probe_segment(uint16_t selector);
extern uint64_t probe_fault_vector;

/* A kernel debugger, as small as can be: a breakpoint that the library declines is given to this
 * function, and is a fatal trap without one. */
extern void (*volatile debugger)(struct pv_regs *regs);

/* Breakpoints that the library took for its own, on all CPUs. */
extern volatile uint32_t breakpoints_of_library;

/* While it is true, an NMI is one that was asked for: it is counted in struct cpu, and nothing else
 * becomes of it. */
extern volatile bool nmis_expected;

/* Given every machine check and debug exception of the kernel's own code, which are fatal without
 * it. */
extern void (*volatile trap_hook)(struct pv_regs *regs);

/* Uses of the floating-point unit that trapped: the kernel itself uses it only to try that out, and
 * the trap lets the next use pass. */
extern volatile uint32_t fpu_traps;

/* Interrupts that nobody claimed. */
extern uint32_t unclaimed_irqs;

/* Prints the state and ends the machine with a failure. */
_Noreturn void trap_fatal(const struct pv_regs *regs, const char *what);

/* Breakpoint, NMI or machine check that is not the library's: traps.c, called by trap_nosite.c. */
void trap_declined(struct pv_regs *regs);

#endif
