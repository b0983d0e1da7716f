/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief pvops: para-virtualized operations for guest kernels. The only header most kernels need.
 *
 * The order of a boot:
 * 1. pv_cpu_setup() for the boot CPU, and %gs set to its block;
 * 2. pv_early_init(): looks for a VMM, fills the ops table; every wrapper works from here on;
 * 3. the kernel maps its text read-only, sets its trap table and offers traps to pv_trap();
 * 4. pv_init(): clocks, interrupt controllers, registrations with the VMM; sites are patched.
 *
 * docs/architecture.md says which call is allowed when.
 */
#ifndef PVOPS_PVOPS_H
#define PVOPS_PVOPS_H

#include "pvops/boot.h"
#include "pvops/console.h"
#include "pvops/cpu.h"
#include "pvops/io.h"
#include "pvops/irq.h"
#include "pvops/lock.h"
#include "pvops/memory.h"
#include "pvops/mmu.h"
#include "pvops/patch.h"
#include "pvops/percpu.h"
#include "pvops/platform.h"
#include "pvops/smp.h"
#include "pvops/status.h"
#include "pvops/time.h"
#include "pvops/trap.h"

PV_BEGIN_DECLS

/** Most VMM interfaces that detection remembers. */
#define PV_DETECT_MAX 8

/** A VMM interface found by its CPUID signature. */
struct pv_interface {
    uint32_t base;      /**< leaf of the signature, 40000000H and up */
    uint32_t max_leaf;  /**< highest leaf it claims; checked to lie within 256 of base */
    char signature[13]; /**< four to twelve printable characters, filled up with NULs */
};

/** What detection found. */
struct pv_detection {
    uint32_t count;                           /**< entries of found */
    uint32_t exits;                           /**< CPUID executions from 40000000H up */
    uint32_t repeated;                        /**< bases that showed a signature again */
    uint32_t left_out;                        /**< interfaces for which found had no room */
    struct pv_interface found[PV_DETECT_MAX]; /**< in the order of their leaves; each once */
};

/** Facts for listings, valid after pv_early_init(). */
struct pv_facts {
    const char *vmm;                      /**< "none", "kvm", ... */
    const char *backend;                  /**< backend in force */
    const char *why;                      /**< why this one, as the end of a sentence */
    const char *door;                     /**< how the kernel was entered */
    const char *clock;                    /**< clock in force */
    uint32_t tsc_khz;                     /**< 0 if unknown */
    const char *features[32];             /**< negotiated with the VMM; the first NULL ends it */
    const struct pv_detection *detection; /**< interfaces found */
    const struct pv_interface *chosen;    /**< the one that the backend drives; NULL: none */
};

/**
 * @brief Looks for a VMM, chooses a backend, fills the ops table.
 * @param platform  What the kernel lends; kept.
 * @param boot      What the door told: `backend=NAME`, `nopv` and `detect=all` on its command line
 * are obeyed; kept.
 * @param error     Filled on failure.
 * @return PV_OK, PV_E_ARGUMENT. An impossible `backend=` is a line in the log, not an error.
 *
 * Boot CPU, interrupts off, once. Where the hypervisor bit is set, makes one CPUID exit for each
 * base looked at (struct pv_detection counts them; 256 at most), and no other. Looks at all of them
 * if no backend knows an interface among the first, or if `detect=all` asks for it. Allocates
 * nothing, prints through pv_platform::log.
 */
int pv_early_init(const struct pv_platform *platform, const struct pv_boot_info *boot,
                  struct pv_error *error);

/**
 * @brief Brings up what the backend drives, makes its registrations, patches all sites.
 * @param error  Filled on failure.
 * @return PV_OK, or the status of what failed; sites are then as they were and work.
 *
 * Boot CPU, interrupts off, traps 3, 13 and 14 offered to pv_trap(), text read-only.
 */
int pv_init(struct pv_error *error);

/**
 * @brief Undoes every registration with the VMM, so that nothing is written to memory any more.
 *
 * Before a kernel hands the machine to another one. Interrupts off. The other CPUs are parked, or
 * stand still for good: those get INIT where there are local APICs, and wait for a start-up
 * message. The CPU that booted gets none; if another one calls this under KVM, it gets an NMI to be
 * offered to pv_trap(), which is waited for with a bound, and stands on.
 */
void pv_shutdown(void);

/**
 * @brief Has the VMM forget all that it was told by this kernel, for the next one in the same
 * memory (kexec): event channels, grants, shared pages, records of CPUs.
 * @param error  Filled on failure.
 * @return PV_OK: done, memory and this CPU are as they were. PV_E_UNSUPPORTED: no VMM underneath
 * has such a thing for this machine, or it would end the machine; nothing was done. PV_E_HOST: the
 * VMM refused, with its error number in `where`; nothing was done.
 *
 * Behind pv_shutdown(), which suffices for a kernel that ends in order; and without it, by a kernel
 * that has crashed. The next kernel, or this one by pv_init(), begins afresh behind it. Interrupts
 * off, other CPUs parked or stopped: Xen stops them all.
 *
 * PVH and HVM guests of Xen have it: SCHEDOP_shutdown with SHUTDOWN_soft_reset (xen/include/public/
 * sched.h). Xen leaves the work to the domain's manager, so the time that it takes has no bound
 * here, and a manager that was told otherwise (xl: `on_soft_reset`) ends the machine instead.
 * xl 4.17 does it for HVM guests, and destroys a PVH guest that asks (libxl_domain_soft_reset());
 * no guest can ask what its manager would do. Xen's hardware domain has none, and Xen would restart
 * the machine (xen/common/shutdown.c): PV_E_UNSUPPORTED. The same for a PV guest of Xen, since Xen
 * does so for none and would end it (xen/arch/x86/domain.c, arch_domain_soft_reset());
 * pv_shutdown() leaves it without event channels and records by other means. KVM and hardware have
 * nothing to reset beyond pv_shutdown(): PV_E_UNSUPPORTED.
 */
int pv_soft_reset(struct pv_error *error);

/** What was asked of the VMM to keep page tables and CPU state, since the boot. */
struct pv_host_calls {
    uint64_t calls;   /**< hypercalls; several requests made together are one */
    uint64_t entries; /**< requests in them, each of several that were made together */
    uint64_t updates; /**< page-table entries among them, which are not in entries */
    uint64_t
        returns; /**< from interrupts, traps and system calls; hypercalls that calls leaves out */
};

/**
 * @brief Counts hypercalls, where page tables are the VMM's; elsewhere all is 0.
 * @param counts  Filled.
 *
 * Any context. For benchmarks, which compare before and after. Calls for clocks, timers, events and
 * consoles are not in it.
 */
void pv_host_calls(struct pv_host_calls *counts);

/** @brief Facts for listings. @param facts Filled. */
void pv_facts(struct pv_facts *facts);

PV_END_DECLS

#endif
