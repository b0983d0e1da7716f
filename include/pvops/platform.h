/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief struct pv_platform: what the kernel lends to the library.
 *
 * Zero or NULL means the default that is named at each member.
 */
#ifndef PVOPS_PLATFORM_H
#define PVOPS_PLATFORM_H

#include "pvops/types.h"
#include "pvops/trap.h"
#include "pvops/percpu.h"

PV_BEGIN_DECLS

/** The kernel's side of the contract. It must stay valid for as long as the library is used. */
struct pv_platform {
    /** Prints one line, without a newline. Any context. Default: nothing is printed. */
    void (*log)(const char *line);

    /** Stops the machine for a reason; does not return. Default: a loop of `ud2`. */
    void (*panic)(const char *why);

    /** Bounds of the text that the kernel's own sites lie in. No default. */
    uintptr_t text_start;
    uintptr_t text_end; /**< first byte behind it */

    /**
     * Maps text a second time, writable and not executable, until text_unalias(). At most two
     * pages at a time, whole pages, one alias at a time. NULL from it is an error that the caller
     * of the library sees. Default: the text itself is writable.
     */
    void *(*text_alias)(uintptr_t text, size_t bytes);
    void (*text_unalias)(void *alias, size_t bytes); /**< ends text_alias() */

    /** Physical address of something in a struct pv_cpu or in the library's own data. Default: the
     *  address itself. */
    uint64_t (*virt_to_phys)(const volatile void *address);

    /** Where the kernel reaches a page of its memory. Needed by a VMM that owns page tables (Xen
     * PV): the page's one writable mapping. Works from before pv_early_init() on, at least for what
     * the door mapped. NULL from it: not mapped. No default. */
    void *(*phys_to_virt)(uint64_t phys);

    /** One page of memory for the library, cleared, for each top-level page table (Xen PV) and for
     *  ports of event channels beyond the first 63 (Xen; with phys_to_virt): its physical address,
     *  or 0. No default. */
    uint64_t (*page_alloc)(void);
    void (*page_free)(uint64_t phys); /**< takes back what page_alloc() gave */

    /** Maps physical memory: device registers, uncached, or firmware tables and pages shared with
     * the VMM, cached and writable. NULL from it: not possible, or not yet. No default: without it
     * no APIC and no ACPI table can be reached. */
    void *(*map_physical)(uint64_t phys, size_t bytes, bool device);

    /** Physical address of so many consecutive pages below 1 MiB; from then on they are the
     *  library's. Asked for once, by the first pv_smp_start(). 0: there are none. Default: 0. */
    uint64_t (*low_pages)(unsigned pages);

    /** One more than the highest number of a CPU that is up. Default: one. */
    unsigned (*cpu_count)(void);

    /** The block of a CPU, by its number; NULL: it is not up. Needed when there is more than one.
     */
    struct pv_cpu *(*cpu)(unsigned number);

    /**
     * Runs a function on every other CPU, with interrupts off, in the handler of an inter-processor
     * interrupt; regs is what that interrupt interrupted. Returns once all were asked, and does not
     * wait for them. Needed when there is more than one CPU.
     */
    void (*run_on_others)(void (*function)(void *argument, const struct pv_regs *regs),
                          void *argument);

    /**
     * Calls visit() with the saved instruction pointer of every context that was interrupted or
     * preempted in kernel mode and is not running now; stops when visit() returns false. Needed by
     * kernels that preempt kernel code, before pv_switch(). Default: there are none.
     */
    void (*each_saved_ip)(bool (*visit)(uintptr_t ip, void *argument), void *argument);

    void (*preempt_off)(
        void); /**< Nothing else runs on this CPU until preempt_on(). Default: nothing. */
    void (*preempt_on)(void); /**< Ends preempt_off(). Default: nothing. */

    /** The timer of this CPU has fired. Interrupts off, on the interrupted stack. Default: ignored.
     */
    void (*timer)(struct pv_regs *regs);

    /**
     * User code has touched a page that the VMM has to fetch first. Runs others, with interrupts
     * on if it likes, until *arrived, which becomes true in an interrupt; may return earlier, but
     * must return at last: the access is then tried again. Called in the trap of a page fault,
     * interrupts off; returns so. Default: the VMM stops the whole CPU instead.
     */
    void (*page_wait)(const volatile bool *arrived);

    /** Vectors that pv_irq_alloc() may give out, inclusive, 32 to 254. 0 and 0: none. */
    uint8_t vector_first;
    uint8_t vector_last; /**< the last one */

    /** Vector that spurious interrupts of the local APIC arrive at. Default: 255. */
    uint8_t vector_spurious;
};

PV_END_DECLS

#endif
