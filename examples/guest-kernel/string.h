/* SPDX-License-Identifier: MIT */
/*
 * The memory functions that compilers call on their own, and comparisons of words.
 */
#ifndef GUEST_STRING_H
#define GUEST_STRING_H

#include "pvops/types.h"

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *text);
/* Makes a whole page zero. */
void page_clear(void *page);

bool same_text(const char *a, const char *b);

/* Whether text begins with prefix; if so *rest is what follows. */
bool after_prefix(const char *text, const char *prefix, const char **rest);

#endif
