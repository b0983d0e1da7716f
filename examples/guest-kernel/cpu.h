/* SPDX-License-Identifier: MIT */
/*
 * The per-CPU block that %gs points at in kernel mode, and the processor's own tables in it. Who
 * starts CPUs and gives them work is smp.h.
 */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H

#include "layout.h"
#include "pvops/pvops.h"

struct thread;

/* Intel SDM vol. 3A, 8.7. */
struct tss {
    uint32_t zero0;
    uint64_t rsp[3];
    uint64_t zero1;
    uint64_t ist[7];
    uint64_t zero2;
    uint16_t zero3;
    uint16_t io_map;
} __attribute__((packed));

/* CPUs that this kernel can use. */
#define MOST_CPUS 40

#define IST_STACKS      5
#define IST_STACK_BYTES 8192

struct cpu {
    struct thread *current;
    uint64_t user_rsp; /* scratch of the `syscall` entry */
    uint32_t preempt_count;
    uint32_t resched;   /* switch threads when the trap in progress ends */
    uint64_t canary[5]; /* %gs:0x28 belongs to compilers' stack protectors */
    struct pv_cpu pv __attribute__((aligned(64)));
    uint64_t gdt[9];
    uint32_t pad; /* rsp[0] lies 4 bytes into the TSS and is to be aligned */
    struct tss tss;
    volatile uint32_t timer_ticks; /* of a CPU other than the one that booted */
    volatile uint32_t nmis;        /* that were expected */
} __attribute__((aligned(64)));

_Static_assert(offsetof(struct cpu, pv) == PV_CONFIG_CPU_OFFSET, "the library looks there");
_Static_assert(offsetof(struct cpu, user_rsp) == CPU_USER_RSP, "trap_entry.S reads it");
_Static_assert((offsetof(struct cpu, tss) + offsetof(struct tss, rsp)) % 8 == 0,
               "aligned stack slot");

/* Stacks of their own for traps that may come when rsp cannot be used; an IST index each. */
enum ist { IST_NONE, IST_DEBUG, IST_NMI, IST_BREAKPOINT, IST_DOUBLE_FAULT, IST_MACHINE_CHECK };

/* By number; the boot CPU is the first. */
extern struct cpu cpus[MOST_CPUS];

/* The boot CPU's block, and %gs at it. No call site may run before. */
void cpu_block_init(void);

/* GDT and TSS of the CPU that this runs on, and the registers that point at them. */
void cpu_tables_init(void);

/* EFER: no-execute and `syscall`; CR4: global pages and SSE, where the VMM lets them be chosen.
 * Panics on a processor without the first two. On each CPU. */
void cpu_features_init(void);

static inline __attribute__((always_inline)) struct cpu *this_cpu(void)
{
    struct cpu *cpu = (struct cpu *)((uintptr_t)pv_this_cpu() - PV_CONFIG_CPU_OFFSET);
    return cpu;
}

static inline __attribute__((always_inline)) bool on_boot_cpu(void)
{
    return this_cpu() == &cpus[0];
}

/* Whether ports, control registers and instructions such as `cli` are this kernel's to use. In a PV
 * guest of Xen they are not: there the kernel runs in ring 3. */
static inline __attribute__((always_inline)) bool privileged(void)
{
    uint16_t cs;
    __asm__("mov %%cs, %0" : "=r"(cs));
    return (cs & 3) == 0;
}

/* Nothing else runs on this CPU in between; calls nest. */
static inline __attribute__((always_inline)) void preempt_off(void)
{
    __asm__ volatile("incl %%gs:%c0" : : "i"(offsetof(struct cpu, preempt_count)) : "memory", "cc");
}

static inline __attribute__((always_inline)) void preempt_on(void)
{
    __asm__ volatile("decl %%gs:%c0" : : "i"(offsetof(struct cpu, preempt_count)) : "memory", "cc");
}

/* Ends preempt_off(), and switches threads if a time slice ended meanwhile: thread.c. */
void thread_preempt_on(void);

/* A batch of page-table writes: nothing else runs on this CPU until its end. */
static inline __attribute__((always_inline)) void batch_begin(void)
{
    preempt_off();
    pv_mmu_batch_begin();
}

static inline __attribute__((always_inline)) void batch_end(void)
{
    pv_mmu_batch_end();
    thread_preempt_on();
}

/* A lock that interrupt handlers may take too. */
static inline __attribute__((always_inline)) struct pv_irqflags lock_irq(struct pv_spinlock *lock)
{
    struct pv_irqflags flags = pv_irq_save();
    pv_spin_lock(lock);
    return flags;
}

static inline __attribute__((always_inline)) void unlock_irq(struct pv_spinlock *lock,
                                                             struct pv_irqflags flags)
{
    pv_spin_unlock(lock);
    pv_irq_restore(flags);
}

/* Reads the TSC with all earlier work done (Intel SDM vol. 2, RDTSC). */
static inline __attribute__((always_inline)) uint64_t read_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

#endif
