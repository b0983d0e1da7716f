/* SPDX-License-Identifier: MIT */
/*
 * Measures paths: time, the kernel's own instructions where they can be counted, calls of a VMM
 * that owns page tables, and exits where somebody outside counts them.
 */
#include "bench.h"
#include "steps.h"
#include "../console.h"
#include "../cpu.h"
#include "../outside.h"
#include "../smp.h"
#include "../string.h"

#define LOOKS       3u
#define NOT_COUNTED (-1)

struct path_result {
    int64_t ticks;
    struct bench_steps alone;
    struct pv_host_calls host;
    struct bench_seen seen;
    int64_t waits;
};

static int64_t once(const struct bench_path *path, uint32_t turns)
{
    uint64_t start = read_tsc();
    path->run(turns);
    return (int64_t)(read_tsc() - start);
}

static int64_t shortest(const struct bench_path *path, uint32_t turns)
{
    int64_t least = INT64_MAX, all = 0;
    /* Several CPUs are many exits under most VMMs. */
    unsigned most = path->cpus > 1 ? LOOKS : UINT32_MAX;
    for (unsigned i = 0; i < most && !bench_runs_enough(i, all); i++) {
        int64_t took = once(path, turns);
        least = took < least ? took : least;
        all += took;
    }
    return least;
}

static struct pv_host_calls host_calls_of(const struct bench_path *path)
{
    struct pv_host_calls before, between, after;
    pv_host_calls(&before);
    path->run(path->turns);
    pv_host_calls(&between);
    path->run(2 * path->turns);
    pv_host_calls(&after);
    return (struct pv_host_calls){
        .calls = after.calls - 2 * between.calls + before.calls,
        .entries = after.entries - 2 * between.entries + before.entries,
        .updates = after.updates - 2 * between.updates + before.updates,
        .returns = after.returns - 2 * between.returns + before.returns,
    };
}

/* Of twice as many turns, without those of as many. */
static int64_t difference(uint64_t before, uint64_t between, uint64_t after)
{
    int64_t more = (int64_t)(after - 2 * between + before);
    return more > 0 ? more : 0;
}

/* From one look on to the last one; a look takes as long as many a path. */
static bool see_once(void (*run)(uint32_t turns), uint32_t turns, struct outside *look,
                     struct bench_seen *seen)
{
    struct outside before = *look, between, after;
    run(turns);
    if (!outside_look(&between))
        return false;
    run(2 * turns);
    if (!outside_look(&after))
        return false;
    seen->exits = difference(before.exits, between.exits, after.exits);
    seen->calls = difference(before.hypercalls - before.yields, between.hypercalls - between.yields,
                             after.hypercalls - after.yields);
    *look = after;
    return true;
}

/* The host's own interrupts make it more, never less. */
struct bench_seen bench_see(void (*run)(uint32_t turns), uint32_t turns)
{
    struct outside look;
    struct bench_seen least, again;
    if (!outside_look(&look) || !see_once(run, turns, &look, &least))
        return (struct bench_seen){NOT_COUNTED, NOT_COUNTED};
    for (unsigned i = 1; i < LOOKS && least.exits > 0 && see_once(run, turns, &look, &again); i++) {
        if (again.exits == least.exits && again.calls == least.calls)
            break;
        least.exits = again.exits < least.exits ? again.exits : least.exits;
        least.calls = again.calls < least.calls ? again.calls : least.calls;
    }
    return least;
}

/* What comes twice, or the least: a call that Xen breaks off for work of its own begins again by
 * the same instruction (Xen: hypercall_create_continuation). */
static struct bench_steps least_steps(const struct bench_path *path, uint32_t turns)
{
    struct bench_steps least = bench_step(path->run, turns);
    for (unsigned i = 1; i < LOOKS; i++) {
        struct bench_steps again = bench_step(path->run, turns);
        if (again.steps == least.steps && again.calls == least.calls)
            break;
        least.steps = again.steps < least.steps ? again.steps : least.steps;
        least.calls = again.calls < least.calls ? again.calls : least.calls;
    }
    return least;
}

static struct bench_steps steps_of(const struct bench_path *path)
{
    if (!path->stepped)
        return (struct bench_steps){NOT_COUNTED, NOT_COUNTED};
    pv_irq_disable();
    struct bench_steps one = least_steps(path, 1);
    struct bench_steps two = least_steps(path, 2);
    pv_irq_enable();
    return (struct bench_steps){two.steps - one.steps, two.calls - one.calls};
}

/* Where other work of the machine was more than the difference, it is tried again. */
static int64_t ticks_of(const struct bench_path *path)
{
    int64_t ticks = 0;
    for (unsigned i = 0; i < LOOKS && ticks <= 0; i++)
        ticks = shortest(path, 2 * path->turns) - shortest(path, path->turns);
    return ticks;
}

static int64_t waits_of(const struct bench_path *path)
{
    if (path->waits == NULL)
        return NOT_COUNTED;
    (void)path->waits();
    path->run(path->turns);
    return (int64_t)path->waits();
}

static struct path_result measure(const struct bench_path *path)
{
    path->run(1); /* what is made at the first use only */
    return (struct path_result){ticks_of(path), steps_of(path), host_calls_of(path),
                                bench_see(path->run, path->turns), waits_of(path)};
}

static void report(const struct bench_path *path, const struct path_result *of, bool json)
{
    if (json)
        print("{\"type\":\"path\",\"path\":\"%s\",\"size\":%u,\"cpus\":%u,\"n\":%u,\"ticks\":%ld,"
              "\"steps\":%ld,\"step_calls\":%ld,\"calls\":%lu,\"entries\":%lu,\"updates\":%lu,"
              "\"returns\":%lu,\"exits\":%ld,\"host_calls\":%ld,\"waits\":%ld}\n",
              path->name, path->size, path->cpus, path->turns, of->ticks, of->alone.steps,
              of->alone.calls, of->host.calls, of->host.entries, of->host.updates, of->host.returns,
              of->seen.exits, of->seen.calls, of->waits);
    else
        print("%24s %10u %8u times  %ld ticks each\n", path->name, path->size, path->turns,
              of->ticks / (int64_t)path->turns);
}

/* A status: where CPUs are to wait for each other and none did, something else was measured. */
static int run_path(const struct bench_path *path, bool json)
{
    if (path->prepare != NULL && !path->prepare(path))
        return 0;
    struct path_result result = measure(path);
    if (path->finish != NULL)
        path->finish(path);
    report(path, &result, json);
    if (result.waits != 0)
        return 0;
    print("# %s: no CPU waited for another\n", path->name);
    return 1;
}

/* It was by the backend that pv_init() chose, and says nothing of another one. */
static void report_boot(bool json)
{
    struct pv_facts facts;
    pv_facts(&facts);
    if (!same_text(facts.backend, boot_backend))
        return;
    struct bench_path boot = {.name = "boot", .turns = 1, .cpus = 1};
    struct path_result result = {
        .ticks = (int64_t)(boot_done - boot_began),
        .alone = {NOT_COUNTED, NOT_COUNTED},
        .seen = {NOT_COUNTED, NOT_COUNTED},
        .waits = NOT_COUNTED,
    };
    report(&boot, &result, json);
}

static unsigned cpus_up(void)
{
    unsigned up = 0;
    for (unsigned cpu = 0; cpu < smp_count(); cpu++)
        up += smp_is_up(cpu);
    return up;
}

/* Only so many CPUs are up while a path of theirs is measured. */
static bool have_cpus(unsigned wanted, unsigned listed)
{
    for (unsigned cpu = listed; cpu-- > wanted;)
        if (smp_is_up(cpu) && smp_offline(cpu) != PV_OK)
            return false;
    for (unsigned cpu = 1; cpu < wanted; cpu++)
        if (!smp_is_up(cpu) && smp_online(cpu, NULL) != PV_OK)
            return false;
    return cpus_up() == wanted;
}

static int run_on_several(bool processors, bool json)
{
    unsigned listed = smp_count();
    int status = 0;
    for (unsigned i = 0; i < cpu_path_count; i++) {
        enum bench_processors not_here = processors ? SHARED_PROCESSORS : OWN_PROCESSORS;
        if (cpu_paths[i].cpus > listed || cpu_paths[i].processors == not_here)
            continue;
        if (have_cpus(cpu_paths[i].cpus, listed)) {
            if (run_path(&cpu_paths[i], json) != 0)
                status = 1;
            continue;
        }
        print("# %s: there are no %u CPUs to be had\n", cpu_paths[i].name, cpu_paths[i].cpus);
        status = 1;
    }
    return have_cpus(listed, listed) ? status : 1;
}

int bench_paths(bool processors, bool json)
{
    int status = 0;
    report_boot(json);
    for (unsigned i = 0; i < single_path_count; i++)
        if (run_path(&single_paths[i], json) != 0)
            status = 1;
    return cpus_up() > 1 && run_on_several(processors, json) != 0 ? 1 : status;
}
