/* SPDX-License-Identifier: MIT */
/*
 * Configuration of the library for tests on the host: the CPU in use is a variable.
 */
#ifndef TESTS_UNIT_PVCLOCK_CONFIG_H
#define TESTS_UNIT_PVCLOCK_CONFIG_H

extern struct pv_cpu *test_cpu;
struct pv_cpu *test_this_cpu(void);
#define PV_CONFIG_THIS_CPU test_this_cpu()

#endif
