/* SPDX-License-Identifier: MIT */
/*
 * pv_irq_save() for cold paths, as a call.
 */
#ifndef PVOPS_LIB_IRQ_SAVE_H
#define PVOPS_LIB_IRQ_SAVE_H

#include "lib/backend.h"

struct pv_irqflags pv_irq_save_seldom(void);

#endif
