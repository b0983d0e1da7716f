/* SPDX-License-Identifier: MIT */
/*
 * What the checks of group "vcpus" share, and those of them that are of time.
 */
#ifndef GUEST_SELFTEST_VCPUS_H
#define GUEST_SELFTEST_VCPUS_H

#include "selftest.h"

/* Whether a check is left out: there is one CPU, or the feature is not in use. */
bool vcpus_skip(struct check *check, const char *feature);

/* Has all CPUs do it, this one too, and waits until they have. */
void vcpus_do(struct check *check, void (*work)(void *argument), void *argument);

/* Keeps this CPU busy. */
void vcpus_spin(uint64_t ns);

/* ---- vcpus_time.c ---------------------------------------------------------------------------- */

void vcpus_one_clock(struct check *check);
void vcpus_clock_is_each_cpu_s_own(struct check *check);
void vcpus_wall_clock_is_everywhere(struct check *check);
void vcpus_stop_is_told_everywhere(struct check *check);
void vcpus_steal_agrees(struct check *check);

#endif
