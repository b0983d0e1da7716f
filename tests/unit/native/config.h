/* SPDX-License-Identifier: MIT */
/*
 * Configuration of the library for tests on the host: one CPU, which is a variable.
 */
#ifndef TESTS_UNIT_NATIVE_CONFIG_H
#define TESTS_UNIT_NATIVE_CONFIG_H

extern struct pv_cpu fake_cpu;
#define PV_CONFIG_THIS_CPU (&fake_cpu)

/* Room that a test can fill. */
#define PV_CONFIG_MAX_CPUS 8

#endif
