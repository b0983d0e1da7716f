/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The VMM's own console, where it has one and a serial line is not the kernel's.
 *
 * It is that of the VMM underneath, whichever backend is in force, and needs none of the backend's
 * registrations: it works from pv_early_init() on.
 */
#ifndef PVOPS_CONSOLE_H
#define PVOPS_CONSOLE_H

#include "pvops/types.h"

PV_BEGIN_DECLS

/**
 * @brief Writes to the VMM's console.
 * @param text    Bytes, passed on as they are.
 * @param length  How many.
 * @return PV_OK. PV_E_UNSUPPORTED: the VMM has none, or it is too early to ask. PV_E_BUSY: it
 *         cannot be reached before pv_platform::map_physical can map its page. PV_E_TIMEOUT:
 *         nobody takes the output, the rest is dropped. PV_E_HOST: the other side does not keep
 *         the protocol, or refused.
 *
 * Any context but NMI, one caller at a time; a panic may go ahead of a caller it interrupted, at
 * the price of mixed lines. Waits for a bounded time when nobody takes the output, once.
 */
int pv_console_write(const char *text, size_t length);

/**
 * @brief Reads what was typed at the VMM's console; does not wait.
 * @param buffer  Where it goes.
 * @param size    Room in it, in bytes.
 * @return bytes read, 0 if there is nothing now, or a negative status as pv_console_write().
 */
int pv_console_read(char *buffer, size_t size);

PV_END_DECLS

#endif
