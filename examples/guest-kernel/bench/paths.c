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

#define LOOKS       3u
#define NOT_COUNTED (-1)

/* What the host counts: exits, and of those the calls, but for calls that only yield. */
struct seen {
    int64_t exits;
    int64_t calls;
};

struct path_result {
    int64_t ticks;
    struct bench_steps alone;
    struct pv_host_calls host;
    struct seen seen;
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
static bool see_once(const struct bench_path *path, struct outside *look, struct seen *seen)
{
    struct outside before = *look, between, after;
    path->run(path->turns);
    if (!outside_look(&between))
        return false;
    path->run(2 * path->turns);
    if (!outside_look(&after))
        return false;
    seen->exits = difference(before.exits, between.exits, after.exits);
    seen->calls = difference(before.hypercalls - before.yields, between.hypercalls - between.yields,
                             after.hypercalls - after.yields);
    *look = after;
    return true;
}

/* The host's own interrupts make it more, never less. */
static struct seen see(const struct bench_path *path)
{
    struct outside look;
    struct seen least, again;
    if (!outside_look(&look) || !see_once(path, &look, &least))
        return (struct seen){NOT_COUNTED, NOT_COUNTED};
    for (unsigned i = 1; i < LOOKS && least.exits > 0 && see_once(path, &look, &again); i++) {
        if (again.exits == least.exits && again.calls == least.calls)
            break;
        least.exits = again.exits < least.exits ? again.exits : least.exits;
        least.calls = again.calls < least.calls ? again.calls : least.calls;
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
    return (struct path_result){ticks, steps_of(path), host_calls_of(path), see(path)};
}

static void report(const struct bench_path *path, const struct path_result *of, bool json)
{
    if (json)
        print("{\"type\":\"path\",\"path\":\"%s\",\"size\":%u,\"cpus\":%u,\"n\":%u,\"ticks\":%ld,"
              "\"steps\":%ld,\"step_calls\":%ld,\"calls\":%lu,\"entries\":%lu,\"updates\":%lu,"
              "\"returns\":%lu,\"exits\":%ld,\"host_calls\":%ld}\n",
              path->name, path->size, path->cpus, path->turns, of->ticks, of->alone.steps,
              of->alone.calls, of->host.calls, of->host.entries, of->host.updates, of->host.returns,
              of->seen.exits, of->seen.calls);
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
        .seen = {NOT_COUNTED, NOT_COUNTED},
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
        if (cpu_paths[i].cpus > listed || (cpu_paths[i].processors && !processors))
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

int bench_paths(bool processors, bool json)
{
    report_boot(json);
    for (unsigned i = 0; i < single_path_count; i++)
        run_path(&single_paths[i], json);
    return cpus_up() > 1 ? run_on_several(processors, json) : 0;
}
