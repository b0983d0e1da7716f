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

#define RUNS        3u
#define NOT_COUNTED (-1)

struct path_result {
    int64_t ticks;
    struct bench_steps alone;
    struct pv_host_calls host;
    int64_t exits;
};

static int64_t once(const struct bench_path *path, uint32_t turns)
{
    uint64_t start = read_tsc();
    path->run(turns);
    return (int64_t)(read_tsc() - start);
}

static int64_t shortest(const struct bench_path *path, uint32_t turns)
{
    int64_t least = INT64_MAX;
    for (unsigned i = 0; i < RUNS; i++) {
        int64_t took = once(path, turns);
        least = took < least ? took : least;
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
    };
}

static int64_t exits_once(const struct bench_path *path)
{
    struct outside before, between, after;
    if (!outside_look(&before))
        return NOT_COUNTED;
    path->run(path->turns);
    if (!outside_look(&between))
        return NOT_COUNTED;
    path->run(2 * path->turns);
    if (!outside_look(&after))
        return NOT_COUNTED;
    int64_t exits = (int64_t)(after.exits - 2 * between.exits + before.exits);
    return exits > 0 ? exits : 0;
}

/* The host's own interrupts make it more, never less. */
static int64_t exits_of(const struct bench_path *path)
{
    int64_t least = exits_once(path);
    for (unsigned i = 1; i < RUNS && least > 0; i++) {
        int64_t again = exits_once(path);
        least = again != NOT_COUNTED && again < least ? again : least;
    }
    return least;
}

static struct bench_steps steps_of(const struct bench_path *path)
{
    if (!path->stepped)
        return (struct bench_steps){NOT_COUNTED, NOT_COUNTED};
    pv_irq_disable();
    struct bench_steps one = bench_step(path->run, 1);
    struct bench_steps two = bench_step(path->run, 2);
    pv_irq_enable();
    return (struct bench_steps){two.steps - one.steps, two.calls - one.calls};
}

static struct path_result measure(const struct bench_path *path)
{
    path->run(1); /* what is made at the first use only */
    int64_t ticks = shortest(path, 2 * path->turns) - shortest(path, path->turns);
    return (struct path_result){ticks, steps_of(path), host_calls_of(path), exits_of(path)};
}

static void report(const struct bench_path *path, const struct path_result *of, bool json)
{
    if (json)
        print("{\"type\":\"path\",\"path\":\"%s\",\"size\":%u,\"cpus\":%u,\"n\":%u,\"ticks\":%ld,"
              "\"steps\":%ld,\"step_calls\":%ld,\"calls\":%lu,\"entries\":%lu,\"updates\":%lu,"
              "\"exits\":%ld}\n",
              path->name, path->size, path->cpus, path->turns, of->ticks, of->alone.steps,
              of->alone.calls, of->host.calls, of->host.entries, of->host.updates, of->exits);
    else
        print("%24s %10u %8u times  %ld ticks each\n", path->name, path->size, path->turns,
              of->ticks / (int64_t)path->turns);
}

static void run_path(const struct bench_path *path, bool json)
{
    if (path->prepare != NULL && !path->prepare(path))
        return;
    struct path_result result = measure(path);
    if (path->finish != NULL)
        path->finish(path);
    report(path, &result, json);
}

static void report_boot(bool json)
{
    struct bench_path boot = {.name = "boot", .turns = 1, .cpus = 1};
    struct path_result result = {
        .ticks = (int64_t)(boot_done - boot_began),
        .alone = {NOT_COUNTED, NOT_COUNTED},
        .exits = NOT_COUNTED,
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

static int run_on_several(bool json)
{
    unsigned listed = smp_count();
    int status = 0;
    for (unsigned i = 0; i < cpu_path_count; i++) {
        if (cpu_paths[i].cpus > listed)
            continue;
        if (have_cpus(cpu_paths[i].cpus, listed)) {
            run_path(&cpu_paths[i], json);
            continue;
        }
        print("# %s: there are no %u CPUs to be had\n", cpu_paths[i].name, cpu_paths[i].cpus);
        status = 1;
    }
    return have_cpus(listed, listed) ? status : 1;
}

int bench_paths(bool json)
{
    report_boot(json);
    for (unsigned i = 0; i < single_path_count; i++)
        run_path(&single_paths[i], json);
    return cpus_up() > 1 ? run_on_several(json) : 0;
}
