/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The smp domain: what one CPU does to another.
 */
#ifndef PVOPS_SMP_H
#define PVOPS_SMP_H

#include "pvops/site.h"

PV_BEGIN_DECLS

/** A set of CPUs by their numbers. All zero is empty. */
struct pv_cpu_set {
    uint64_t bits[(PV_CONFIG_MAX_CPUS + 63) / 64]; /**< CPU n is bit n % 64 of word n / 64 */
};

/** @brief Adds a CPU. @param set The set. @param cpu Its number, below PV_CONFIG_MAX_CPUS. */
PV_INLINE void pv_cpu_set_add(struct pv_cpu_set *set, uint32_t cpu)
{
    set->bits[cpu / 64] |= (uint64_t)1 << cpu % 64;
}

/** @brief Removes a CPU. @param set The set. @param cpu Its number, as above. */
PV_INLINE void pv_cpu_set_remove(struct pv_cpu_set *set, uint32_t cpu)
{
    set->bits[cpu / 64] &= ~((uint64_t)1 << cpu % 64);
}

/** @brief Looks for a CPU. @param set The set. @param cpu Its number, as above.
 *  @return whether it is there. */
PV_INLINE bool pv_cpu_set_has(const struct pv_cpu_set *set, uint32_t cpu)
{
    return (set->bits[cpu / 64] >> cpu % 64 & 1) != 0;
}

#define PV_OP PV_WRAP
#include "pvops/ops/smp.h"
#undef PV_OP

PV_END_DECLS

#endif
