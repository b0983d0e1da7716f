/* SPDX-License-Identifier: MIT */
/*
 * A million objects whose records or text are wrong.
 *
 * Theory: a record or a site that was damaged must be refused with nothing changed, wherever it
 * points and whatever it holds; only an object whose sites all hold known contents is accepted,
 * and then nothing but its sites changes. Text and records end at inaccessible pages, so that one
 * byte read too far ends the test. The sequence of objects is always the same.
 */
#include "host.h"

#define OBJECTS 1000000u
#define RECORDS 8u
#define TEXT    192u

/* The record of a site that is part of the instruction behind it. */
#define PREFIXES 6

static struct host_object object;
static struct pv_site records[RECORDS];
static struct pv_text range;
static uint8_t compiled[TEXT], best[TEXT], before[TEXT];
static uint8_t *text, *writable;

static uint64_t random_state = 0x9e3779b97f4a7c15ull;

static uint64_t random_word(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static unsigned below(unsigned bound)
{
    return (unsigned)((random_word() >> 20) % bound);
}

static struct pv_site *any_record(void)
{
    return &object.records[below(RECORDS)];
}

static void random_records(void)
{
    for (unsigned i = 0; i < RECORDS; i++) {
        uint64_t word = random_word();
        if (below(4) != 0)
            memcpy(&object.records[i], &word, sizeof(word));
    }
}

static void flipped_bits(void)
{
    for (unsigned i = 0; i <= below(3); i++) {
        unsigned bit = below(64);
        uint8_t *bytes = (uint8_t *)any_record();
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
    }
}

static void corrupted_text(void)
{
    for (unsigned i = 0; i <= below(3); i++)
        writable[below(TEXT)] = (uint8_t)random_word();
}

static void random_text(void)
{
    for (unsigned i = 0; i + 8 <= TEXT; i += 8) {
        uint64_t word = random_word();
        memcpy(writable + i, &word, sizeof(word));
    }
}

static void duplicates(void)
{
    struct pv_site *from = any_record();
    struct pv_site *to = any_record();

    *to = *from;
    to->offset -= (int32_t)((intptr_t)to - (intptr_t)from);
}

static void overlapping(void)
{
    duplicates();
    struct pv_site *record = any_record();
    record->offset += (int32_t)below(33) - 16;
}

static void far_offsets(void)
{
    static const int32_t offsets[] = {INT32_MIN, INT32_MIN + 1, INT32_MAX, INT32_MAX - 5, 0, -1, 1};

    any_record()->offset = offsets[below(sizeof(offsets) / sizeof(offsets[0]))];
}

static void sites_at_the_ends(void)
{
    struct pv_site *record = any_record();
    uintptr_t edge = below(2) ? range.end : range.start;

    record->offset = (int32_t)((intptr_t)edge - (intptr_t)record + (intptr_t)below(49) - 24);
}

static void wrong_bounds(void)
{
    range.start += below(2) ? below(TEXT) : 0;
    range.end -= below(2) ? below(TEXT) : 0;
    if (below(8) == 0)
        range.start = below(2) ? 0 : UINTPTR_MAX - below(64);
}

static void other_ops(void)
{
    struct pv_site *record = any_record();

    record->op = (uint16_t)below(PV_OP_COUNT + 2);
    if (record->op < PV_OP_COUNT && below(2))
        record->length = pv_op_facts[record->op].length;
}

static void patched_before(void)
{
    memcpy(writable, best, TEXT);
    if (below(2))
        other_ops();
    if (below(2))
        corrupted_text();
}

static void nothing_wrong(void)
{
    memcpy(writable, below(2) ? best : compiled, TEXT);
}

static void (*const ways[])(void) = {
    random_records, flipped_bits,      corrupted_text, random_text, duplicates,     overlapping,
    far_offsets,    sites_at_the_ends, wrong_bounds,   other_ops,   patched_before, nothing_wrong,
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void make_the_sound_object(void)
{
    static const enum pv_op_id ops[RECORDS] = {
        PV_OPID_irq_flags, PV_OPID_irq_save,    PV_OPID_irq_eoi,           PV_OPID_lock_acquire,
        PV_OPID_clock_ns,  PV_OPID_cpu_tls_set, PV_OPID_paging_batch_open, PV_OPID_pte_clear,
    };

    host_start_patched("beta");
    host_object_make(&object, HOST_PAGE, RECORDS);
    object.used = HOST_PAGE - TEXT;
    for (unsigned i = 0; i < RECORDS - 1; i++)
        host_object_site(&object, ops[i]);
    /* The last one ends with the page. */
    host_object_site_at(&object, HOST_PAGE - host_length(ops[RECORDS - 1]) - 1, ops[RECORDS - 1]);
    text = object.range.rx + HOST_PAGE - TEXT;
    writable = object.range.rw + HOST_PAGE - TEXT;
    memmove(writable + TEXT - host_length(ops[RECORDS - 1]),
            writable + TEXT - host_length(ops[RECORDS - 1]) - 1, host_length(ops[RECORDS - 1]));
    struct pv_site *last = &object.records[RECORDS - 1];
    last->offset++;
    /* One byte on, one less to the slot. */
    int32_t distance;
    memcpy(&distance, writable + TEXT - 4, 4);
    distance--;
    memcpy(writable + TEXT - 4, &distance, 4);

    object.text.start = (uintptr_t)text;
    memcpy(records, object.records, sizeof(records));
    memcpy(compiled, text, TEXT);
    range = object.text;
    assert_int_equal(pv_text_add(&range, NULL), PV_OK);
    assert_int_equal(pv_text_remove(&range), PV_OK);
    memcpy(best, text, TEXT);
    assert_int_equal(
        pv_site_recognise(pv_site_of(&object.records[PREFIXES]), PV_OPID_paging_batch_open),
        PV_CONTENT_PREFIXES);
}

static bool lies_in_a_site(const uint8_t *at)
{
    for (unsigned i = 0; i < RECORDS; i++) {
        const struct pv_site *record = &object.records[i];
        const uint8_t *site = (const uint8_t *)&record->offset + record->offset;
        if (at >= site && at < site + record->length)
            return true;
    }
    return false;
}

/* A site that became prefixes did so because of what is behind it, and inside of the text. */
static bool may_be_prefixes(uintptr_t site, unsigned length)
{
    const uint8_t *was = before + (site - (uintptr_t)text);

    return was[0] == 0x26 || pv_takes_prefixes(site + length, range.end);
}

/* What may have changed in an object that was accepted, and what its sites hold then. */
static bool accepted_rightly(void)
{
    for (unsigned i = 0; i < TEXT; i++)
        if (text[i] != before[i] && !lies_in_a_site(text + i))
            return false;
    for (unsigned i = 0; i < RECORDS; i++) {
        const struct pv_site *record = &object.records[i];
        uintptr_t site = (uintptr_t)record + (uintptr_t)(intptr_t)record->offset;
        if (site < range.start || site + record->length > range.end || record->zero != 0 ||
            pv_site_recognise(site, (enum pv_op_id)record->op) < 0)
            return false;
        if (pv_site_recognise(site, (enum pv_op_id)record->op) == PV_CONTENT_PREFIXES &&
            !may_be_prefixes(site, record->length))
            return false;
    }
    return true;
}

static bool refused_rightly(int status, const struct pv_error *error)
{
    return status == error->status && memcmp(text, before, TEXT) == 0 &&
           (status == PV_E_RECORD || status == PV_E_SITE ||
            (status == PV_E_ARGUMENT && range.start >= range.end) ||
            (status == PV_E_ARGUMENT && range.start < (uintptr_t)text));
}

static void a_million_damaged_objects_do_no_harm(void **state)
{
    unsigned accepted[WAYS] = {0};
    (void)state;

    make_the_sound_object();
    for (unsigned i = 0; i < OBJECTS; i++) {
        unsigned way = i % WAYS;
        struct pv_error error = {0};
        memcpy(object.records, records, sizeof(records));
        memcpy(writable, compiled, TEXT);
        range = object.text;
        ways[way]();
        memcpy(before, text, TEXT);
        int status = pv_text_add(&range, &error);
        if (status != PV_OK) {
            if (!refused_rightly(status, &error))
                fail_msg("object %u: %d, %s", i, status, error.what);
            continue;
        }
        accepted[way]++;
        if (!accepted_rightly())
            fail_msg("object %u was accepted", i);
        pv_text_remove(&range);
    }
    assert_int_equal(pv_sites_check(NULL, NULL), PV_OK);
    assert_int_equal(accepted[WAYS - 1], OBJECTS / WAYS);
    assert_int_equal(accepted[3], 0);
    memcpy(writable, compiled, TEXT);
    host_stop();
    host_object_free(&object);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_damaged_objects_do_no_harm),
    };

    return cmocka_run_group_tests_name("damaged objects", tests, NULL, NULL);
}
