/* SPDX-License-Identifier: MIT */
/*
 * The kernel's command line taken apart, for what the library and its backends read in it.
 */
#ifndef PVOPS_LIB_WORDS_H
#define PVOPS_LIB_WORDS_H

#include "pvops/types.h"

/* The word at *text, which ends at a blank; moves *text behind it. 0: no more words. */
size_t pv_word_next(const char **text, const char **word);

/* Whether a word begins with key ("name=", or "name" for one without a value); the rest of it. */
bool pv_word_is(const char *word, size_t length, const char *key, const char **value,
                size_t *value_length);

/* The next word of *text that begins with key; moves *text behind it. false: no more of them. */
bool pv_word_with(const char **text, const char *key, const char **value, size_t *value_length);

#endif
