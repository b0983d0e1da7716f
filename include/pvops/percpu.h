/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief struct pv_cpu: what the library keeps for each CPU, and how it finds it.
 *
 * In kernel mode %gs points at the CPU's own block, and struct pv_cpu lies in it at
 * PV_CONFIG_CPU_OFFSET. A backend can then reach a field with one instruction, and can give parts
 * of the block to the VMM. The block must not move while its CPU runs, and must be mapped in
 * every address space.
 *
 * A kernel with another scheme defines PV_CONFIG_THIS_CPU in its configuration header as an
 * expression of type `struct pv_cpu *`; inline sequences that use %gs are then not offered, and
 * their ops are direct calls.
 */
#ifndef PVOPS_PERCPU_H
#define PVOPS_PERCPU_H

#include "pvops/config.h"
#include "pvops/types.h"

/* Offsets for assembly; checked below. */
/** @cond */
#define PV_CPU_SELF              0
#define PV_CPU_KERNEL_STACK_SLOT 8
#define PV_CPU_NUMBER            16
#define PV_CPU_APIC_ID           20
#define PV_CPU_BATCH_DEPTH       28
#define PV_CPU_BACKEND           96
#define PV_CPU_VMM_STATE         256
/** @endcond */

PV_BEGIN_DECLS

/** A waiter in the queue of a spin lock. */
struct pv_lock_node {
    struct pv_lock_node *next; /**< who waits behind this one */
    uint8_t go;                /**< 1: this one is now first in the queue */
    uint8_t unused[3];         /**< 0 */
    uint32_t cpu;              /**< whose node it is */
};

/** One CPU. All zero but for what pv_cpu_setup() fills. */
struct pv_cpu {
    struct pv_cpu *self;          /**< this block's address */
    uint64_t *kernel_stack_slot;  /**< where entries from user mode take their stack from (RSP0) */
    uint32_t number;              /**< 0 up to pv_platform::cpu_count */
    uint32_t apic_id;             /**< local APIC identity; valid after pv_init() */
    uint32_t lock_depth;          /**< nodes in use: this CPU waits for a lock */
    uint32_t batch_depth;         /**< open pv_mmu_batch_begin() */
    struct pv_lock_node nodes[4]; /**< one for each level that can be interrupted by the next */
    uint64_t backend[12];         /**< the backend's own, within reach of %gs */
    /** Shared with the VMM: clock record. A cache line of its own; does not cross a page. */
    uint8_t vmm_clock[64] __attribute__((aligned(64)));
    /** Shared with the VMM: whatever else the backend registers. */
    uint8_t vmm_state[64] __attribute__((aligned(64)));
} __attribute__((aligned(64)));

PV_STATIC_ASSERT(offsetof(struct pv_cpu, self) == PV_CPU_SELF, "offset for assembly");
PV_STATIC_ASSERT(offsetof(struct pv_cpu, kernel_stack_slot) == PV_CPU_KERNEL_STACK_SLOT,
                 "offset for assembly");
PV_STATIC_ASSERT(offsetof(struct pv_cpu, number) == PV_CPU_NUMBER, "offset for assembly");
PV_STATIC_ASSERT(offsetof(struct pv_cpu, apic_id) == PV_CPU_APIC_ID, "offset for assembly");
PV_STATIC_ASSERT(offsetof(struct pv_cpu, batch_depth) == PV_CPU_BATCH_DEPTH, "offset for assembly");
PV_STATIC_ASSERT(offsetof(struct pv_cpu, backend) == PV_CPU_BACKEND, "offset for assembly");
PV_STATIC_ASSERT(offsetof(struct pv_cpu, vmm_state) == PV_CPU_VMM_STATE, "offset for assembly");
PV_STATIC_ASSERT(PV_CONFIG_CPU_OFFSET >= 0x30 ||
                     PV_CONFIG_CPU_OFFSET + (int)sizeof(struct pv_cpu) <= 0x28,
                 "struct pv_cpu must keep clear of the stack protector's %gs:0x28");

/**
 * @brief Prepares a CPU's block.
 * @param cpu     The block, at PV_CONFIG_CPU_OFFSET behind what %gs will point to.
 * @param number  0 for the CPU that boots.
 *
 * To be called, and %gs set, before the first site runs on that CPU. From then on the library finds
 * the block by its number, whether the CPU is up or not.
 */
void pv_cpu_setup(struct pv_cpu *cpu, uint32_t number);

/** @brief The block of the CPU this runs on. Preemption off. @return never NULL. */
PV_INLINE struct pv_cpu *pv_this_cpu(void)
{
#ifdef PV_CONFIG_THIS_CPU
    return PV_CONFIG_THIS_CPU;
#else
    struct pv_cpu *cpu;
    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(cpu) : "i"(PV_CONFIG_CPU_OFFSET + PV_CPU_SELF));
    return cpu;
#endif
}

/** @cond */
PV_INLINE void pv_cpu_count_batch(int by)
{
#if PV_BOUND
    (void)by; /* one backend for ever: nobody asks */
#elif defined(PV_CONFIG_THIS_CPU)
    PV_CONFIG_THIS_CPU->batch_depth += (uint32_t)by;
#else
    __asm__ volatile("addl %0, %%gs:%c1"
                     :
                     : "er"(by), "i"(PV_CONFIG_CPU_OFFSET + PV_CPU_BATCH_DEPTH)
                     : "memory", "cc");
#endif
}
/** @endcond */

PV_END_DECLS

#endif
