/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The io domain: ports and device registers.
 */
#ifndef PVOPS_IO_H
#define PVOPS_IO_H

#include "pvops/site.h"

PV_BEGIN_DECLS

#define PV_OP PV_WRAP
#include "pvops/ops/io.h"
#undef PV_OP

PV_END_DECLS

#endif
