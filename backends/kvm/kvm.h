/* SPDX-License-Identifier: MIT */
/*
 * The parts of the KVM backend to each other.
 */
#ifndef PVOPS_KVM_KVM_H
#define PVOPS_KVM_KVM_H

#include "lib/backend.h"
#include "lib/irq_save.h"

/* feature.c: PV_KVM_FEATURE_* in use. Of a feature of several bits all are there, or none. */
extern uint32_t pv_kvm_features;
void pv_kvm_negotiate(void);
uint32_t pv_kvm_consistent(uint32_t features); /* without what is useless now */
unsigned pv_kvm_features_named(const char **list, unsigned room);

static inline bool pv_kvm_has(uint32_t feature)
{
    return (pv_kvm_features & feature) != 0;
}

/* Of pv_cpu::backend. */
enum {
    PV_KVM_TOLD_NS,      /* the longest stolen time told */
    PV_KVM_BEGAN_NS,     /* ... and what was told when the record began */
    PV_KVM_CAN_BE_KICKED /* it is online */
};

/* The clock of the backend below, which goes on when KVM's cannot be used. */
uint64_t pv_kvm_base_clock_ns(void);
int pv_kvm_base_wallclock(uint64_t *unix_ns);

static inline uint64_t pv_kvm_phys_of(const volatile void *address)
{
    return pv_platform->virt_to_phys != NULL ? pv_platform->virt_to_phys(address)
                                             : (uintptr_t)address;
}

/* clock.c: its records are the first bytes of pv_cpu::vmm_clock. */
#define PV_KVM_CLOCK_BYTES 48u
uint64_t pv_kvm_clock_tsc_hz(void);
void pv_kvm_clock_enter(void);
void pv_kvm_clock_remove(struct pv_cpu *cpu);
unsigned pv_kvm_clock_features(const char **names, unsigned room);
int pv_kvm_wallclock(uint64_t *unix_ns);

/* steal.c */
extern volatile struct pv_kvm_steal_time *pv_kvm_steal_records[] PV_HIDDEN; /* by CPU; or NULL */
void pv_kvm_steal_begin(struct pv_cpu *cpu); /* its record is registered */
void pv_kvm_steal_end(struct pv_cpu *cpu);
uint64_t pv_kvm_steal_ns(void);

/* control.c */
int pv_kvm_cpu_halt_poll(bool host_polls);
int pv_kvm_cpu_migration_allow(bool allowed);
int pv_kvm_clock_pair(struct pv_clock_pair *pair);

/* ipi.c */
void pv_kvm_smp_ipi(uint32_t number, uint8_t vector);
void pv_kvm_smp_ipi_many(const struct pv_cpu_set *cpus, uint8_t vector);
void pv_kvm_smp_yield_to(uint32_t number);
void pv_kvm_waits_for(const struct pv_cpu *cpu); /* contains no call site */
int pv_kvm_tlb_flush_others(const struct pv_cpu_set *cpus, uint64_t start, uint64_t end);

/* lock.c */
void pv_kvm_lock_wait(const uint8_t *byte, uint8_t value);
void pv_kvm_lock_kick(uint32_t cpu);

/* async.c */
volatile void *pv_kvm_async_area(const struct pv_cpu *cpu);
bool pv_kvm_async_begin(void); /* false: nobody could wait, or be told */
/* Nobody is left waiting for what this CPU was to be told; `last`: unless that takes a lock that is
 * held, since nobody else runs who could give it back. */
void pv_kvm_async_end(bool last);
bool pv_kvm_trap(unsigned vector, struct pv_regs *regs);

/* kvm.c: an NMI; contains no call site. */
bool pv_kvm_nmi(void);

/* ops.S: functions that change nothing but rax and the flags. */
bool pv_kvm_vcpu_is_preempted(uint32_t cpu) PV_HIDDEN;
void pv_kvm_irq_eoi(void) PV_HIDDEN;

#endif
