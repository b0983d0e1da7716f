/* SPDX-License-Identifier: MIT */
/*
 * Two processes, each with an address space of its own, that hand the CPU to each other: by
 * yielding, and by a byte in a pipe.
 */
#include "operations.h"
#include <linux/mman.h>
#include <linux/sched.h>

#define FIFO_PRIORITY 1
/* Yields until another process must have come to its turn. */
#define PATIENCE 1000000u

/* struct rusage (linux/resource.h): two times, then fourteen words, of which the last two count
 * switches that were asked for and that were not. */
#define RUSAGE_SELF     0u
#define RUSAGE_CHILDREN ((uint64_t)-1)
#define RUSAGE_WORDS    18u

enum { READ_END, WRITE_END, ENDS };

static int to_child[ENDS], to_parent[ENDS];
static long child;
static uint64_t switches_before, interrupts_before;

/* In memory that the two share. */
struct signals {
    volatile uint32_t ready, go;
};
static struct signals *signals;

static uint64_t switches_of(uint64_t whom)
{
    uint64_t usage[RUSAGE_WORDS] = {0};
    call2(__NR_getrusage, whom, (uint64_t)usage);
    return usage[RUSAGE_WORDS - 2] + usage[RUSAGE_WORDS - 1];
}

static uint64_t switches(void)
{
    return switches_of(RUSAGE_SELF) + switches_of(RUSAGE_CHILDREN);
}

static failure open_pipes(void)
{
    if (call1(__NR_pipe, (uint64_t)to_child) != 0 || call1(__NR_pipe, (uint64_t)to_parent) != 0)
        return "no pipe";
    return NULL;
}

static failure close_pipes(void)
{
    for (unsigned end = 0; end < ENDS; end++)
        if (call1(__NR_close, (uint64_t)to_child[end]) != 0 ||
            call1(__NR_close, (uint64_t)to_parent[end]) != 0)
            return "a pipe does not close";
    return NULL;
}

static bool send(const int *pipe)
{
    char token = 0;
    return call3(__NR_write, (uint64_t)pipe[WRITE_END], (uint64_t)&token, 1) == 1;
}

static bool receive(const int *pipe)
{
    char token;
    return call3(__NR_read, (uint64_t)pipe[READ_END], (uint64_t)&token, 1) == 1;
}

static failure set_policy(uint64_t policy, int priority)
{
    long status = call3(__NR_sched_setscheduler, 0, policy, (uint64_t)&priority);
    return status == 0 ? NULL : "no such scheduling (sched_setscheduler)";
}

static failure share_signals(void)
{
    if (signals == NULL) {
        long at = system_call(__NR_mmap, 0, PAGE_BYTES, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, (uint64_t)-1, 0);
        if (at < 0)
            return "no memory can be shared (mmap)";
        signals = (struct signals *)at;
    }
    signals->ready = 0;
    signals->go = 0;
    return NULL;
}

/* Each of the two does half of the yields. */
static void yield(uint32_t count)
{
    for (uint32_t i = 0; i < count / 2; i++)
        call0(__NR_sched_yield);
}

static _Noreturn void yield_and_end(uint32_t count)
{
    signals->ready = 1;
    while (!signals->go)
        call0(__NR_sched_yield);
    yield(count);
    end_process(0);
}

/* The fair scheduler lets a process yield in vain to one that has had more of the CPU lately, so
 * the two take turns until they are even, before anything is measured. */
failure prepare_yielders(uint32_t count)
{
    failure failed = share_signals();
    if (failed != NULL)
        return failed;
    child = fork_process();
    if (child == 0)
        yield_and_end(count);
    for (uint32_t i = 0; i < PATIENCE && !signals->ready && child > 0; i++)
        call0(__NR_sched_yield);
    switches_before = switches();
    return child > 0 && signals->ready ? NULL : "no child that yields (clone)";
}

failure prepare_fifo_yielders(uint32_t count)
{
    failure failed = set_policy(SCHED_FIFO, FIFO_PRIORITY);
    return failed != NULL ? failed : prepare_yielders(count);
}

failure run_yielders(uint32_t count)
{
    signals->go = 1;
    yield(count);
    return await_child(child);
}

failure finish_yielders(uint32_t count)
{
    if (switches() - switches_before < count)
        return not_whole;
    return set_policy(SCHED_NORMAL, 0);
}

static _Noreturn void answer_and_end(uint32_t count, failure (*place)(void))
{
    bool good = place() == NULL && send(to_parent);
    for (uint32_t i = 0; i < count / 2 && good; i++)
        good = receive(to_child) && send(to_parent);
    end_process(good ? 0 : 1);
}

/* A child that is where it should be when the first byte comes from it. */
static failure start_answers(uint32_t count, failure (*place)(void))
{
    failure failed = open_pipes();
    if (failed != NULL)
        return failed;
    child = fork_process();
    if (child == 0)
        answer_and_end(count, place);
    if (child < 0 || !receive(to_parent))
        return "no child that answers (clone)";
    switches_before = switches();
    return NULL;
}

static failure anywhere(void)
{
    return NULL;
}

static failure on_other_cpu(void)
{
    return run_on_cpu(1);
}

failure prepare_pipe(uint32_t count)
{
    return start_answers(count, anywhere);
}

failure prepare_far_pipe(uint32_t count)
{
    failure failed = run_on_cpu(0);
    if (failed == NULL)
        failed = start_answers(count, on_other_cpu);
    return failed != NULL ? failed : cpu_interrupts(&interrupts_before);
}

/* A byte is sent `count` times, to and fro. */
failure run_pipe(uint32_t count)
{
    bool good = true;
    for (uint32_t i = 0; i < count / 2 && good; i++)
        good = send(to_child) && receive(to_parent);
    return good ? await_child(child) : "a pipe does not work";
}

failure finish_pipe(uint32_t count)
{
    if (switches() - switches_before < count)
        return "not every byte made the other process run";
    return close_pipes();
}

/* A receiver that has not yet gone to sleep needs no interrupt. */
failure finish_far_pipe(uint32_t count)
{
    uint64_t interrupts;
    failure failed = cpu_interrupts(&interrupts);
    if (failed == NULL)
        failed = close_pipes();
    if (failed == NULL && interrupts - interrupts_before < count / 2)
        failed = not_whole;
    return failed;
}
