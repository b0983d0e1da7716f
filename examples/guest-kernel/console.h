/* SPDX-License-Identifier: MIT */
/*
 * The console, the VMM's or a serial port, and formatted output.
 */
#ifndef GUEST_CONSOLE_H
#define GUEST_CONSOLE_H

#include "pvops/types.h"

#include <stdarg.h>

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* Sets the port up; output works from here on, before the library does. Without the right to touch
 * ports it is kept until console_use_pv(). */
void console_init(void);

/* From now on ports are reached through the library, and so is the VMM's console. */
void console_use_pv(void);

void console_write(const char *text, size_t bytes);

/* Waits until the last byte has left: a machine that is switched off loses what it still has. */
void console_flush(void);

/* The next byte of input, or -1. */
int console_read(void);

/* Lets the port raise its interrupt (ISA line 4) for each byte of input. */
void console_input_interrupts(bool on);

/* %s %c %d %u %x %p %%, with l, a width, and a leading 0. */
void print(const char *format, ...) PRINTF_LIKE(1, 2);
size_t print_to(char *buffer, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
size_t print_to_args(char *buffer, size_t size, const char *format, va_list args);

/* Says why and ends the machine with a failure. */
_Noreturn void panic(const char *why);

#endif
