/* SPDX-License-Identifier: MIT */
/*
 * Clock arithmetic that backends share: a counter scaled to nanoseconds, the clock record that KVM
 * and Xen both keep (pvclock), and what keeps time from going backwards.
 *
 * A rate is a multiplier and a shift in the form of pvclock (Linux, Documentation/virt/kvm/x86/
 * msr.rst, MSR_KVM_SYSTEM_TIME_NEW; Xen, xen/include/public/xen.h, struct vcpu_time_info):
 *
 *     out = ((in << shift) * multiplier) >> 32        (a negative shift goes to the right)
 */
#ifndef PVOPS_LIB_CLOCK_H
#define PVOPS_LIB_CLOCK_H

#include "pvops/types.h"
#include "lib/x86/tsc.h"
#include "pvops/status.h"

#define PV_NS_PER_SECOND 1000000000ull

/* Counters outside of this are taken for a lie or a fault. */
#define PV_CLOCK_MIN_HZ 1000000ull
#define PV_CLOCK_MAX_HZ 100000000000ull

struct pv_clock_rate {
    uint32_t multiplier; /* 0: no rate */
    int32_t shift;
};

/* The rate that turns counts at from_hz into counts at to_hz, rounded down; both 1 to 2^40. */
struct pv_clock_rate pv_clock_rate(uint64_t from_hz, uint64_t to_hz);

/* Whether a rate to nanoseconds belongs to a counter that can exist. */
bool pv_clock_rate_valid(struct pv_clock_rate rate);

/* The frequency of the counter that a valid rate turns into nanoseconds. */
uint64_t pv_clock_rate_hz(struct pv_clock_rate rate);

/* Counts converted. Exact over the whole range of 64 bits for shifts of -31 to 31. */
static inline uint64_t pv_clock_scale(uint64_t count, struct pv_clock_rate rate)
{
    if (rate.shift < 0)
        return (uint64_t)((unsigned __int128)(count >> -rate.shift) * rate.multiplier >> 32);
    return (uint64_t)((unsigned __int128)count * rate.multiplier >> (32 - rate.shift));
}

/*
 * The later of ns and the latest time told so far, which it becomes: for clocks that differ a
 * little from CPU to CPU. What is above 2^63 is below zero, where a CPU is that is behind another
 * one's start.
 */
uint64_t pv_clock_monotonic(uint64_t *latest, uint64_t ns);

/*
 * What the base clock (the one that every machine has) adds to its count, so that it never falls
 * behind a clock that was in force before it.
 */
extern uint64_t pv_clock_skipped_ns;

/*
 * Hands over from a clock that told told_ns to the base clock, which tells base_ns at the same
 * moment: from now on it tells at least as much.
 */
void pv_clock_hand_over(uint64_t told_ns, uint64_t base_ns);

/* The clock record that KVM and Xen keep for each virtual CPU. */
struct pv_pvclock_record {
    uint32_t version; /* odd while it is being written */
    uint32_t pad0;
    uint64_t tsc_timestamp;
    uint64_t system_time;
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t pad[2];
};

PV_STATIC_ASSERT(sizeof(struct pv_pvclock_record) == 32, "msr.rst: 32 bytes");
PV_STATIC_ASSERT(offsetof(struct pv_pvclock_record, tsc_to_system_mul) == 24, "msr.rst");
PV_STATIC_ASSERT(offsetof(struct pv_pvclock_record, flags) == 29, "msr.rst");

/* flags: times read on different CPUs are monotonic. */
#define PV_PVCLOCK_STABLE 0x1u
/* flags: the VMM stopped this CPU for a while (api.rst, KVM_KVMCLOCK_CTRL). */
#define PV_PVCLOCK_STOPPED 0x2u

/* The wall clock at the moment when system_time was 0: MSR_KVM_WALL_CLOCK_NEW, Xen's shared_info.
 */
struct pv_pvclock_wall {
    uint32_t version;
    uint32_t sec;
    uint32_t nsec;
};

PV_STATIC_ASSERT(sizeof(struct pv_pvclock_wall) == 12, "msr.rst: packed");

/*
 * A record copied and checked. Valid for as long as the shared version is the same, so that a read
 * needs neither copy nor check, but two looks at the version.
 */
struct pv_pvclock {
    uint32_t version; /* of the copy; 0: there is none */
    uint32_t flags;
    struct pv_clock_rate rate;
    uint64_t tsc_timestamp;
    uint64_t system_time_ns;
    uint64_t adjust_ns; /* what a record that went backwards is short of */
};

/* pv_pvclock_at() inline. Counters of two CPUs may differ by a few counts; half the range is not a
 * few. */
static inline uint64_t pv_pvclock_scaled(const struct pv_pvclock *copy, uint64_t tsc)
{
    uint64_t delta = tsc - copy->tsc_timestamp;

    if ((int64_t)delta < 0)
        delta = 0;
    return copy->system_time_ns + copy->adjust_ns + pv_clock_scale(delta, copy->rate);
}

/*
 * Reads the time.
 *   PV_OK      *ns is the time.
 *   PV_E_BUSY  the copy is out of date: pv_pvclock_refresh() it, and read again.
 * May be interrupted anywhere by code that refreshes the same copy.
 *
 * Whoever refreshes the copy while this runs has seen another version in the record before, so the
 * last look at the record finds every mixture of old and new. Processors of this architecture keep
 * loads in order (Intel SDM vol. 3A, 9.2.2); acquire keeps the compiler from moving them.
 */
static inline int pv_pvclock_read(const volatile struct pv_pvclock_record *shared,
                                  const struct pv_pvclock *copy, uint64_t *ns)
{
    uint32_t version = __atomic_load_n(&copy->version, __ATOMIC_ACQUIRE);

    if (version == 0 || __atomic_load_n(&shared->version, __ATOMIC_ACQUIRE) != version)
        return PV_E_BUSY;
    uint64_t now = pv_pvclock_scaled(copy, pv_tsc_read());
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (__atomic_load_n(&shared->version, __ATOMIC_RELAXED) != version)
        return PV_E_BUSY;
    *ns = now;
    return PV_OK;
}

/*
 * Takes a new copy. Interrupts off: the copy has one writer at a time.
 *   PV_OK         done. Time as told by the copy did not go backwards.
 *   PV_E_TIMEOUT  the record stayed odd or changed all the time: the copy is as it was.
 *   PV_E_HOST     the rate in the record cannot be, or there is none: the copy is as it was.
 */
int pv_pvclock_refresh(const volatile struct pv_pvclock_record *shared, struct pv_pvclock *copy,
                       uint64_t tsc);

/* The time that a copy gives for a value of the TSC; one before its own counts as its own. */
uint64_t pv_pvclock_at(const struct pv_pvclock *copy, uint64_t tsc);

/*
 * Reads a wall-clock record: nanoseconds since 1970 at system time 0.
 * PV_OK; PV_E_TIMEOUT, PV_E_HOST as above.
 */
int pv_pvclock_wall_read(const volatile struct pv_pvclock_wall *shared, uint64_t *unix_ns);

#endif
