/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The smp domain: what one CPU does to another.
 */
#ifndef PVOPS_SMP_H
#define PVOPS_SMP_H

#include "pvops/site.h"

PV_BEGIN_DECLS

/** Consecutive pages below 1 MiB that starting CPUs takes: pv_platform::low_pages. */
#define PV_SMP_LOW_PAGES 4u

/** A set of CPUs, by their numbers. */
struct pv_cpu_set {
    uint64_t bits[(PV_CONFIG_MAX_CPUS + 63) / 64]; /**< bit n % 64 of word n / 64 is CPU n */
};

/**
 * @brief Adds a CPU to a set.
 * @param set     The set.
 * @param number  Below PV_CONFIG_MAX_CPUS.
 */
PV_INLINE void pv_cpu_set_add(struct pv_cpu_set *set, uint32_t number)
{
    set->bits[number / 64] |= (uint64_t)1 << number % 64;
}

/**
 * @brief Removes a CPU from a set.
 * @param set     The set.
 * @param number  Below PV_CONFIG_MAX_CPUS.
 */
PV_INLINE void pv_cpu_set_remove(struct pv_cpu_set *set, uint32_t number)
{
    set->bits[number / 64] &= ~((uint64_t)1 << number % 64);
}

/**
 * @brief Whether a CPU is in a set.
 * @param set     The set.
 * @param number  Below PV_CONFIG_MAX_CPUS.
 * @return true if it is.
 */
PV_INLINE bool pv_cpu_set_has(const struct pv_cpu_set *set, uint32_t number)
{
    return (set->bits[number / 64] >> number % 64 & 1) != 0;
}

/** How a CPU is to begin: see pv_smp_start(). */
struct pv_smp_start {
    uint32_t hardware_id;          /**< which one, from pv_smp_list() */
    uint64_t space;                /**< physical address of its top-level page table */
    uint64_t gs_base;              /**< its %gs base: pv_cpu_setup() was called for the block */
    uint64_t stack;                /**< first byte above its stack, 16-byte aligned */
    void (*entry)(void *argument); /**< what it runs; must not return */
    void *argument;                /**< passed on */
};

#define PV_OP PV_WRAP
#include "pvops/ops/smp.h"
#undef PV_OP

/**
 * @brief Makes the CPU that this runs on one that the library can use: its interrupt controller,
 * its timer, its registrations with the VMM.
 * @param error  Filled on failure.
 * @return PV_OK; PV_E_RANGE for a CPU number beyond PV_CONFIG_MAX_CPUS; what the backend failed
 *         with, and nothing is registered then.
 *
 * On a CPU that the kernel has started, interrupts off, traps set, %gs set. Afterwards the kernel
 * counts it in pv_platform::cpu_count and lets pv_platform::cpu know it. While one CPU comes or
 * goes, no other does, and no text is changed.
 */
int pv_cpu_online(struct pv_error *error);

/**
 * @brief Undoes pv_cpu_online(): nothing is registered for this CPU any more, its timer is silent,
 * and it takes no interrupts.
 *
 * On that CPU, interrupts off, when pv_platform::cpu does not know it any more. The clock must not
 * be read behind it; what is left is pv_smp_park().
 */
void pv_cpu_offline(void);

PV_END_DECLS

#endif
