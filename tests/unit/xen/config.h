/* SPDX-License-Identifier: MIT */
/*
 * Configuration of the library for tests on the host: one CPU, which is a variable.
 */
#ifndef TESTS_UNIT_XEN_CONFIG_H
#define TESTS_UNIT_XEN_CONFIG_H

#ifndef __ASSEMBLER__
extern struct pv_cpu fake_cpu;
#endif
#define PV_CONFIG_THIS_CPU (&fake_cpu)

/* Hypercalls of PV guests, made inline elsewhere. */
#define PV_XEN_PV_CALL fake_pv_call

/* Those of the parts that all kinds of domains share. */
#define PV_XEN_FAKE

#endif
