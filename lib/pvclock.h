/* SPDX-License-Identifier: MIT */
/*
 * The clock of a VMM that keeps a pvclock record for each CPU (lib/clock.h): KVM and Xen. One such
 * clock is in force at a time.
 *
 * It goes on where the base clock (the TSC's) was when it is started, and hands over to it when it
 * is stopped, or when the host breaks the protocol: then one line is logged, and the kernel goes
 * on with the base clock.
 */
#ifndef PVOPS_LIB_PVCLOCK_H
#define PVOPS_LIB_PVCLOCK_H

#include "lib/backend.h"
#include "lib/clock.h"

/* What differs between VMMs. Static storage. */
struct pv_pvclock_source {
    const char *name; /* of the clock, at most 15 characters */

    /*
     * Makes the VMM keep a record for this CPU. On success *record is where, at least until
     * remove(). Interrupts off.
     */
    int (*add)(struct pv_cpu *cpu, volatile struct pv_pvclock_record **record);
    void (*remove)(struct pv_cpu *cpu); /* undoes add(); NULL: nothing to undo */

    uint64_t (*base_ns)(void); /* the base clock */
};

/* What the listing shows; changes when the clock is started, stopped, or given up. */
extern char pv_pvclock_name[16];

/* From now on it is the clock of this source, and tells the base clock's time until it starts. */
void pv_pvclock_begin(const struct pv_pvclock_source *source);

/*
 * Starts the clock on this CPU; others follow when they read it first. stable: the VMM says that
 * PV_PVCLOCK_STABLE in its records can be believed. On failure one line is logged, and nothing
 * else changes.
 */
void pv_pvclock_start(bool stable);

/* Stops it and undoes what was done for this CPU. */
void pv_pvclock_stop(void);

/* Undoes what was done for this CPU; the clock goes on. It is done again when this CPU reads it. */
void pv_pvclock_cpu_stop(void);

/* The time: the op clock_ns of a backend with such a clock. */
uint64_t pv_pvclock_ns(void);

/* Whether the VMM's records are what the clock reads, and whether CPUs need no fix-up. */
bool pv_pvclock_in_use(void);
bool pv_pvclock_is_stable(void);

/*
 * This CPU's time on the VMM's own scale; false: its clock is not in use here. Interrupts off.
 */
bool pv_pvclock_vmm_ns(uint64_t *ns);

/* The time of pv_pvclock_ns() when the TSC was this; false: the clock is not in use here.
 * Interrupts off. */
bool pv_pvclock_at_tsc(uint64_t tsc, uint64_t *ns);

/* A time of pv_pvclock_ns() on the VMM's own scale, for this CPU, cut to what that can express.
 * Still so when the clock was given up: by the last record that could be. */
uint64_t pv_pvclock_to_vmm(uint64_t ns);

/* Frequency of the TSC by this CPU's record, without leaving a registration; 0: not to be had. */
uint64_t pv_pvclock_tsc_hz(const struct pv_pvclock_source *source);

#endif
