/* SPDX-License-Identifier: MIT */
/*
 * A Xen for tests on the host: hypercalls are noted, and answered as the test wants; the shared
 * page is the test's to fill with lies.
 */
#ifndef TESTS_UNIT_XEN_FAKE_H
#define TESTS_UNIT_XEN_FAKE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "backends/xen/xen.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/pv/pv.h"

/* Everything as at boot: empty page, no hypercall made. */
void fake_reset(void);

/* What happens at a hypercall; NULL: 0 is answered. */
extern int64_t (*fake_answer)(uint64_t number, uint64_t command, void *argument);

/* How often a hypercall was made with a command, and what the argument of the last one pointed at.
 */
unsigned fake_calls(uint64_t number, uint64_t command);

extern struct pv_xen_shared_info fake_shared;
extern uint32_t fake_vcpu;
extern uint64_t fake_last_vcpu; /* that a vcpu_op named */
extern struct pv_platform fake_platform;
extern struct pv_boot_info fake_boot; /* in force where a test makes pv_boot point at it */
extern unsigned fake_lines;           /* logged */
extern const char *fake_word_given;   /* on the command line; NULL: nothing */

#endif
