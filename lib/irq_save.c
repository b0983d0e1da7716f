/* SPDX-License-Identifier: MIT */
/*
 * The site of irq_save is long, for a backend that has much to put there. Where speed does not
 * count one is enough for all.
 */
#include "lib/irq_save.h"

PV_COLD struct pv_irqflags pv_irq_save_seldom(void)
{
    return pv_irq_save();
}
