/* SPDX-License-Identifier: MIT */
/*
 * Text into a buffer of fixed size: always terminated, cut when it is full.
 */
#ifndef PVOPS_LIB_TEXT_H
#define PVOPS_LIB_TEXT_H

#include "pvops/types.h"

struct pv_text_out {
    char *buffer;
    size_t size; /* at least 1 */
    size_t used; /* without the NUL */
};

static inline struct pv_text_out pv_text_to(char *buffer, size_t size)
{
    struct pv_text_out out = {buffer, size, 0};
    buffer[0] = '\0';
    return out;
}

static inline void pv_text_add_char(struct pv_text_out *out, char c)
{
    if (out->used + 1 >= out->size)
        return;
    out->buffer[out->used++] = c;
    out->buffer[out->used] = '\0';
}

static inline void pv_text_add_string(struct pv_text_out *out, const char *text)
{
    while (*text != '\0')
        pv_text_add_char(out, *text++);
}

static inline void pv_text_add_hex(struct pv_text_out *out, uint64_t number)
{
    unsigned digits = 1;

    while (digits < 16 && number >> (digits * 4) != 0)
        digits++;
    pv_text_add_string(out, "0x");
    while (digits-- > 0)
        pv_text_add_char(out, "0123456789abcdef"[(number >> (digits * 4)) & 15]);
}

#endif
