/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief What a kernel may choose at build time, with the defaults.
 *
 * A kernel that wants other values defines `PV_CONFIG_FILE` to the name of a header of its own
 * (`-DPV_CONFIG_FILE='"my_pv_config.h"'`) that defines some of these before the defaults do.
 * The library and the kernel must be compiled with the same values.
 */
#ifndef PVOPS_CONFIG_H
#define PVOPS_CONFIG_H

#ifdef PV_CONFIG_FILE
#include PV_CONFIG_FILE
#endif

/**
 * Distance in bytes from the %gs base to this CPU's struct pv_cpu. A multiple of 64 when the %gs
 * base is, and clear of %gs:0x28, where compilers look for the stack protector's canary.
 */
#ifndef PV_CONFIG_CPU_OFFSET
#define PV_CONFIG_CPU_OFFSET 64
#endif

/**
 * 1: page-table entries, batches and table pages go through call sites, as a backend needs that
 * does not own its page tables (Xen PV). 0: the same wrappers are the bare memory access, and
 * nobody pays for such a backend.
 */
#ifndef PV_CONFIG_PAGING_OPS
#define PV_CONFIG_PAGING_OPS 1
#endif

/**
 * Defined as a header name: every hot wrapper is the raw instruction of the one backend that the
 * header belongs to; no site and no record is made (`-Dbind=native` in meson defines it).
 */
#ifdef PV_CONFIG_BIND_HEADER
#define PV_BOUND 1
#else
#define PV_BOUND 0
#endif

/** Most CPUs that the library keeps per-CPU bookkeeping for. At most 16383. */
#ifndef PV_CONFIG_MAX_CPUS
#define PV_CONFIG_MAX_CPUS 64
#endif

#endif
