/* SPDX-License-Identifier: MIT */
/*
 * Text with call sites, made at run time in pages of its own: a loaded module, as far as the
 * library can tell.
 */
#ifndef GUEST_TEXTGEN_H
#define GUEST_TEXTGEN_H

#include "pvops/pvops.h"

struct generated {
    struct pv_text text;
    struct pv_site *sites; /* mapped read-only like the text; written by textgen.c alone */
    void *pages;
    size_t bytes;
    size_t used;      /* bytes of text so far */
    size_t text_room; /* where the records begin */
};

/* Room for text and records; false if there is no memory. */
bool generated_open(struct generated *g, size_t text_bytes, size_t sites);

/* Appends a site as the compiler leaves it, with its record. */
void generated_site(struct generated *g, enum pv_op_id op);

/* Appends other instructions. */
void generated_code(struct generated *g, const uint8_t *code, size_t bytes);

/* No more changes: the pages become executable, and nobody can write to them. */
void generated_seal(struct generated *g);

void generated_free(struct generated *g);

/* Bytes of an op's sites; 0 for a cold op. */
unsigned site_length(enum pv_op_id op);

#endif
