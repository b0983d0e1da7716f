/* SPDX-License-Identifier: MIT */
/*
 * An op replaced while threads call it. The replacement is in live_op.S: it must keep the op's
 * calling convention.
 */
#include "selftest.h"
#include "../cpu.h"
#include "../thread.h"
#include "../timer.h"

#define WORKERS  2u
#define ROUNDS   20u
#define TRIES    1000u
#define ENOUGH   1000u
#define BOUND_NS (5 * NS_PER_S)

void counting_relax(void);
extern volatile uint64_t counted_relaxes;

static volatile uint64_t turns;
static volatile bool stop;

static void worker(void *argument)
{
    (void)argument;
    while (!stop) {
        pv_cpu_relax();
        turns++;
    }
}

/* A thread that was preempted inside a site holds the change up until it has run again. */
static int override(void (*function)(void), struct pv_error *error)
{
    int status = PV_E_RENDEZVOUS;
    for (unsigned i = 0; i < TRIES && status == PV_E_RENDEZVOUS; i++) {
        status = pv_op_override(PV_OPID_cpu_relax, function, error);
        if (status == PV_E_RENDEZVOUS)
            thread_yield();
    }
    return status;
}

/* Lets the workers run until a number has grown enough. */
static bool grows(const volatile uint64_t *number)
{
    uint64_t start = *number;
    struct limit limit = limit_in(BOUND_NS);
    while (*number - start < ENOUGH && !limit_passed(&limit))
        thread_yield();
    return *number - start >= ENOUGH;
}

static void one_round(struct check *check)
{
    struct pv_error error;
    if (!expect_ok(check, "replacing", override(counting_relax, &error), &error))
        return;
    EXPECT(check, grows(&counted_relaxes), "the replacement is not called");
    expect_ok(check, "restoring", override(NULL, &error), &error);
    uint64_t before = counted_relaxes;
    EXPECT(check, grows(&turns), "the callers stand still");
    /* A call that was in progress in each thread may end. */
    EXPECT(check, counted_relaxes - before <= WORKERS, "the replacement is still called");
}

static void replaced_while_called(struct check *check)
{
    struct thread threads[WORKERS];
    struct pv_error error;
    unsigned started = 0;
    if (skip_if_bound(check) || skip_without_timer(check))
        return;
    stop = false;
    while (started < WORKERS && thread_create(&threads[started], worker, NULL))
        started++;
    EXPECT(check, started == WORKERS, "no memory for the threads");
    for (unsigned i = 0; i < ROUNDS && check->outcome != CHECK_FAILED; i++)
        one_round(check);
    stop = true;
    while (started > 0)
        thread_wait(&threads[--started]);
    expect_ok(check, "pv_sites_check", pv_sites_check(NULL, &error), &error);
}

static void no_such_op(struct check *check)
{
    struct pv_error error = {0};
    int status = pv_op_override(PV_OP_COUNT, counting_relax, &error);
    EXPECT(check, status == PV_E_ARGUMENT, "status %d", status);
}

static const struct test live_tests[] = {
    {"an op is replaced and restored while threads call it", replaced_while_called},
    {"an op that does not exist is not replaced", no_such_op},
};

const struct test_group live_group = TEST_GROUP(live);
