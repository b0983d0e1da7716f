/* SPDX-License-Identifier: MIT */
/*
 * Asking the other CPUs: to serialise, or to stand still while text is rewritten.
 *
 * They are asked through pv_platform::run_on_others, which sends an inter-processor interrupt. A
 * CPU that was interrupted between two instructions of a site would go on in the middle of other
 * ones, so it says that and goes on at once, and is asked again; who stands outside of sites stays.
 * The same holds for contexts that are not running at all; the kernel tells where those stopped.
 *
 * Where a VMM has more CPUs to serve than processors, all that wait would use theirs up while the
 * one that they wait for has none: whoever waits offers his own now and then
 * (pv_backend::waits_for).
 *
 * Each wait has a bound, and a CPU that comes late to a request that was given up finds its number
 * passed and goes away. Nothing here runs a call site between a request and its end.
 */
#include "lib/live.h"

/*
 * A second or so of `pause`; a CPU that has interrupts off for longer is not going to come. Can be
 * chosen at build time, for machines that are much slower or tests that are less patient.
 */
#ifndef PV_STOP_ANSWER_SPINS
#define PV_STOP_ANSWER_SPINS 20000000u
#endif
/* Looks between two offers of the processor. On hardware a wait is shorter. */
#define OFFER_SPINS 256u
/* A CPU is inside a site for nanoseconds; so often in a row is no chance. */
#define STOP_TRIES 128u
/* From the begin of a backend's pv_lock_release() until the lock is given back, and some more. */
#define LOCK_RELEASE_BYTES 8u
/* Longest pause between two tries. */
#define STOP_PAUSES 16384u

/*
 * Requests are numbered. Each CPU answers with the number in all bits but the lowest, which says
 * that it was interrupted inside a site and has gone on. A request is over when `finished` has
 * reached its number. To stop all may take several: who stands still for one from `first` on does
 * not see the next ones before all are over.
 */
static uint64_t request;
static uint64_t first;
static uint64_t finished;
static unsigned asked_op;
static const struct pv_cpu *asker;
static uint64_t answers[PV_CONFIG_MAX_CPUS];

/*
 * What the CPUs that stand still are to run: a number for each time, and who has done which. A slow
 * CPU may have several before it; there are no others before it has gone on.
 */
#define TASKS 8u
static uint64_t task;
static int (*task_function)(unsigned step);
static uint8_t task_steps[TASKS];
static uint64_t task_done[PV_CONFIG_MAX_CPUS];
/* The number of a CPU that failed in it, above the status there; 0: none has. */
static uint64_t task_failure;

unsigned pv_other_cpus(void)
{
    unsigned count = pv_platform->cpu_count != NULL ? pv_platform->cpu_count() : 1;

    return count > 1 ? count - 1 : 0;
}

PV_COLD struct pv_cpu *pv_cpu_of(unsigned number)
{
    if (number == pv_this_cpu()->number)
        return pv_this_cpu();
    return number <= pv_other_cpus() && pv_platform->cpu != NULL ? pv_platform->cpu(number) : NULL;
}

/* Whether there is room for all answers, a way to ask, and to know whom. */
static bool can_ask(void)
{
    return pv_other_cpus() < PV_CONFIG_MAX_CPUS && pv_platform->run_on_others != NULL &&
           pv_platform->cpu != NULL;
}

PV_COLD static bool is_over(uint64_t number)
{
    return __atomic_load_n(&finished, __ATOMIC_ACQUIRE) >= number;
}

PV_COLD static void answer(uint64_t number, bool inside)
{
    __atomic_store_n(&answers[pv_this_cpu()->number], number << 1 | inside, __ATOMIC_RELEASE);
}

static void ask(void (*function)(void *, const struct pv_regs *))
{
    request++;
    asker = pv_this_cpu();
    pv_platform->run_on_others(function, (void *)(uintptr_t)request);
}

static void let_go(void)
{
    __atomic_store_n(&finished, request, __ATOMIC_RELEASE);
}

PV_COLD static bool has_answered(unsigned cpu)
{
    return __atomic_load_n(&answers[cpu], __ATOMIC_ACQUIRE) >> 1 == request;
}

PV_COLD static bool is_inside(unsigned cpu)
{
    return __atomic_load_n(&answers[cpu], __ATOMIC_ACQUIRE) == (request << 1 | 1);
}

/* Stands still, for this request or one before, or cannot yet. */
PV_COLD static bool has_stopped(unsigned cpu)
{
    uint64_t answered = __atomic_load_n(&answers[cpu], __ATOMIC_ACQUIRE);

    return (answered >> 1 >= first && !(answered & 1)) || is_inside(cpu);
}

PV_COLD static bool has_done_task(unsigned cpu)
{
    return __atomic_load_n(&task_done[cpu], __ATOMIC_ACQUIRE) == task;
}

PV_COLD void pv_wait_pause(const struct pv_cpu *cpu, unsigned look)
{
    if (look % OFFER_SPINS == OFFER_SPINS - 1 && pv_backend->waits_for != NULL)
        pv_backend->waits_for(cpu);
    pv_raw_pause();
}

static bool wait_for(bool (*has)(unsigned cpu), unsigned number, const struct pv_cpu *cpu)
{
    for (unsigned looks = 0; looks < PV_STOP_ANSWER_SPINS; looks++) {
        if (has(number))
            return true;
        pv_wait_pause(cpu, looks);
    }
    return false;
}

/* Waits for all other CPUs that are up; the number of one that does not come, or -1. */
PV_COLD int pv_who_is_missing(bool (*has)(unsigned cpu))
{
    unsigned count = pv_other_cpus() + 1;
    unsigned self = pv_this_cpu()->number;

    for (unsigned number = 0; number < count; number++) {
        const struct pv_cpu *cpu = number != self ? pv_cpu_of(number) : NULL;
        if (cpu != NULL && !wait_for(has, number, cpu))
            return (int)number;
    }
    return -1;
}

PV_COLD static void serialise_here(void *argument, const struct pv_regs *regs)
{
    (void)regs;
    pv_serialise();
    answer((uintptr_t)argument, false);
}

PV_COLD bool pv_serialise_all(void)
{
    pv_serialise();
    if (pv_other_cpus() == 0)
        return true;
    if (!can_ask())
        return false;
    ask(serialise_here);
    int missing = pv_who_is_missing(has_answered);
    let_go();
    return missing < 0;
}

struct inside {
    uintptr_t ip;
    bool found;
};

PV_COLD static int look_inside(uintptr_t site, const struct pv_site *record, void *argument)
{
    struct inside *inside = (struct inside *)argument;

    inside->found = inside->ip > site && inside->ip - site < record->length;
    return inside->found ? PV_E_BUSY : PV_OK;
}

/*
 * Where sites are calls, what gives a lock back is a function, and who stands in front of its store
 * would make that in the next backend, whose waiters may want more than a store.
 */
PV_COLD static bool gives_lock_back(uintptr_t ip)
{
    return ip - (uintptr_t)pv_ops.lock_release < LOCK_RELEASE_BYTES;
}

PV_COLD static bool lies_inside(uintptr_t ip)
{
    struct inside inside = {ip, gives_lock_back(ip)};

    if (!inside.found && pv_text_of(ip) != NULL)
        (void)pv_sites_visit(asked_op, look_inside, &inside);
    return inside.found;
}

/* Text may have changed since this CPU stood still: it is fetched anew before any of it runs. */
PV_COLD static void run_task(uint64_t number)
{
    unsigned cpu = pv_this_cpu()->number;

    pv_serialise();
    int status = task_function(task_steps[number % TASKS]);
    if (status != PV_OK)
        __atomic_store_n(&task_failure, (uint64_t)cpu << 32 | (uint32_t)status, __ATOMIC_RELAXED);
    __atomic_store_n(&task_done[cpu], number, __ATOMIC_RELEASE);
}

PV_COLD static void stand_still(void *argument, const struct pv_regs *regs)
{
    uint64_t number = (uintptr_t)argument;
    uint64_t ran = __atomic_load_n(&task, __ATOMIC_ACQUIRE); /* none comes before all answered */
    unsigned looks = 0;

    if (is_over(number))
        return;
    bool stays = !lies_inside(regs->rip);
    answer(number, !stays);
    while (stays) {
        /* The end first: all that was asked before it is done, also by who comes to it late. */
        stays = !is_over(number);
        while (ran != __atomic_load_n(&task, __ATOMIC_ACQUIRE))
            run_task(++ran);
        pv_wait_pause(asker, looks++);
    }
    pv_serialise();
}

static bool any_inside(void)
{
    unsigned count = pv_other_cpus() + 1;

    for (unsigned cpu = 0; cpu < count; cpu++)
        if (is_inside(cpu))
            return true;
    return false;
}

/*
 * A request that is already there when a CPU returns from the last one interrupts it at the same
 * place, before it has moved on. So it gets time, more with each try.
 */
static void let_move_on(unsigned tries)
{
    unsigned pauses = (tries + 1) * 128;

    for (unsigned i = 0; i < pauses && i < STOP_PAUSES; i++)
        pv_raw_pause();
}

static int stop_others(struct pv_error *error)
{
    if (!can_ask())
        return pv_fail_at(
            error, PV_E_RENDEZVOUS,
            "more CPUs than PV_CONFIG_MAX_CPUS, or no pv_platform::run_on_others or cpu", 0);
    first = request + 1;
    for (unsigned tries = 0; tries < STOP_TRIES; tries++) {
        ask(stand_still);
        int missing = pv_who_is_missing(has_stopped);
        if (missing >= 0) {
            let_go();
            return pv_fail_at(error, PV_E_RENDEZVOUS, "a CPU did not stop in time; its number is",
                              (uint64_t)missing);
        }
        if (!any_inside())
            return PV_OK;
        let_move_on(tries);
    }
    let_go();
    return pv_fail_at(error, PV_E_RENDEZVOUS, "other CPUs were never all outside of call sites", 0);
}

PV_COLD static bool visit_saved_ip(uintptr_t ip, void *argument)
{
    uintptr_t *inside = (uintptr_t *)argument;

    if (!lies_inside(ip))
        return true;
    *inside = ip;
    return false;
}

PV_COLD int pv_stop_begin(unsigned op, struct pv_error *error)
{
    uintptr_t inside = 0;
    int status = PV_OK;

    asked_op = op;
    if (pv_other_cpus() != 0)
        status = stop_others(error);
    if (status != PV_OK || pv_platform->each_saved_ip == NULL)
        return status;
    pv_platform->each_saved_ip(visit_saved_ip, &inside);
    if (inside == 0)
        return PV_OK;
    let_go();
    return pv_fail_at(error, PV_E_RENDEZVOUS, "a preempted context stopped inside a call site",
                      inside);
}

PV_COLD void pv_stop_end(void)
{
    let_go();
}

PV_COLD int pv_stop_run(int (*function)(unsigned step), unsigned step, struct pv_error *error)
{
    uint64_t next = task + 1;

    task_failure = 0;
    task_function = function;
    task_steps[next % TASKS] = (uint8_t)step;
    __atomic_store_n(&task, next, __ATOMIC_RELEASE);
    int missing = pv_who_is_missing(has_done_task);
    if (missing >= 0)
        return pv_fail_at(error, PV_E_RENDEZVOUS,
                          "a CPU that stood still did not do what it was asked; its number is",
                          (uint64_t)missing);
    uint64_t failure = __atomic_load_n(&task_failure, __ATOMIC_RELAXED);
    if (failure != 0)
        return pv_fail_at(error, (int)failure, "a CPU could not be changed over; its number is",
                          failure >> 32);
    return PV_OK;
}
