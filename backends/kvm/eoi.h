/* SPDX-License-Identifier: MIT */
/*
 * Where KVM tells that an interrupt need not be ended: a word in the CPU's block that is within
 * reach of %gs, behind the clock's record. For assembly too.
 */
#ifndef PVOPS_KVM_EOI_H
#define PVOPS_KVM_EOI_H

#define PV_KVM_EOI_FLAG 240 /* offset in struct pv_cpu; checked in kvm.c */

#endif
