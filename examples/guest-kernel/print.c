/* SPDX-License-Identifier: MIT */
/*
 * Formatted output: the few conversions that this kernel uses.
 */
#include "console.h"

#define LINE_BYTES   512
#define DIGITS_BYTES 24

struct output {
    char *buffer;
    size_t size;
    size_t used;
};

struct conversion {
    bool zeros;
    unsigned width;
    bool is_long;
};

static void add(struct output *out, char c)
{
    if (out->used + 1 < out->size)
        out->buffer[out->used++] = c;
}

static void add_text(struct output *out, const char *text, unsigned width)
{
    size_t length = 0;
    for (; text[length] != '\0'; length++)
        add(out, text[length]);
    for (; length < width; length++)
        add(out, ' ');
}

static void add_number(struct output *out, uint64_t value, unsigned base, bool negative,
                       struct conversion how)
{
    char digits[DIGITS_BYTES];
    unsigned length = 0;
    do {
        digits[length++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    if (negative)
        digits[length++] = '-';
    for (unsigned i = length; i < how.width; i++)
        add(out, how.zeros ? '0' : ' ');
    while (length > 0)
        add(out, digits[--length]);
}

static void add_signed(struct output *out, int64_t value, struct conversion how)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    add_number(out, magnitude, 10, value < 0, how);
}

static const char *read_modifiers(const char *p, struct conversion *how)
{
    *how = (struct conversion){.zeros = *p == '0', .width = 0, .is_long = false};
    for (; *p >= '0' && *p <= '9'; p++)
        how->width = how->width * 10 + (unsigned)(*p - '0');
    for (; *p == 'l' || *p == 'z'; p++)
        how->is_long = true;
    return p;
}

size_t print_to_args(char *buffer, size_t size, const char *format, va_list args)
{
    struct output out = {buffer, size, 0};
    for (const char *p = format; *p != '\0'; p++) {
        if (*p != '%') {
            add(&out, *p);
            continue;
        }
        struct conversion how;
        p = read_modifiers(p + 1, &how);
        switch (*p) {
        case 's':
            add_text(&out, va_arg(args, const char *), how.width);
            break;
        case 'c':
            add(&out, (char)va_arg(args, int));
            break;
        case 'd':
            add_signed(&out, how.is_long ? va_arg(args, int64_t) : va_arg(args, int), how);
            break;
        case 'u':
            add_number(&out, how.is_long ? va_arg(args, uint64_t) : va_arg(args, unsigned), 10,
                       false, how);
            break;
        case 'x':
            add_number(&out, how.is_long ? va_arg(args, uint64_t) : va_arg(args, unsigned), 16,
                       false, how);
            break;
        case 'p':
            add_number(&out, (uintptr_t)va_arg(args, void *), 16, false, how);
            break;
        case '%':
            add(&out, '%');
            break;
        default: /* a format that this kernel does not have shows itself */
            add(&out, '?');
            break;
        }
    }
    out.buffer[out.used] = '\0';
    return out.used;
}

size_t print_to(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t used = print_to_args(buffer, size, format, args);
    va_end(args);
    return used;
}

void print(const char *format, ...)
{
    char line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    size_t used = print_to_args(line, sizeof(line), format, args);
    va_end(args);
    if (used == sizeof(line) - 1)
        line[used - 1] = '\n'; /* it was cut, and what follows is another line */
    console_write(line, used);
}
