/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief Types that every domain shares, and the compiler attributes of the public headers.
 */
#ifndef PVOPS_TYPES_H
#define PVOPS_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** @cond */
#ifdef __cplusplus
#define PV_BEGIN_DECLS                    extern "C" {
#define PV_END_DECLS                      }
#define PV_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define PV_BEGIN_DECLS
#define PV_END_DECLS
#define PV_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif
/** @endcond */

/**
 * Symbols that call sites name are hidden: with default visibility a PIE reaches them through the
 * GOT, and a site would no longer end in `call *slot(%rip)`.
 */
#define PV_HIDDEN __attribute__((visibility("hidden")))
/** A wrapper must be inlined without optimisation too: its slot must be a constant there. */
#define PV_INLINE static inline __attribute__((always_inline, unused))

/** Saved interrupt state. Opaque: only the backend that made it can read it. */
struct pv_irqflags {
    uint64_t raw; /**< the backend's own encoding */
};

/**
 * Software bit of a page-table entry: its frame is one of the real machine, not of the memory that
 * the VMM gave this one. Only a VMM that shows the two apart (Xen PV) takes notice of it. Where
 * there are call sites for paging, bits 9 to 11 of entries are not the kernel's to use.
 */
#define PV_PTE_MACHINE 0x400ull

/** A page-table entry as the kernel reads and writes it (pseudo-physical frame numbers). */
struct pv_pte {
    uint64_t raw; /**< the architecture's layout: Intel SDM vol. 3A, 4.5 */
};

#endif
