/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of interrupts to many CPUs, apart from sending them.
 */
#ifndef PVOPS_KVM_IPI_H
#define PVOPS_KVM_IPI_H

#include "backends/kvm/kvm.h"

/* The CPUs that one hypercall reaches (hypercalls.rst, KVM_HC_SEND_IPI). */
#define PV_KVM_WINDOW_CPUS 128u

struct pv_kvm_window {
    uint64_t bits[PV_KVM_WINDOW_CPUS / 64]; /* bit n: the CPU of APIC ID first + n */
    uint64_t first;
};

/*
 * The window that begins with the lowest APIC ID of the set that is not below `from`; false: there
 * is none. Windows taken one behind the other are as few as can be.
 */
bool pv_kvm_ipi_window(const struct pv_cpu_set *cpus, uint64_t from, struct pv_kvm_window *window);

#endif
