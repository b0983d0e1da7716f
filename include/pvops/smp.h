/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The smp domain: what one CPU does to another.
 */
#ifndef PVOPS_SMP_H
#define PVOPS_SMP_H

#include "pvops/site.h"

PV_BEGIN_DECLS

#define PV_OP PV_WRAP
#include "pvops/ops/smp.h"
#undef PV_OP

PV_END_DECLS

#endif
