/* SPDX-License-Identifier: MIT */
/*
 * A machine for the parts of the KVM backend: its CPUs, and a KVM that does what a test says.
 */
#ifndef TESTS_UNIT_KVM_FAKE_H
#define TESTS_UNIT_KVM_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "backends/kvm/kvm.h"
#include "backends/kvm/abi/kvm_para.h"

/* CPUs that are up; their blocks. */
extern unsigned fake_cpus;
extern struct pv_cpu fake_blocks[PV_CONFIG_MAX_CPUS];

/* Hypercalls made: how many, and the last ones. A negative status is what all of them return. */
#define FAKE_CALLS 16
struct fake_call {
    uint64_t number, a, b, c, d;
};
extern unsigned fake_called;
extern struct fake_call fake_calls[FAKE_CALLS];
extern int64_t fake_status;
extern void (*fake_host)(uint64_t number, uint64_t a); /* what it does besides */

/* Register writes made: how many, and the last one; what they return. */
extern unsigned fake_writes;
extern uint32_t fake_msr;
extern uint64_t fake_value;
extern int fake_msr_status;

/* Lines logged; interrupts sent natively; the fault address. */
extern unsigned fake_lines, fake_natively;
extern uint64_t fake_cr2;

/* What stands in for waiting until a page is there; NULL: this kernel cannot wait. */
extern void (*fake_page_wait)(const volatile bool *arrived);

/* The handler of the one vector that is given out. */
extern pv_irq_handler fake_handler;

/* For cmocka: everything as at the start, one CPU. */
int fake_begin(void **state);

/* Has so many CPUs, whose APIC IDs are first, first + step ... */
void fake_have(unsigned cpus, uint32_t first, uint32_t step);

#endif
