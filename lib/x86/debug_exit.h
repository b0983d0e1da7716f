/* SPDX-License-Identifier: MIT */
/*
 * QEMU's isa-debug-exit device, where it is configured (iobase=0xf4): QEMU exits with twice the
 * value plus one (QEMU, hw/misc/debugexit.c). Elsewhere nothing answers at this port.
 */
#ifndef PVOPS_LIB_X86_DEBUG_EXIT_H
#define PVOPS_LIB_X86_DEBUG_EXIT_H

#include <stdint.h>

#define PV_DEBUG_EXIT_PORT 0xf4

/* What to write there for a status: 0 is success. */
static inline uint8_t pv_debug_exit_value(int status)
{
    return status == 0 ? 0x10 : 0x11;
}

#endif
