/* SPDX-License-Identifier: MIT */
/*
 * Memory and text. `rep` instructions, because a plain loop would be recognised by the compiler and
 * turned into a call of the very function it stands in. "used": under link-time optimisation the
 * compiler's own calls come too late to be seen.
 */
#include "string.h"
#include "memory.h"

#define CALLED_BY_COMPILER __attribute__((used))

CALLED_BY_COMPILER void *memcpy(void *to, const void *from, size_t bytes)
{
    void *out = to;
    __asm__ volatile("rep movsb" : "+D"(out), "+S"(from), "+c"(bytes)::"memory");
    return to;
}

CALLED_BY_COMPILER void *memmove(void *to, const void *from, size_t bytes)
{
    if ((uintptr_t)to - (uintptr_t)from >= bytes)
        return memcpy(to, from, bytes);
    void *out = (char *)to + bytes - 1;
    const void *in = (const char *)from + bytes - 1;
    __asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(out), "+S"(in), "+c"(bytes)::"memory");
    return to;
}

CALLED_BY_COMPILER void *memset(void *to, int value, size_t bytes)
{
    void *out = to;
    __asm__ volatile("rep stosb" : "+D"(out), "+c"(bytes) : "a"(value) : "memory");
    return to;
}

CALLED_BY_COMPILER int memcmp(const void *a, const void *b, size_t bytes)
{
    const uint8_t *x = a;
    const uint8_t *y = b;
    for (size_t i = 0; i < bytes; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

CALLED_BY_COMPILER size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
        __asm__ volatile("");
    }
    return length;
}

void page_clear(void *page)
{
    uint64_t words = PAGE_BYTES / sizeof(uint64_t);
    __asm__ volatile("rep stosq" : "+D"(page), "+c"(words) : "a"(0ul) : "memory");
}

bool same_text(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && memcmp(a, b, strlen(a)) == 0;
}

bool after_prefix(const char *text, const char *prefix, const char **rest)
{
    size_t length = strlen(prefix);
    if (strlen(text) < length || memcmp(text, prefix, length) != 0)
        return false;
    *rest = text + length;
    return true;
}
