/* SPDX-License-Identifier: MIT */
/*
 * Hot ops bound to this backend at build time: the bare instructions, in whatever registers the
 * compiler likes, and direct calls where there is no instruction. Included by pvops/site.h when
 * PV_CONFIG_BIND_HEADER names it (meson: -Dbind=native). Works in C and C++.
 */
#ifndef PVOPS_NATIVE_BIND_H
#define PVOPS_NATIVE_BIND_H

#include "pvops/percpu.h"
#include "pvops/status.h"

PV_BEGIN_DECLS

/* Where an interrupt is ended: the local APIC's register once it is mapped. */
extern volatile uint32_t *pv_native_eoi PV_HIDDEN;

uint64_t pv_native_clock_ns(void);
void pv_native_timer_set(uint64_t deadline_ns);
void pv_native_smp_ipi(uint32_t cpu, uint8_t vector);
void pv_lock_acquire_slow(struct pv_spinlock *lock) PV_HIDDEN;

PV_INLINE void pv_bound_cpu_relax(void)
{
    __asm__ volatile("pause" : : : "memory");
}

PV_INLINE void pv_bound_cpu_kernel_stack_set(uint64_t top)
{
    *pv_this_cpu()->kernel_stack_slot = top;
}

/* MSR C0000100H, FS.Base: AMD APM vol. 2, 4.5.3. */
PV_INLINE void pv_bound_cpu_tls_set(uint64_t base)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(0xc0000100u), "a"((uint32_t)base), "d"((uint32_t)(base >> 32))
                     : "memory");
}

PV_INLINE uint64_t pv_bound_cr2_read(void)
{
    uint64_t value;

    __asm__ volatile("mov %%cr2, %0" : "=r"(value) : : "memory");
    return value;
}

PV_INLINE uint64_t pv_bound_cr3_read(void)
{
    uint64_t value;

    __asm__ volatile("mov %%cr3, %0" : "=r"(value) : : "memory");
    return value;
}

PV_INLINE void pv_bound_cr3_write(uint64_t cr3)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

PV_INLINE void pv_bound_tlb_invlpg(uint64_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

PV_INLINE void pv_bound_tlb_flush(void)
{
    pv_bound_cr3_write(pv_bound_cr3_read());
}

PV_INLINE struct pv_pte pv_bound_pte_get(const struct pv_pte *entry)
{
    struct pv_pte value = {__atomic_load_n(&entry->raw, __ATOMIC_RELAXED)};

    return value;
}

PV_INLINE void pv_bound_pte_set(struct pv_pte *entry, struct pv_pte value)
{
    __atomic_store_n(&entry->raw, value.raw, __ATOMIC_RELAXED);
}

PV_INLINE void pv_bound_pte_clear(struct pv_pte *entry)
{
    __atomic_store_n(&entry->raw, (uint64_t)0, __ATOMIC_RELAXED);
}

PV_INLINE void pv_bound_paging_batch_open(void)
{
}

PV_INLINE void pv_bound_paging_batch_close(void)
{
}

PV_INLINE int pv_bound_paging_table_add(uint64_t frame, uint32_t level)
{
    (void)frame;
    (void)level;
    return PV_OK;
}

PV_INLINE void pv_bound_paging_table_remove(uint64_t frame, uint32_t level)
{
    (void)frame;
    (void)level;
}

PV_INLINE void pv_bound_irq_disable(void)
{
    __asm__ volatile("cli" : : : "memory");
}

PV_INLINE void pv_bound_irq_enable(void)
{
    __asm__ volatile("sti" : : : "memory");
}

PV_INLINE struct pv_irqflags pv_bound_irq_flags(void)
{
    struct pv_irqflags flags;

    __asm__ volatile("pushfq\n\tpop %0" : "=r"(flags.raw) : : "memory");
    return flags;
}

PV_INLINE struct pv_irqflags pv_bound_irq_save(void)
{
    struct pv_irqflags flags = pv_bound_irq_flags();

    pv_bound_irq_disable();
    return flags;
}

/* Bit 9 is IF: Intel SDM vol. 1, 3.4.3.3. */
PV_INLINE void pv_bound_irq_restore(struct pv_irqflags flags)
{
    if (flags.raw & 0x200u)
        pv_bound_irq_enable();
}

PV_INLINE void pv_bound_irq_enable_halt(void)
{
    __asm__ volatile("sti\n\thlt" : : : "memory");
}

PV_INLINE void pv_bound_irq_eoi(void)
{
    __asm__ volatile("movl $0, %0" : "=m"(*pv_native_eoi) : : "memory");
}

PV_INLINE uint64_t pv_bound_clock_ns(void)
{
    return pv_native_clock_ns();
}

PV_INLINE void pv_bound_timer_set(uint64_t deadline_ns)
{
    pv_native_timer_set(deadline_ns);
}

PV_INLINE void pv_bound_smp_ipi(uint32_t cpu, uint8_t vector)
{
    pv_native_smp_ipi(cpu, vector);
}

PV_INLINE bool pv_bound_vcpu_is_preempted(uint32_t cpu)
{
    (void)cpu;
    return false;
}

/* The lock word is what struct pv_spinlock of pvops/lock.h lays out: 0 is free, 1 is held. */
PV_INLINE void pv_bound_lock_acquire(struct pv_spinlock *lock)
{
    typedef uint32_t __attribute__((may_alias)) lock_word;
    uint32_t free_word = 0;

    if (__builtin_expect(!__atomic_compare_exchange_n((lock_word *)lock, &free_word, 1u, false,
                                                      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED),
                         0))
        pv_lock_acquire_slow(lock);
}

PV_INLINE void pv_bound_lock_release(struct pv_spinlock *lock)
{
    __atomic_store_n((uint8_t *)lock, (uint8_t)0, __ATOMIC_RELEASE);
}

PV_INLINE void pv_bound_lock_wait(const uint8_t *byte, uint8_t value)
{
    (void)byte;
    (void)value;
    pv_bound_cpu_relax();
}

PV_INLINE void pv_bound_lock_kick(uint32_t cpu)
{
    (void)cpu;
}

PV_END_DECLS

#endif
