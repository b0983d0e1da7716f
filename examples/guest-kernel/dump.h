/* SPDX-License-Identifier: MIT */
/*
 * The end of a kernel that cannot go on.
 */
#ifndef GUEST_DUMP_H
#define GUEST_DUMP_H

#include "pvops/trap.h"

/* Set while a self-test runs: the end is then also said in the test protocol. */
extern bool bail_out_wanted;

_Noreturn void dump_and_end(const struct pv_regs *regs, const char *what);

/* Ends the machine; status 0 is success. */
_Noreturn void machine_end(int status);

#endif
