/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief Traps: the kernel owns the table of them and offers the library those it may know.
 */
#ifndef PVOPS_TRAP_H
#define PVOPS_TRAP_H

#include "pvops/types.h"

PV_BEGIN_DECLS

/**
 * @brief The interrupted state, as kernel entry code pushes it; last pushed first.
 *
 * From `error` up it is what the processor pushes (Intel SDM vol. 3A, 6.14), with a 0 pushed
 * where it gives no error code.
 */
struct pv_regs {
    uint64_t r15;    /**< pushed last */
    uint64_t r14;    /**< general register */
    uint64_t r13;    /**< general register */
    uint64_t r12;    /**< general register */
    uint64_t rbp;    /**< general register */
    uint64_t rbx;    /**< general register */
    uint64_t r11;    /**< general register */
    uint64_t r10;    /**< general register */
    uint64_t r9;     /**< general register */
    uint64_t r8;     /**< general register */
    uint64_t rax;    /**< general register */
    uint64_t rcx;    /**< general register */
    uint64_t rdx;    /**< general register */
    uint64_t rsi;    /**< general register */
    uint64_t rdi;    /**< general register */
    uint64_t vector; /**< pushed by the stub */
    uint64_t error;  /**< error code or 0 */
    uint64_t rip;    /**< pushed by the processor, as all below */
    uint64_t cs;     /**< its lowest two bits say whether user code was interrupted */
    uint64_t rflags; /**< flags */
    uint64_t rsp;    /**< interrupted stack */
    uint64_t ss;     /**< stack segment */
};

PV_STATIC_ASSERT(sizeof(struct pv_regs) == 22 * sizeof(uint64_t), "what entry code pushes");

/** Where `syscall` enters the kernel: see pv_cpu_syscall_set(). */
struct pv_syscall_entry {
    /** As the processor enters: return address in rcx, flags in r11, the user's stack and %gs. */
    void (*direct)(void);
    /** As a VMM enters that owns `syscall` (Xen PV): on the stack of pv_cpu_kernel_stack_set(),
     * with the frame of an interrupt on it (rip, cs, rflags, rsp, ss), the kernel's %gs, interrupts
     * off. */
    void (*framed)(void);
    uint64_t star;      /**< MSR C0000081H: the selectors (AMD APM vol. 2, 6.1.1) */
    uint64_t flag_mask; /**< MSR C0000084H: flags cleared at the direct entry */
};

/** Vectors that the kernel offers to pv_trap() before it looks at them itself. */
enum pv_trap_vector {
    PV_TRAP_NMI = 2,         /**< non-maskable interrupt */
    PV_TRAP_BREAKPOINT = 3,  /**< int3 */
    PV_TRAP_PROTECTION = 13, /**< #GP */
    PV_TRAP_PAGE_FAULT = 14  /**< #PF */
};

/**
 * @brief Offers a trap to the library.
 * @param vector  2, 3, 13, 14, or one from pv_irq_alloc().
 * @param regs    The interrupted state. It may be changed: resume from it when handled.
 * @return true: handled, return from the trap. false: it is the kernel's.
 *
 * Interrupts off. Vectors 2, 3 and 18 must be entered on stacks of their own (IST): the handling
 * of a breakpoint may push a return address onto the interrupted stack. (A Xen PV guest has no such
 * stacks; there the library makes the room.) For vector 3 this function
 * and all it calls contain no call site. What a debugger set is not touched: only a breakpoint
 * that the library itself put into a site is its own.
 */
bool pv_trap(unsigned vector, struct pv_regs *regs);

PV_END_DECLS

#endif
