/* SPDX-License-Identifier: MIT */
/*
 * What a kernel supplies to the library beside struct pv_platform: docs/needed-symbols.txt.
 * Position-independent and without link-time optimisation, so that one object serves all links.
 */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);

void *memmove(void *to, const void *from, size_t size)
{
    unsigned char *t = to;
    const unsigned char *f = from;

    if (t < f)
        for (size_t i = 0; i < size; i++)
            t[i] = f[i];
    else
        while (size-- > 0)
            t[size] = f[size];
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    return memmove(to, from, size);
}

void *memset(void *to, int value, size_t size)
{
    unsigned char *t = to;

    for (size_t i = 0; i < size; i++)
        t[i] = (unsigned char)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *x = a;
    const unsigned char *y = b;

    for (size_t i = 0; i < size; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}
