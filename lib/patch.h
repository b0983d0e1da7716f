/* SPDX-License-Identifier: MIT */
/*
 * The patcher's own verbs, for those who decide when: lib/init.c, lib/switch.c, lib/live.c.
 *
 * At any time a site of an op holds one of the contents of its row in pv_contents: the call it was
 * compiled to, a direct call, or the inline sequence. Rows change only while all sites of the op
 * are in the compiled form, or together with them.
 */
#ifndef PVOPS_LIB_PATCH_H
#define PVOPS_LIB_PATCH_H

#include "lib/ops.h"
#include "lib/x86/content.h"

/*
 * The contents that a site may hold, in the order of preference from behind. PREFIXES is for sites
 * with nothing to do, where what is behind them allows it; elsewhere they hold one NOP, INLINE.
 */
enum { PV_CONTENT_COMPILED, PV_CONTENT_CALL, PV_CONTENT_INLINE, PV_CONTENT_PREFIXES, PV_CONTENTS };

extern struct pv_content pv_contents[PV_OP_COUNT][PV_CONTENTS];

/* What to bring sites to. */
enum pv_goal { PV_GOAL_COMPILED, PV_GOAL_BEST };

/* All ops; for the functions below that take one op. */
#define PV_ALL_OPS PV_OP_COUNT

/* Those that pv_moving_find() has found; for pv_sites_write() and pv_sites_visit(). */
#define PV_MOVING_OPS (PV_OP_COUNT + 1)

/*
 * Finds the ops whose sites would hold something else if a backend filled the rows: most ops are
 * the same for both backends of a change, and their sites need not be touched. Afresh, or added to
 * those found before; true: one that was not among them.
 */
bool pv_moving_find(const struct pv_backend *backend, bool afresh);

/* Computes a row of a hot op for a function and a sequence (NULL: none). */
void pv_row_make(struct pv_content *row, enum pv_op_id op, pv_function function,
                 const struct pv_sequence *sequence);

/* All rows of pv_contents, for a backend. */
void pv_contents_fill(const struct pv_backend *backend);

/* Looks at all records and sites (of one op, or PV_ALL_OPS) and changes nothing. */
int pv_sites_verify(unsigned op, struct pv_error *error);

/*
 * Rewrites all sites (of one op, or PV_ALL_OPS), which pv_sites_verify() has seen. No other CPU may
 * run; this one serialises at the end.
 */
int pv_sites_write(unsigned op, enum pv_goal goal, struct pv_error *error);

/* One at a time may change text; PV_E_BUSY: somebody else is at it. */
int pv_patch_claim(struct pv_error *error);
void pv_patch_release(void);

/* Fills an error, if there is one to fill; returns its status. */
int pv_fail(struct pv_error *error, int status, const char *what, uint64_t where, int op);
int pv_fail_at(struct pv_error *error, int status, const char *what, uint64_t where); /* no op */

/* What is returned before pv_early_init(). */
int pv_fail_too_early(struct pv_error *error);

/* The place that a record means. */
static inline uintptr_t pv_site_of(const struct pv_site *record)
{
    return (uintptr_t)&record->offset + (uintptr_t)(intptr_t)record->offset;
}

/* Calls visit() for each site of an op (or PV_ALL_OPS) until it returns another status than PV_OK.
 */
typedef int (*pv_site_visitor)(uintptr_t site, const struct pv_site *record, void *argument);
int pv_sites_visit(unsigned op, pv_site_visitor visit, void *argument);

/* Which content of its row a site holds; -1: none of them. */
int pv_site_recognise(uintptr_t site, enum pv_op_id op);

/*
 * Which content a goal means at a place, with its bytes (room for PV_SITE_MAX). `end` is that of
 * the text: nothing is read from there on.
 */
int pv_site_choose(uintptr_t site, enum pv_op_id op, enum pv_goal goal, uintptr_t end,
                   uint8_t *bytes);

/* A writable alias of the page or two that a site lies in, kept while sites follow each other. */
struct pv_alias {
    uintptr_t start; /* of the text */
    size_t bytes;    /* 0: nothing is mapped */
    uint8_t *writable;
};

/* Maps the alias for a site that lies outside of the one that is mapped; NULL: none was given. */
uint8_t *pv_alias_move(struct pv_alias *alias, uintptr_t site, unsigned length);

/* Where to write for a site; NULL: the platform gave no alias. */
static inline uint8_t *pv_alias_at(struct pv_alias *alias, uintptr_t site, unsigned length)
{
    uintptr_t offset = site - alias->start;

    if (alias->bytes >= length && offset <= alias->bytes - length)
        return alias->writable + offset;
    return pv_alias_move(alias, site, length);
}

void pv_alias_end(struct pv_alias *alias);

/* The text that address lies in; NULL: none. */
const struct pv_text *pv_text_of(uintptr_t address);

/* Whether the site's record is sound; fills site with its address. */
int pv_record_check(const struct pv_text *text, const struct pv_site *record, uintptr_t *site,
                    struct pv_error *error);

/* Sets the bounds of the kernel's own text and adds its records. */
void pv_text_begin(const struct pv_platform *platform);

#endif
