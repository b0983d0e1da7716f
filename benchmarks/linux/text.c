/* SPDX-License-Identifier: MIT */
/*
 * Text on its way to the console, and the little there is to do with strings.
 */
#include "user.h"
#include <asm/ioctls.h>

#define STANDARD_OUTPUT 1u

static char buffer[8192];
static size_t length;

/* The compiler may call these for loops and structures. */
void *memset(void *to, int value, size_t bytes);
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);

void *memset(void *to, int value, size_t bytes)
{
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(value) : "memory");
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(bytes) : : "memory");
    return to;
}

void put_text(const char *text)
{
    while (*text != '\0' && length < sizeof(buffer))
        buffer[length++] = *text++;
}

void put_number(uint64_t number)
{
    char digits[24];
    char *at = &digits[sizeof(digits) - 1];
    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    put_text(at);
}

void put_signed(int64_t number)
{
    if (number < 0)
        put_text("-");
    put_number(number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void flush_text(void)
{
    size_t done = 0;
    while (done < length) {
        long wrote = call3(__NR_write, STANDARD_OUTPUT, (uint64_t)&buffer[done], length - done);
        if (wrote <= 0)
            break;
        done += (size_t)wrote;
    }
    length = 0;
    /* Until the console has taken it (tcdrain). */
    call3(__NR_ioctl, STANDARD_OUTPUT, TCSBRK, 1);
}

const char *after_prefix(const char *text, const char *prefix)
{
    while (*prefix != '\0')
        if (*text++ != *prefix++)
            return NULL;
    return text;
}
