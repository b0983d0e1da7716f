/* SPDX-License-Identifier: MIT */
/*
 * The `bench` command: chooses what to measure, measures ops in all modes, and prints.
 */
#include "bench.h"
#include "steps.h"
#include "../commands.h"
#include "../console.h"
#include "../cpu.h"
#include "../string.h"
#include "../timer.h"

#define TURNS         1000u
#define TURNS_IF_DEAR 10u
#define RUNS          3u
#define STEPPED       6u
#define DEAR_TICKS    1000
#define MOST_OPS      44u
#define NO_STEPS      (-1)
/* Of each part of the workload: the whole of it where it is cheap, or nothing else is asked for. */
#define WORK        1000u
#define WORK_BESIDE 300u

static struct bench_result results[MOST_OPS][BENCH_MODES];
static struct bench_steps alone[MOST_OPS][BENCH_MODES];
static uint32_t turns_of[MOST_OPS];

const char *bench_mode_name(enum bench_mode mode)
{
    if (PV_BOUND && mode == BENCH_PATCHED)
        return "bound";
    static const char *const names[] = {"raw", "patched", "unpatched"};
    return names[mode];
}

int bench_set_mode(enum bench_mode mode)
{
    struct pv_error error;
    char text[160];
    if (PV_BOUND)
        return PV_OK;
    pv_irq_disable();
    int status = mode == BENCH_UNPATCHED ? pv_unpatch(&error) : pv_patch(&error);
    pv_irq_enable();
    if (status != PV_OK) {
        pv_error_text(&error, text, sizeof(text));
        print("# %s\n", text);
    }
    return status;
}

static void print_fraction(const char *before, struct bench_result result, const char *after)
{
    int64_t hundredths = result.ticks * 100 / (int64_t)result.count;
    bool negative = hundredths < 0;
    uint64_t size = negative ? 0 - (uint64_t)hundredths : (uint64_t)hundredths;
    print("%s%s%lu.%02lu%s", before, negative ? "-" : "", size / 100, size % 100, after);
}

static void report_nothing(const char *op, const char *mode, bool json)
{
    if (json)
        print("{\"type\":\"bench\",\"op\":\"%s\",\"mode\":\"%s\",\"n\":0,\"ticks\":null,"
              "\"per_op\":null}\n",
              op, mode);
    else
        print("%24s %10s        -\n", op, mode);
}

void bench_report(const char *op, const char *mode, struct bench_result result, bool json)
{
    if (result.count == 0) {
        report_nothing(op, mode, json);
        return;
    }
    if (json)
        print("{\"type\":\"bench\",\"op\":\"%s\",\"mode\":\"%s\",\"n\":%lu,\"ticks\":%ld", op, mode,
              result.count, result.ticks);
    else
        print("%24s %10s %8lu times", op, mode, result.count);
    print_fraction(json ? ",\"per_op\":" : "  ", result, json ? "}\n" : " ticks each\n");
}

static uint64_t time_loop(void (*loop)(uint32_t turns), uint32_t turns, const struct op_bench *of)
{
    uint64_t start = read_tsc();
    loop(turns);
    uint64_t end = read_tsc();
    if (of->after != NULL)
        of->after(turns);
    return end - start;
}

/* Whatever else the machine does makes a run longer, so the shortest is the one to believe. */
static uint64_t shortest(void (*loop)(uint32_t turns), uint32_t turns, const struct op_bench *of)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < RUNS; i++) {
        uint64_t took = time_loop(loop, turns, of);
        least = took < least ? took : least;
    }
    return least;
}

static int64_t time_difference(void (*loop)(uint32_t turns), uint32_t turns,
                               const struct op_bench *of)
{
    return (int64_t)(shortest(loop, 2 * turns, of) - shortest(loop, turns, of));
}

/* Ops that exit to the VMM cost a thousand times more than others. */
static uint32_t choose_turns(const struct op_bench *of)
{
    time_loop(of->op, 1, of);
    uint64_t ticks = time_loop(of->op, 1, of);
    return ticks / OPS_PER_TURN > DEAR_TICKS ? TURNS_IF_DEAR : TURNS;
}

static bool possible(const struct op_bench *of, enum bench_mode mode)
{
    return mode != BENCH_RAW || of->needs != RAW_NEEDS_RING0 || privileged();
}

static struct bench_result measure(const struct op_bench *of, enum bench_mode mode, uint32_t turns)
{
    if (!possible(of, mode))
        return (struct bench_result){0, 0};
    int64_t full = time_difference(mode == BENCH_RAW ? of->raw : of->op, turns, of);
    int64_t empty = time_difference(of->empty, turns, of);
    return (struct bench_result){(uint64_t)turns * OPS_PER_TURN, full - empty};
}

static struct bench_steps step_loop(void (*loop)(uint32_t turns), const struct op_bench *of)
{
    struct bench_steps counted[2];
    for (uint32_t i = 0; i < 2; i++) {
        counted[i] = bench_step(loop, i + 1);
        if (of->after != NULL)
            of->after(i + 1);
    }
    return (struct bench_steps){counted[1].steps - counted[0].steps,
                                counted[1].calls - counted[0].calls};
}

static struct bench_steps step_mode(const struct op_bench *of, enum bench_mode mode)
{
    struct bench_steps full = step_loop(mode == BENCH_RAW ? of->raw : of->op, of);
    struct bench_steps empty = step_loop(of->empty, of);
    return (struct bench_steps){full.steps - empty.steps, full.calls - empty.calls};
}

/* What comes twice: a clock's record may change under its reader, who takes more steps then. */
static struct bench_steps step(const struct op_bench *of, enum bench_mode mode)
{
    struct bench_steps seen[STEPPED];
    if (!possible(of, mode))
        return (struct bench_steps){NO_STEPS, 0};
    for (unsigned i = 0; i < STEPPED; i++) {
        seen[i] = step_mode(of, mode);
        for (unsigned before = 0; before < i; before++)
            if (seen[before].steps == seen[i].steps && seen[before].calls == seen[i].calls)
                return seen[i];
    }
    print("# %s: of %u counts of its instructions no two are the same\n", of->name, STEPPED);
    return (struct bench_steps){NO_STEPS, 0};
}

static const struct op_bench *bench_at(unsigned index)
{
    return index < op_bench_count ? &op_benches[index] : &paging_benches[index - op_bench_count];
}

static bool op_wanted(const struct name_list *wanted, unsigned index)
{
    return list_wants(wanted, "ops") || list_wants(wanted, bench_at(index)->name);
}

static unsigned all_ops(void)
{
    unsigned count = op_bench_count + paging_bench_count;
    return count < MOST_OPS ? count : MOST_OPS;
}

/* Interrupts off and no timer armed: nothing but the loop runs. */
static int measure_all(const struct name_list *wanted, enum bench_mode mode)
{
    int status = bench_set_mode(mode);
    pv_irq_disable();
    for (unsigned i = 0; i < all_ops() && status == PV_OK; i++) {
        if (!op_wanted(wanted, i) || !bench_op_possible(bench_at(i)))
            continue;
        if (turns_of[i] == 0)
            turns_of[i] = choose_turns(bench_at(i));
        results[i][mode] = measure(bench_at(i), mode, turns_of[i]);
        if (list_wants(wanted, "steps") && bench_op_steps(bench_at(i)))
            alone[i][mode] = step(bench_at(i), mode);
    }
    pv_irq_enable();
    return status;
}

static void report_steps(const char *op, const char *mode, struct bench_steps of, bool json)
{
    if (json)
        print("{\"type\":\"steps\",\"op\":\"%s\",\"mode\":\"%s\",\"n\":%u,\"steps\":%ld,"
              "\"calls\":%ld}\n",
              op, mode, OPS_PER_TURN, of.steps, of.calls);
    else
        print("%24s %10s %8u times  %ld instructions of its own, %ld calls of the VMM\n", op, mode,
              OPS_PER_TURN, of.steps, of.calls);
}

static void report_op(unsigned index, bool json, bool stepped)
{
    unsigned modes = PV_BOUND ? BENCH_PATCHED + 1 : BENCH_MODES;
    for (unsigned mode = 0; mode < modes; mode++) {
        const char *name = bench_mode_name((enum bench_mode)mode);
        bench_report(bench_at(index)->name, name, results[index][mode], json);
        if (stepped && bench_op_steps(bench_at(index)) && alone[index][mode].steps != NO_STEPS)
            report_steps(bench_at(index)->name, name, alone[index][mode], json);
    }
}

static void report_all(const struct name_list *wanted, bool json)
{
    for (unsigned i = 0; i < all_ops(); i++)
        if (op_wanted(wanted, i) && turns_of[i] != 0)
            report_op(i, json, list_wants(wanted, "steps"));
}

static bool any_op_wanted(const struct name_list *wanted)
{
    for (unsigned i = 0; i < all_ops(); i++)
        if (op_wanted(wanted, i))
            return true;
    return false;
}

static int bench_ops(const struct name_list *wanted, bool json)
{
    if (!bench_ops_prepare()) {
        print("# there is no vector or no page for the benchmarks\n");
        return 1;
    }
    memset(turns_of, 0, sizeof(turns_of));
    int status = measure_all(wanted, BENCH_PATCHED);
    if (status == PV_OK)
        status = measure_all(wanted, BENCH_RAW);
    if (status == PV_OK && !PV_BOUND)
        status = measure_all(wanted, BENCH_UNPATCHED);
    if (bench_set_mode(BENCH_PATCHED) != PV_OK)
        status = PV_E_SITE;
    bench_ops_finish();
    if (status == PV_OK)
        report_all(wanted, json);
    return status;
}

/* ---- exits ----------------------------------------------------------------------------------- */

static const struct op_bench *seen_op;

static void run_seen(uint32_t turns)
{
    pv_irq_disable();
    seen_op->op(turns);
    if (seen_op->after != NULL)
        seen_op->after(turns);
    pv_irq_enable();
}

static uint32_t seen_turns(const struct op_bench *of)
{
    pv_irq_disable();
    uint32_t turns = choose_turns(of);
    pv_irq_enable();
    return turns;
}

/* What is cheap does not leave the guest, and is not asked about. */
static int bench_exits(bool json)
{
    if (!bench_ops_prepare())
        return 1;
    for (unsigned i = 0; i < all_ops(); i++) {
        seen_op = bench_at(i);
        if (!bench_op_possible(seen_op) || seen_turns(seen_op) != TURNS_IF_DEAR)
            continue;
        struct bench_seen seen = bench_see(run_seen, TURNS_IF_DEAR);
        if (seen.exits >= 0 && json)
            print("{\"type\":\"exits\",\"op\":\"%s\",\"mode\":\"%s\",\"n\":%u,\"exits\":%ld,"
                  "\"host_calls\":%ld}\n",
                  seen_op->name, bench_mode_name(BENCH_PATCHED), TURNS_IF_DEAR * OPS_PER_TURN,
                  seen.exits, seen.calls);
        else if (seen.exits >= 0)
            print("%24s %8u times  %ld exits, %ld of them calls\n", seen_op->name,
                  TURNS_IF_DEAR * OPS_PER_TURN, seen.exits, seen.calls);
    }
    bench_ops_finish();
    return 0;
}

/* ---- what is asked for ----------------------------------------------------------------------- */

static bool is_kind(const char *name)
{
    static const char *const kinds[] = {"steps",      "workload", "paths", "patch",
                                        "processors", "backends", "exits"};
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (same_text(kinds[i], name))
            return true;
    return false;
}

static int refuse_unknown(const struct name_list *wanted)
{
    int status = 0;
    for (unsigned i = 0; i < wanted->count; i++) {
        struct name_list one = {1, {wanted->names[i]}};
        if (any_op_wanted(&one) || is_kind(wanted->names[i]))
            continue;
        print("# no such benchmark: %s\n", wanted->names[i]);
        status = 1;
    }
    return status;
}

/* By the backend in force. */
static int bench_here(const struct name_list *benches, bool json)
{
    struct pv_facts facts;
    int status = 0;
    pv_facts(&facts);
    bool whole = benches->count == 1 || same_text(facts.vmm, "none");
    if (json)
        print("{\"type\":\"backend\",\"backend\":\"%s\"}\n", facts.backend);
    if (any_op_wanted(benches) && bench_ops(benches, json) != 0)
        status = 1;
    if (list_wants(benches, "exits") && bench_exits(json) != 0)
        status = 1;
    if (list_wants(benches, "workload") && bench_workload(whole ? WORK : WORK_BESIDE, json) != 0)
        status = 1;
    if (list_wants(benches, "paths") && bench_paths(list_wants(benches, "processors"), json) != 0)
        status = 1;
    if (list_wants(benches, "patch") && bench_patching(json) != 0)
        status = 1;
    return status;
}

static int change_to(const char *backend)
{
    struct pv_error error;
    char text[160];
    int status = pv_switch(backend, &error);
    if (status == PV_OK)
        return PV_OK;
    pv_error_text(&error, text, sizeof(text));
    print("# not by the backend %s: %s\n", backend, text);
    return status;
}

/* The other backend that serves this machine, if there is one, is the processor's own. */
static int bench_other(const struct name_list *benches, bool json)
{
    struct pv_facts facts;
    pv_facts(&facts);
    const char *first = facts.backend;
    if (same_text(first, "native") || change_to("native") != PV_OK)
        return 0;
    int status = bench_here(benches, json);
    return change_to(first) == PV_OK ? status : 1;
}

int bench(const struct name_list *benches, bool json)
{
    int status = refuse_unknown(benches);
    for (unsigned user = 0; user < TIMER_USERS; user++)
        timer_stop((enum timer_user)user);
    if (bench_here(benches, json) != 0)
        status = 1;
    if (benches->count != 0 && list_wants(benches, "backends") && bench_other(benches, json) != 0)
        status = 1;
    return status;
}
