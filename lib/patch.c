/* SPDX-License-Identifier: MIT */
/*
 * The patcher: all records looked at first, then all sites written.
 *
 * A record is believed only if it points into the text it came with, names a hot op and gives that
 * op's length; a site only if it holds, byte for byte, one of the contents its op can have now. So
 * whatever is wrong is found before the first byte changes. Writing goes through an alias of the
 * page, mapped once for all sites in it, and ends with one serialisation of the CPU. Nothing
 * here allocates, and the work is linear in the number of sites.
 */
#include "lib/patch.h"

#define PAGE 4096u

struct pv_content pv_contents[PV_OP_COUNT][PV_CONTENTS];

static struct pv_text kernel_text;
static struct pv_text *texts;
static bool claimed;

/* Named by the linker for section pv_sites. */
extern const struct pv_site __start_pv_sites[] __attribute__((weak)) PV_HIDDEN;
extern const struct pv_site __stop_pv_sites[] __attribute__((weak)) PV_HIDDEN;

/* Bounds of section .text.pv_nosite, named by the linker script. */
extern const char pv_nosite_start[] PV_HIDDEN;
extern const char pv_nosite_end[] PV_HIDDEN;

PV_COLD int pv_fail(struct pv_error *error, int status, const char *what, uint64_t where, int op)
{
    if (error != NULL)
        *error = (struct pv_error){status, what, where, op};
    return status;
}

PV_COLD int pv_fail_at(struct pv_error *error, int status, const char *what, uint64_t where)
{
    return pv_fail(error, status, what, where, -1);
}

PV_COLD int pv_fail_too_early(struct pv_error *error)
{
    return pv_fail_at(error, PV_E_ARGUMENT, "pv_early_init() has not been called", 0);
}

PV_COLD int pv_patch_claim(struct pv_error *error)
{
    if (!__atomic_test_and_set(&claimed, __ATOMIC_ACQUIRE))
        return PV_OK;
    return pv_fail_at(error, PV_E_BUSY, "another change of the text is under way", 0);
}

PV_COLD void pv_patch_release(void)
{
    __atomic_clear(&claimed, __ATOMIC_RELEASE);
}

PV_COLD void pv_row_make(struct pv_content *row, enum pv_op_id op, pv_function function,
                         const struct pv_sequence *sequence)
{
    unsigned length = pv_op_facts[op].length;

    pv_content_indirect(&row[PV_CONTENT_COMPILED], op, length);
    pv_content_direct(&row[PV_CONTENT_CALL], function, length);
    pv_content_inline(&row[PV_CONTENT_INLINE], sequence, length);
    pv_content_prefixes(&row[PV_CONTENT_PREFIXES], sequence, length);
}

PV_COLD void pv_contents_fill(const struct pv_backend *backend)
{
    for (unsigned i = 0; i < PV_OP_COUNT; i++) {
        enum pv_op_id op = (enum pv_op_id)i;
        if (pv_op_facts[op].length != 0)
            pv_row_make(pv_contents[op], op, pv_backend_function(backend, op),
                        pv_backend_sequence(backend, op));
    }
}

/* Ops whose sites hold something else under another backend: PV_MOVING_OPS. */
static bool moving[PV_OP_COUNT];

PV_COLD static bool rows_differ(const struct pv_content *one, const struct pv_content *other)
{
    const uint8_t *a = (const uint8_t *)one, *b = (const uint8_t *)other;

    for (unsigned i = 0; i < PV_CONTENTS * sizeof(*one); i++)
        if (a[i] != b[i])
            return true;
    return false;
}

PV_COLD bool pv_moving_find(const struct pv_backend *backend, bool afresh)
{
    struct pv_content row[PV_CONTENTS];
    bool added = false;

    for (unsigned i = 0; i < PV_OP_COUNT; i++) {
        enum pv_op_id op = (enum pv_op_id)i;
        if (pv_op_facts[op].length == 0)
            continue;
        pv_row_make(row, op, pv_backend_function(backend, op), pv_backend_sequence(backend, op));
        bool known = moving[op] && !afresh;
        moving[op] = known || rows_differ(row, pv_contents[op]);
        added = added || moving[op] != known;
    }
    return added;
}

static const char in_nosite[] = "site lies in code that must not contain one";

/* What is wrong with a record; NULL: nothing. */
__attribute__((always_inline)) static inline const char *
trouble_with(const struct pv_text *text, const struct pv_site *record, uintptr_t at)
{
    if (record->op >= PV_OP_COUNT || record->zero != 0)
        return "record names no op";
    unsigned length = pv_op_facts[record->op].length;
    if (length == 0 || record->length != length)
        return "record gives another length than its op";
    if (at < text->start || at >= text->end || text->end - at < length)
        return "record points outside the text";
    if (at < (uintptr_t)pv_nosite_end && at + length > (uintptr_t)pv_nosite_start)
        return in_nosite;
    return NULL;
}

PV_COLD int pv_record_check(const struct pv_text *text, const struct pv_site *record,
                            uintptr_t *site, struct pv_error *error)
{
    *site = pv_site_of(record);
    const char *trouble = trouble_with(text, record, *site);

    if (trouble == NULL)
        return PV_OK;
    return pv_fail(error, PV_E_RECORD, trouble, trouble == in_nosite ? *site : (uintptr_t)record,
                   record->op < PV_OP_COUNT ? record->op : -1);
}

static bool holds(uintptr_t site, const struct pv_content *content)
{
    uint8_t bytes[PV_SITE_MAX];

    return pv_content_at(content, site, bytes) &&
           pv_bytes_equal((const uint8_t *)site, bytes, content->length);
}

PV_COLD int pv_site_recognise(uintptr_t site, enum pv_op_id op)
{
    for (unsigned i = 0; i < PV_CONTENTS; i++)
        if (holds(site, &pv_contents[op][i]))
            return (int)i;
    return -1;
}

/* Of a site with nothing to do, for which `bytes` has one NOP: prefixes, if what is behind allows.
 */
PV_COLD __attribute__((noinline)) static int
prefer_prefixes(uintptr_t site, const struct pv_content *prefixes, uintptr_t end, uint8_t *bytes)
{
    if (!pv_takes_prefixes(site + prefixes->length, end))
        return PV_CONTENT_INLINE;
    pv_bytes_copy(bytes, prefixes->bytes, prefixes->length);
    return PV_CONTENT_PREFIXES;
}

/* If even the compiled form is out of reach the record cannot be this op's. */
int pv_site_choose(uintptr_t site, enum pv_op_id op, enum pv_goal goal, uintptr_t end,
                   uint8_t *bytes)
{
    const struct pv_content *row = pv_contents[op];
    int i = goal == PV_GOAL_BEST ? PV_CONTENT_INLINE : PV_CONTENT_COMPILED;

    while (i >= PV_CONTENT_COMPILED && !pv_content_at(&row[i], site, bytes))
        i--;
    if (i == PV_CONTENT_INLINE && row[PV_CONTENT_PREFIXES].form != PV_SITE_FORMS)
        return prefer_prefixes(site, &row[PV_CONTENT_PREFIXES], end, bytes);
    return i;
}

/* Whether the compiled form of any op could be at a place: there must be a way back to it. */
static bool reaches_slots(uintptr_t at)
{
    intptr_t first = (intptr_t)((uintptr_t)&pv_ops - at - PV_SITE_MAX);
    intptr_t last = (intptr_t)((uintptr_t)(&pv_ops + 1) - at);

    return first == (int32_t)first && last == (int32_t)last;
}

static int verify_text(const struct pv_text *text, unsigned op, struct pv_error *error)
{
    bool near = reaches_slots(text->start) && reaches_slots(text->end);
    int held = PV_CONTENT_COMPILED; /* most sites hold the same form as the one before */

    for (size_t i = 0; i < text->count; i++) {
        const struct pv_site *record = &text->sites[i];
        uintptr_t site = pv_site_of(record);

        if (trouble_with(text, record, site) != NULL)
            return pv_record_check(text, record, &site, error);
        if (!near && !reaches_slots(site))
            return pv_fail(error, PV_E_SITE, "site cannot reach its slot", site, record->op);
        if (op != PV_ALL_OPS && op != record->op)
            continue;
        if (holds(site, &pv_contents[record->op][held]))
            continue;
        held = pv_site_recognise(site, (enum pv_op_id)record->op);
        if (held < 0)
            return pv_fail(error, PV_E_SITE, "site does not hold what its op can have", site,
                           record->op);
    }
    return PV_OK;
}

PV_COLD int pv_sites_verify(unsigned op, struct pv_error *error)
{
    for (const struct pv_text *text = texts; text != NULL; text = text->next) {
        int status = verify_text(text, op, error);
        if (status != PV_OK)
            return status;
    }
    return PV_OK;
}

static inline bool is_wanted(const struct pv_site *record, unsigned op)
{
    return op == PV_MOVING_OPS ? moving[record->op] : op == PV_ALL_OPS || op == record->op;
}

PV_COLD static int visit_text(const struct pv_text *text, unsigned op, pv_site_visitor visit,
                              void *argument)
{
    int status = PV_OK;

    for (size_t i = 0; i < text->count && status == PV_OK; i++) {
        const struct pv_site *record = &text->sites[i];
        if (is_wanted(record, op))
            status = visit(pv_site_of(record), record, argument);
    }
    return status;
}

PV_COLD int pv_sites_visit(unsigned op, pv_site_visitor visit, void *argument)
{
    int status = PV_OK;

    for (const struct pv_text *text = texts; text != NULL && status == PV_OK; text = text->next)
        status = visit_text(text, op, visit, argument);
    return status;
}

PV_COLD void pv_alias_end(struct pv_alias *alias)
{
    if (alias->bytes != 0 && pv_platform->text_alias != NULL && pv_platform->text_unalias != NULL)
        pv_platform->text_unalias(alias->writable, alias->bytes);
    alias->bytes = 0;
}

PV_COLD uint8_t *pv_alias_move(struct pv_alias *alias, uintptr_t site, unsigned length)
{
    uintptr_t start = site & ~(uintptr_t)(PAGE - 1);
    size_t bytes = (site - start) + length > PAGE ? 2 * PAGE : PAGE;

    pv_alias_end(alias);
    alias->writable = pv_platform->text_alias != NULL
                          ? (uint8_t *)pv_platform->text_alias(start, bytes)
                          : (uint8_t *)start;
    if (alias->writable == NULL)
        return NULL;
    alias->start = start;
    alias->bytes = bytes;
    return alias->writable + (site - start);
}

struct write_run {
    struct pv_alias alias;
    enum pv_goal goal;
    struct pv_error *error;
};

static inline int write_site(struct write_run *run, const struct pv_text *text,
                             const struct pv_site *record)
{
    uintptr_t site = pv_site_of(record);
    uint8_t bytes[PV_SITE_MAX];

    if (pv_site_choose(site, (enum pv_op_id)record->op, run->goal, text->end, bytes) < 0)
        return pv_fail(run->error, PV_E_SITE, "site cannot reach its slot", site, record->op);
    uint8_t *to = pv_alias_at(&run->alias, site, record->length);
    if (to == NULL)
        return pv_fail(run->error, PV_E_ALIAS, "no writable alias of the site's page", site,
                       record->op);
    pv_bytes_copy(to, bytes, record->length);
    return PV_OK;
}

/* Not by visit_text(): this loop is half of what patching costs. */
static int write_sites(const struct pv_text *text, unsigned op, struct write_run *run)
{
    int status = PV_OK;

    for (size_t i = 0; i < text->count && status == PV_OK; i++)
        if (is_wanted(&text->sites[i], op))
            status = write_site(run, text, &text->sites[i]);
    return status;
}

/* This text and those behind it. */
PV_COLD static int write_texts(const struct pv_text *text, unsigned op, enum pv_goal goal,
                               struct pv_error *error)
{
    struct write_run run = {{0, 0, NULL}, goal, error};
    int status = PV_OK;

    for (; text != NULL && status == PV_OK; text = text->next)
        status = write_sites(text, op, &run);
    pv_alias_end(&run.alias);
    pv_serialise();
    return status;
}

PV_COLD int pv_sites_write(unsigned op, enum pv_goal goal, struct pv_error *error)
{
    return write_texts(texts, op, goal, error);
}

PV_COLD static int patch_all(enum pv_goal goal, struct pv_error *error)
{
    if (pv_platform == NULL)
        return pv_fail_too_early(error);
    int status = pv_patch_claim(error);
    if (status != PV_OK)
        return status;
    status = pv_sites_verify(PV_ALL_OPS, error);
    if (status == PV_OK)
        status = pv_sites_write(PV_ALL_OPS, goal, error);
    pv_patch_release();
    return status;
}

PV_COLD int pv_patch(struct pv_error *error)
{
    return patch_all(PV_GOAL_BEST, error);
}

PV_COLD int pv_unpatch(struct pv_error *error)
{
    return patch_all(PV_GOAL_COMPILED, error);
}

/* On the path of a breakpoint. */
PV_NOSITE const struct pv_text *pv_text_of(uintptr_t address)
{
    const struct pv_text *text = texts;

    while (text != NULL && (address < text->start || address >= text->end))
        text = text->next;
    return text;
}

PV_COLD void pv_text_begin(const struct pv_platform *platform)
{
    kernel_text = (struct pv_text){
        .start = platform->text_start,
        .end = platform->text_end,
        .sites = __start_pv_sites,
        .count = (size_t)(__stop_pv_sites - __start_pv_sites),
        .next = NULL,
    };
    texts = &kernel_text;
}

static bool overlaps(const struct pv_text *text)
{
    const struct pv_text *other = texts;

    while (other != NULL && (text->end <= other->start || text->start >= other->end))
        other = other->next;
    return other != NULL;
}

static int add_text(struct pv_text *text, struct pv_error *error)
{
    if (overlaps(text))
        return pv_fail_at(error, PV_E_ARGUMENT, "the range overlaps text that was added before",
                          text->start);
    int status = verify_text(text, PV_ALL_OPS, error);
    if (status != PV_OK)
        return status;
    text->next = NULL; /* nobody else's yet */
    status = write_texts(text, PV_ALL_OPS, PV_GOAL_BEST, error);
    if (status != PV_OK) {
        /* As compiled they will be known to whatever backend is in force at the next attempt. */
        (void)write_texts(text, PV_ALL_OPS, PV_GOAL_COMPILED, NULL);
        return status;
    }
    text->next = texts;
    __atomic_store_n(&texts, text, __ATOMIC_RELEASE);
    return PV_OK;
}

PV_COLD int pv_text_add(struct pv_text *text, struct pv_error *error)
{
    if (pv_platform == NULL || text->start >= text->end || (text->count > 0 && text->sites == NULL))
        return pv_fail_at(error, PV_E_ARGUMENT, "not a range of text", text->start);
    int status = pv_patch_claim(error);
    if (status != PV_OK)
        return status;
    status = add_text(text, error);
    pv_patch_release();
    return status;
}

PV_COLD int pv_text_remove(struct pv_text *text)
{
    struct pv_text **link = &texts;

    if (pv_patch_claim(NULL) != PV_OK)
        return PV_E_BUSY;
    while (*link != NULL && *link != text)
        link = &(*link)->next;
    if (*link != NULL)
        __atomic_store_n(link, text->next, __ATOMIC_RELEASE);
    pv_patch_release();
    return PV_OK;
}

struct count_run {
    struct pv_site_counts *counts;
    struct pv_error *error;
};

PV_COLD static int count_site(uintptr_t site, const struct pv_site *record, void *argument)
{
    struct count_run *run = (struct count_run *)argument;
    int held = pv_site_recognise(site, (enum pv_op_id)record->op);

    if (held < 0)
        return pv_fail(run->error, PV_E_SITE, "site does not hold what its op can have", site,
                       record->op);
    if (run->counts != NULL) {
        run->counts->total++;
        run->counts->form[pv_contents[record->op][held].form]++;
    }
    return PV_OK;
}

PV_COLD int pv_sites_check(struct pv_site_counts *counts, struct pv_error *error)
{
    struct count_run run = {counts, error};

    if (counts != NULL)
        *counts = (struct pv_site_counts){0, {0}};
    int status = pv_sites_verify(PV_ALL_OPS, error);
    if (status == PV_OK)
        status = pv_sites_visit(PV_ALL_OPS, count_site, &run);
    return status;
}
