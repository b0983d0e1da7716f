/* SPDX-License-Identifier: MIT */
/*
 * Text into a buffer of fixed size: always terminated, cut when it is full. In log.c.
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

void pv_text_add_char(struct pv_text_out *out, char c);
void pv_text_add_string(struct pv_text_out *out, const char *text);
void pv_text_add_hex(struct pv_text_out *out, uint64_t number);

#endif
