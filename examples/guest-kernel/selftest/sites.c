/* SPDX-License-Identifier: MIT */
/*
 * Call sites of the kernel itself: complete, patched, undone, patched again, and guarded against
 * bytes that do not belong there.
 */
#include "selftest.h"
#include "../bench/loops.h"
#include "../bench/steps.h"
#include "../cpu.h"
#include "../memory.h"
#include "../string.h"
#include "../textgen.h"
#include "../thread.h"

#define LEAST_SITES    300
#define FUNCTION_BYTES 48   /* of a small one */
#define ICEBP          0xf1 /* an opcode that no op's contents begin with */

extern const struct pv_site __start_pv_sites[], __stop_pv_sites[];

uintptr_t site_of(const struct pv_site *record)
{
    return (uintptr_t)((intptr_t)&record->offset + record->offset);
}

static void all_recognised(struct check *check)
{
    struct pv_error error;
    expect_ok(check, "pv_sites_check", pv_sites_check(NULL, &error), &error);
}

static void enough_sites(struct check *check)
{
    struct pv_site_counts counts = {0};
    if (skip_if_bound(check))
        return;
    pv_sites_check(&counts, NULL);
    EXPECT(check, counts.total >= LEAST_SITES, "there are %u", counts.total);
}

/* Without page-table ops in the configuration their wrappers are bare memory accesses. */
static bool has_sites(unsigned op)
{
    bool paging = op >= PV_OPID_pte_get && op <= PV_OPID_paging_table_remove;
    return site_length((enum pv_op_id)op) != 0 && (PV_CONFIG_PAGING_OPS || !paging);
}

static void every_hot_op(struct check *check)
{
    bool seen[PV_OP_COUNT] = {false};
    if (skip_if_bound(check))
        return;
    for (const struct pv_site *record = __start_pv_sites; record < __stop_pv_sites; record++)
        if (record->op < PV_OP_COUNT)
            seen[record->op] = true;
    for (unsigned op = 0; op < PV_OP_COUNT; op++)
        EXPECT(check, seen[op] || !has_sites(op), "%s has none", pv_op_name((int)op));
}

static void none_indirect(struct check *check)
{
    struct pv_site_counts counts = {0};
    struct pv_error error;
    if (skip_if_bound(check) ||
        !expect_ok(check, "pv_sites_check", pv_sites_check(&counts, &error), &error))
        return;
    EXPECT(check, counts.form[PV_SITE_INDIRECT] == 0, "%u are", counts.form[PV_SITE_INDIRECT]);
    EXPECT(check, counts.form[PV_SITE_MISSING] == 0, "%u have no function",
           counts.form[PV_SITE_MISSING]);
}

static int patch_quietly(int (*change)(struct pv_error *error), struct pv_error *error)
{
    struct pv_irqflags flags = pv_irq_save();
    int status = change(error);
    pv_irq_restore(flags);
    return status;
}

static void unpatched_work(struct check *check)
{
    struct pv_site_counts counts = {0};
    struct pv_error error;
    if (skip_if_bound(check))
        return;
    if (!expect_ok(check, "pv_unpatch", patch_quietly(pv_unpatch, &error), &error))
        return;
    expect_ok(check, "pv_sites_check", pv_sites_check(&counts, &error), &error);
    EXPECT(check, counts.form[PV_SITE_INDIRECT] == counts.total, "%u of %u are indirect",
           counts.form[PV_SITE_INDIRECT], counts.total);
    ops_work(check);
    expect_ok(check, "pv_patch", patch_quietly(pv_patch, &error), &error);
}

static void patched_again(struct check *check)
{
    struct pv_site_counts before = {0}, after = {0};
    struct pv_error error;
    if (skip_if_bound(check))
        return;
    pv_sites_check(&before, NULL);
    expect_ok(check, "pv_unpatch", patch_quietly(pv_unpatch, &error), &error);
    expect_ok(check, "pv_patch", patch_quietly(pv_patch, &error), &error);
    expect_ok(check, "pv_sites_check", pv_sites_check(&after, &error), &error);
    for (unsigned form = 0; form < PV_SITE_FORMS; form++)
        EXPECT(check, before.form[form] == after.form[form], "form %u: %u before, %u after", form,
               before.form[form], after.form[form]);
    ops_work(check);
}

/* Never called: its site may hold anything for a while. */
__attribute__((noinline, used)) static void sacrifice(void)
{
    pv_cpu_relax();
}

const struct pv_site *site_in(uintptr_t function)
{
    for (const struct pv_site *record = __start_pv_sites; record < __stop_pv_sites; record++)
        if (site_of(record) >= function && site_of(record) < function + FUNCTION_BYTES)
            return record;
    return NULL;
}

uint8_t exchange_text(uintptr_t address, uint8_t value)
{
    struct pv_irqflags flags = pv_irq_save();
    uint8_t *alias = text_alias(address, 1);
    uint8_t old = *alias;
    *alias = value;
    text_unalias(alias, 1);
    pv_irq_restore(flags);
    return old;
}

static void corrupt_is_refused(struct check *check)
{
    struct pv_error error = {0};
    if (skip_if_bound(check))
        return;
    const struct pv_site *record = site_in((uintptr_t)sacrifice);
    if (!EXPECT(check, record != NULL, "the function has no site"))
        return;
    struct pv_irqflags flags = pv_irq_save();
    uint8_t old = exchange_text(site_of(record), ICEBP);
    int checked = pv_sites_check(NULL, &error);
    int patched = pv_patch(&error);
    exchange_text(site_of(record), old);
    pv_irq_restore(flags);
    EXPECT(check, checked == PV_E_SITE, "pv_sites_check: %d", checked);
    EXPECT(check, patched == PV_E_SITE, "pv_patch: %d", patched);
    EXPECT(check, error.where == site_of(record) && error.op == record->op,
           "the error names %lx op %d", error.where, error.op);
    expect_ok(check, "afterwards", pv_sites_check(NULL, &error), &error);
}

LOOP(sites_of_tables, NOTHING, pv_paging_table_remove(0, 1); NEXT)
LOOP(no_tables, NOTHING, RAW_SAVE_2("", 0ul, 1ul); NEXT)
LOOP(sites_of_kicks, NOTHING, pv_lock_kick(0); NEXT)
LOOP(no_kicks, NOTHING, RAW_CALL_1("", 0, 0); NEXT)

/* Of one turn: what surrounds them is in both. */
static int64_t steps_of(void (*loop)(uint32_t turns))
{
    return bench_step(loop, 2).steps - bench_step(loop, 1).steps;
}

static void expect_as_many_steps(struct check *check, const char *what,
                                 void (*sites)(uint32_t turns), void (*by_hand)(uint32_t turns))
{
    preempt_off();
    struct pv_irqflags flags = pv_irq_save();
    int64_t with = steps_of(sites), without = steps_of(by_hand);
    pv_irq_restore(flags);
    preempt_on();
    EXPECT(check, with == without, "%s: %ld instructions with %u sites, %ld by hand", what, with,
           OPS_PER_TURN, without);
}

static void nothing_costs_nothing(struct check *check)
{
    struct pv_facts facts;
    if (skip_if_bound(check))
        return;
    if (!privileged()) {
        skip(check, "a PV guest tells Xen of its tables");
        return;
    }
    expect_as_many_steps(check, "paging_table_remove", sites_of_tables, no_tables);
    pv_facts(&facts);
    if (same_text(facts.backend, "native"))
        expect_as_many_steps(check, "lock_kick", sites_of_kicks, no_kicks);
}

static const struct test sites_tests[] = {
    {"every site holds what its op may hold", all_recognised},
    {"the image has at least 300 sites", enough_sites},
    {"every hot op has a site", every_hot_op},
    {"no site is an indirect call once the library is up", none_indirect},
    {"all ops work through indirect calls after pv_unpatch()", unpatched_work},
    {"pv_patch() brings back what pv_unpatch() undid", patched_again},
    {"a site with nothing to do costs no instruction", nothing_costs_nothing},
    {"a corrupt site is refused by its address and nothing is changed", corrupt_is_refused},
};

const struct test_group sites_group = TEST_GROUP(sites);
