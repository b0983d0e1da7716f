/* SPDX-License-Identifier: MIT */
/*
 * Changing the backend of the running kernel, and the reasons not to.
 */
#include "selftest.h"
#include "../cpu.h"
#include "../string.h"

static const char *backend_now(void)
{
    struct pv_facts facts;
    pv_facts(&facts);
    return facts.backend;
}

/* Where there is no other, one that this machine refuses. */
static const char *other_backend(void)
{
    struct pv_facts facts;
    pv_facts(&facts);
    if (!same_text(facts.backend, "native"))
        return "native";
    const char *best = backend_for(facts.vmm);
    return same_text(best, "native") ? "kvm" : best;
}

static void unknown_name(struct check *check)
{
    struct pv_error error = {0};
    const char *before = backend_now();
    if (skip_if_bound(check))
        return;
    int status = pv_switch("nonsense", &error);
    EXPECT(check, status == PV_E_BACKEND && error.status == status, "status %d", status);
    EXPECT(check, error.what != NULL && error.what[0] != '\0', "no reason is given");
    EXPECT(check, same_text(backend_now(), before), "the backend is now %s", backend_now());
}

/* The last argument of a refusal that says: not on this machine. */
static bool only_one(struct check *check, int status)
{
    if (status == PV_E_BACKEND)
        skip(check, "this machine can serve one backend only");
    return status == PV_E_BACKEND;
}

static void while_locked(struct check *check)
{
    struct pv_spinlock lock = PV_SPINLOCK_FREE;
    struct pv_error error = {0};
    if (skip_if_bound(check))
        return;
    preempt_off();
    pv_spin_lock(&lock);
    int status = pv_switch(other_backend(), &error);
    pv_spin_unlock(&lock);
    preempt_on();
    if (!only_one(check, status))
        EXPECT(check, status == PV_E_BUSY && error.what != NULL, "status %d", status);
}

static void while_batching(struct check *check)
{
    struct pv_error error = {0};
    if (skip_if_bound(check))
        return;
    if (!PV_CONFIG_PAGING_OPS) {
        skip(check, "batches are not counted in this configuration");
        return;
    }
    preempt_off();
    pv_mmu_batch_begin();
    int status = pv_switch(other_backend(), &error);
    pv_mmu_batch_end();
    preempt_on();
    if (!only_one(check, status))
        EXPECT(check, status == PV_E_BUSY && error.what != NULL, "status %d", status);
}

static void change_to(struct check *check, const char *name)
{
    struct pv_error error;
    struct pv_site_counts counts = {0};
    if (!expect_ok(check, name, pv_switch(name, &error), &error))
        return;
    EXPECT(check, same_text(backend_now(), name), "the backend is %s", backend_now());
    expect_ok(check, "pv_sites_check", pv_sites_check(&counts, &error), &error);
    EXPECT(check, counts.form[PV_SITE_INDIRECT] == 0, "%u sites are indirect",
           counts.form[PV_SITE_INDIRECT]);
    uintptr_t both = writable_and_executable();
    EXPECT(check, both == 0, "a page is writable and executable at %lx", both);
    ops_work(check);
}

static void there_and_back(struct check *check)
{
    struct pv_error error;
    const char *first = backend_now();
    const char *second = other_backend();
    if (skip_if_bound(check))
        return;
    uint64_t before = pv_clock_ns();
    int status = pv_switch(second, &error);
    if (only_one(check, status) || !expect_ok(check, second, status, &error))
        return;
    for (unsigned i = 0; i < 10; i++) {
        change_to(check, first);
        change_to(check, second);
    }
    change_to(check, first);
    EXPECT(check, pv_clock_ns() >= before, "the clock went backwards");
}

static const struct test switch_tests[] = {
    {"a backend that does not exist is refused with the reason", unknown_name},
    {"no backend is changed while a lock is held", while_locked},
    {"no backend is changed while a batch is open", while_batching},
    {"two backends change places, and everything goes on working", there_and_back},
};

const struct test_group switch_group = TEST_GROUP(switch);
