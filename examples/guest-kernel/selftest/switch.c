/* SPDX-License-Identifier: MIT */
/*
 * Changing the backend of the running kernel, and the reasons not to.
 */
#include "../smp.h"
#include "selftest.h"
#include "../cpu.h"
#include "../string.h"
#include "../timer.h"

#define PATIENCE_NS (10 * NS_PER_S)

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

static struct pv_spinlock carried = PV_SPINLOCK_FREE;

static void take_and_give_back(void *argument)
{
    (void)argument;
    preempt_off();
    pv_spin_lock(&carried);
    pv_spin_unlock(&carried);
    preempt_on();
}

/* Another CPU waits for the lock, long enough to sleep where waiters do. */
static void have_another_wait(struct check *check, const char *name)
{
    struct pv_error error = {0};
    struct limit limit = limit_in(PATIENCE_NS);
    smp_give(1, take_and_give_back, NULL);
    while (__atomic_load_n(&carried.tail, __ATOMIC_RELAXED) == 0 && !limit_passed(&limit))
        pv_cpu_relax();
    EXPECT(check, carried.tail != 0, "the other CPU does not wait");
    int status = pv_switch(name, &error);
    EXPECT(check, status == PV_E_BUSY && error.what != NULL, "status %d", status);
    limit = limit_in(10 * NS_PER_MS);
    while (!limit_passed(&limit))
        pv_cpu_relax();
}

/* Taken as one backend does, given back as the other, which makes another CPU wait meanwhile. */
static int change_with_lock_held(struct check *check, const char *from, const char *to)
{
    struct pv_error error = {0};
    bool others = smp_count() > 1 && smp_is_up(1);
    preempt_off();
    pv_spin_lock(&carried);
    int status = pv_switch(to, &error);
    EXPECT(check, carried.locked == 1, "the lock's byte is %u", carried.locked);
    if (status == PV_OK && others)
        have_another_wait(check, from);
    pv_spin_unlock(&carried);
    preempt_on();
    if (status == PV_OK && others)
        EXPECT(check, smp_done(1, PATIENCE_NS), "the other CPU does not get the lock");
    EXPECT(check, carried.locked == 0 && carried.tail == 0, "byte %u, queue %u", carried.locked,
           carried.tail);
    return status;
}

static void while_locked(struct check *check)
{
    const char *first = backend_now();
    const char *second = other_backend();
    if (skip_if_bound(check))
        return;
    int status = change_with_lock_held(check, first, second);
    if (only_one(check, status) || !EXPECT(check, status == PV_OK, "status %d", status))
        return;
    status = change_with_lock_held(check, second, first);
    EXPECT(check, status == PV_OK, "back: status %d", status);
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
    {"a lock that is held is given back by the next backend, and none is changed while a CPU waits",
     while_locked},
    {"no backend is changed while a batch is open", while_batching},
    {"two backends change places, and everything goes on working", there_and_back},
};

const struct test_group switch_group = TEST_GROUP(switch);
