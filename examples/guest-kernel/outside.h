/* SPDX-License-Identifier: MIT */
/*
 * What can be learnt of this machine from outside of it: the host's own counts of exits, for one.
 * The test rig answers questions at COM2 (tests/vmm/pvrun/outside.sh); elsewhere nobody does.
 */
#ifndef GUEST_OUTSIDE_H
#define GUEST_OUTSIDE_H

#include "pvops/types.h"

#define OUTSIDE_CPUS 8

/* What the host has counted. Absolute numbers: compare two of them. */
struct outside {
    uint64_t exits;      /* but for those of port accesses, which asking itself needs */
    uint64_t halts;      /* of the processor, seen by the host */
    uint64_t polls;      /* for the end of one, by the host */
    uint64_t hypercalls; /* of all kinds */
    uint64_t yields;     /* of those: to a CPU that was preempted */
    uint64_t swap;       /* 1: the host has less memory than it gave to this machine */
};

/* false: nobody is there, or he does not know. Interrupts on; takes a moment. */
bool outside_look(struct outside *outside);

/* For how long each CPU has wanted to run and did not, by the host's scheduler. Quick. */
bool outside_waited(uint64_t ns[OUTSIDE_CPUS]);

/* The host's wall clock, in seconds. */
bool outside_time(uint64_t *seconds);

/* Asks for something to be done ("busy", "idle", "pause", "poll", "nmi", "mce"); false: nobody is
 * there. */
bool outside_do(const char *word);

#endif
