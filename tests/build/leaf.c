/* SPDX-License-Identifier: MIT */
/*
 * A leaf function as far as the compiler can see, with locals that live across a call site. With a
 * red zone they lie below the stack pointer, where the site's return address is pushed.
 */
#include "pvops/pvops.h"

uint64_t leaf(const volatile uint64_t *from);
uint64_t leaf(const volatile uint64_t *from)
{
    volatile uint64_t kept[4] = {from[0], from[1], from[2], from[3]};

    pv_irq_disable();
    return kept[0] ^ kept[1] ^ kept[2] ^ kept[3];
}
