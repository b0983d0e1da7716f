/* SPDX-License-Identifier: MIT */
/*
 * Configuration of the library for tests on the host: the CPU in use is a variable, and there are
 * more of them than one hypercall reaches.
 */
#ifndef TESTS_UNIT_KVM_CONFIG_H
#define TESTS_UNIT_KVM_CONFIG_H

#ifndef __ASSEMBLER__
extern struct pv_cpu *test_cpu;
#endif
#define PV_CONFIG_THIS_CPU test_cpu
#define PV_CONFIG_MAX_CPUS 512

#endif
