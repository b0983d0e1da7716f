/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief Every op, in the order of the table. Include it with PV_OP defined; pvops/table.h
 * explains.
 */
#include "pvops/ops/cpu.h"
#include "pvops/ops/mmu.h"
#include "pvops/ops/paging.h"
#include "pvops/ops/irq.h"
#include "pvops/ops/time.h"
#include "pvops/ops/smp.h"
#include "pvops/ops/lock.h"
#include "pvops/ops/io.h"
