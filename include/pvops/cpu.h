/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The cpu domain: processor state that a VMM may own.
 */
#ifndef PVOPS_CPU_H
#define PVOPS_CPU_H

#include "pvops/site.h"

PV_BEGIN_DECLS

#define PV_OP PV_WRAP
#include "pvops/ops/cpu.h"
#undef PV_OP

PV_END_DECLS

#endif
