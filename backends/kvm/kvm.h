/* SPDX-License-Identifier: MIT */
/*
 * The parts of the KVM backend to each other.
 */
#ifndef PVOPS_KVM_KVM_H
#define PVOPS_KVM_KVM_H

#include "lib/backend.h"

/* Feature bits that KVM offers: cpuid.rst. */
uint32_t pv_kvm_offered(void);

/* The clock of the backend below, which goes on when KVM's cannot be used. */
uint64_t pv_kvm_base_clock_ns(void);
int pv_kvm_base_wallclock(uint64_t *unix_ns);

/* clock.c */
uint64_t pv_kvm_clock_tsc_hz(void);
void pv_kvm_clock_enter(void);
unsigned pv_kvm_clock_features(const char **names, unsigned room);
int pv_kvm_wallclock(uint64_t *unix_ns);

#endif
