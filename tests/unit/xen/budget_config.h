/* SPDX-License-Identifier: MIT */
/*
 * Configuration for counting instructions: the CPU's block is found by %gs, as in a kernel.
 */
#ifndef TESTS_UNIT_XEN_BUDGET_CONFIG_H
#define TESTS_UNIT_XEN_BUDGET_CONFIG_H

extern struct pv_cpu fake_cpu;

#define PV_XEN_PV_CALL fake_pv_call
#define PV_XEN_FAKE

#endif
