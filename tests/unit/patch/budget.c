/* SPDX-License-Identifier: MIT */
/*
 * Patches an object of as many sites as its argument says, for test_budget.py to count how many
 * instructions pv_patch() takes. The object is never run and lies in plain memory.
 */
#include "lib/patch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITES 100000u

extern const struct pv_sequence host_beta_sequences[] PV_HIDDEN;
extern const struct pv_sequence host_beta_sequences_end[] PV_HIDDEN;
extern void host_nothing(void) PV_HIDDEN;

volatile uint32_t *host_eoi PV_HIDDEN;
const char pv_nosite_start[1] PV_HIDDEN;
const char pv_nosite_end[1] PV_HIDDEN;

void host_nothing(void)
{
}

void pv_lock_acquire_slow(struct pv_spinlock *lock) PV_HIDDEN;
void pv_lock_acquire_slow(struct pv_spinlock *lock)
{
    (void)lock;
}

static uint8_t text[(size_t)SITES * PV_SITE_MAX];
static struct pv_site records[SITES];

/* The hot ops in turn, each site followed by an instruction of two bytes that takes prefixes. */
static size_t fill(unsigned sites)
{
    uint8_t *at = text;
    unsigned op = 0;

    for (unsigned i = 0; i < sites; i++) {
        do
            op = (op + 1) % PV_OP_COUNT;
        while (pv_op_facts[op].length == 0);
        if (!pv_content_at(&pv_contents[op][PV_CONTENT_COMPILED], (uintptr_t)at, at))
            abort();
        records[i] = (struct pv_site){(int32_t)((intptr_t)at - (intptr_t)&records[i]), (uint16_t)op,
                                      pv_op_facts[op].length, 0};
        at += pv_op_facts[op].length;
        *at++ = 0x89; /* mov %eax, %eax */
        *at++ = 0xC0;
    }
    return (size_t)(at - text);
}

int main(int count, char **arguments)
{
    static struct pv_ops ops;
    static const struct pv_platform platform = {.text_start = 1, .text_end = 2};
    static struct pv_text object;
    const struct pv_backend backend = {.name = "test",
                                       .ops = &ops,
                                       .sequences = host_beta_sequences,
                                       .sequences_end = host_beta_sequences_end};
    unsigned sites = count == 2 ? (unsigned)strtoul(arguments[1], NULL, 10) : 0;
    void (*function)(void) = host_nothing;

    if (sites == 0 || sites > SITES)
        return 2;
    for (unsigned op = 0; op < PV_OP_COUNT; op++)
        memcpy((char *)&ops + op * sizeof(function), &function, sizeof(function));
    pv_platform = &platform;
    pv_text_begin(&platform);
    pv_ops_fill(&backend);
    pv_contents_fill(&backend);
    object.start = (uintptr_t)text;
    object.end = object.start + fill(sites);
    object.sites = records;
    object.count = sites;
    struct pv_site_counts counts;
    if (pv_text_add(&object, NULL) != PV_OK || pv_unpatch(NULL) != PV_OK ||
        pv_patch(NULL) != PV_OK || pv_sites_check(&counts, NULL) != PV_OK)
        return 1;
    printf("%u sites, %u inline\n", counts.total, counts.form[PV_SITE_INLINE]);
    return counts.total == sites && counts.form[PV_SITE_INDIRECT] == 0 ? 0 : 1;
}
