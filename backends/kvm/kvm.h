/* SPDX-License-Identifier: MIT */
/*
 * The parts of the KVM backend to each other.
 */
#ifndef PVOPS_KVM_KVM_H
#define PVOPS_KVM_KVM_H

#include "lib/backend.h"

/* feature.c: PV_KVM_FEATURE_* in use. Of a feature of several bits all are there, or none. */
extern uint32_t pv_kvm_features;
void pv_kvm_negotiate(void);
unsigned pv_kvm_features_named(const char **list, unsigned room);

static inline bool pv_kvm_has(uint32_t feature)
{
    return (pv_kvm_features & feature) != 0;
}

/*
 * kvm.c: what this CPU has registered with KVM, made and undone. Interrupts off.
 */
void pv_kvm_cpu_enter(void);
void pv_kvm_cpu_leave(void);

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
unsigned pv_kvm_clock_features(const char **names, unsigned room);
int pv_kvm_wallclock(uint64_t *unix_ns);

/* steal.c */
volatile void *pv_kvm_steal_begin(struct pv_cpu *cpu);
void pv_kvm_steal_end(struct pv_cpu *cpu);
uint64_t pv_kvm_steal_ns(void);

/* ops.S: functions that change nothing but rax and the flags. */
bool pv_kvm_vcpu_is_preempted(uint32_t cpu) PV_HIDDEN;
void pv_kvm_irq_eoi(void) PV_HIDDEN;

#endif
