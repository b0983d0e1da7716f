/* SPDX-License-Identifier: MIT */
/*
 * A machine for tests on the host: CPUID and model-specific registers as the test wants them, and
 * what the tested files need of the rest of the library.
 */
#ifndef TESTS_UNIT_NATIVE_FAKE_H
#define TESTS_UNIT_NATIVE_FAKE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "backends/native/native.h"

/* Everything as at boot: all leaves of CPUID are 0, and each register faults. */
void fake_reset(void);

/* What CPUID tells. */
void fake_leaf(uint32_t leaf, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx);

/* A register that can be read and written from now on. */
void fake_msr(uint32_t msr, uint64_t value);
uint64_t fake_msr_value(uint32_t msr);

/* How often a register was written. */
unsigned fake_msr_writes(uint32_t msr);

/* What is read from device registers; NULL: what lies there. */
extern uint32_t (*fake_mmio_read)(const volatile void *address);
/* The same of what is written. */
extern void (*fake_mmio_write)(volatile void *address, uint32_t value);

extern struct pv_platform fake_platform;
extern unsigned fake_lines; /* logged */

#endif
