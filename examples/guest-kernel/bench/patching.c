/* SPDX-License-Identifier: MIT */
/*
 * What patching costs a site: text with many sites is made at run time, added like a module, and
 * pv_patch() is timed with and without it.
 */
#include "bench.h"
#include "../console.h"
#include "../cpu.h"
#include "../textgen.h"

#define LONGEST_SITE 20

struct times {
    int64_t unpatch;
    int64_t patch;
};

static bool time_both(struct times *times)
{
    struct pv_irqflags flags = pv_irq_save();
    uint64_t start = read_tsc();
    int status = pv_unpatch(NULL);
    uint64_t between = read_tsc();
    if (status == PV_OK)
        status = pv_patch(NULL);
    uint64_t end = read_tsc();
    pv_irq_restore(flags);
    *times = (struct times){(int64_t)(between - start), (int64_t)(end - between)};
    return status == PV_OK;
}

/* All hot ops in turn. */
static void fill(struct generated *g, unsigned sites)
{
    unsigned op = 0;
    while (g->text.count < sites) {
        if (site_length((enum pv_op_id)op) != 0)
            generated_site(g, (enum pv_op_id)op);
        op = (op + 1) % PV_OP_COUNT;
    }
    generated_seal(g);
}

static size_t text_bytes_for(unsigned sites)
{
    size_t bytes = 0, ops = 0;
    for (unsigned op = 0; op < PV_OP_COUNT; op++) {
        bytes += site_length((enum pv_op_id)op);
        ops += site_length((enum pv_op_id)op) != 0;
    }
    return (sites / ops + 1) * bytes;
}

static bool time_with(unsigned sites, struct times *times)
{
    struct generated g;
    if (!generated_open(&g, text_bytes_for(sites), sites))
        return false;
    fill(&g, sites);
    bool good = pv_text_add(&g.text, NULL) == PV_OK && time_both(times);
    pv_text_remove(&g.text);
    generated_free(&g);
    return good;
}

static int run_size(unsigned sites, const struct times *without, bool json)
{
    struct times with;
    if (!time_with(sites, &with)) {
        print("# no memory for %u sites, or they were refused\n", sites);
        return 1;
    }
    bench_report("unpatch", "unpatched",
                 (struct bench_result){sites, with.unpatch - without->unpatch}, json);
    bench_report("patch", "patched", (struct bench_result){sites, with.patch - without->patch},
                 json);
    return 0;
}

int bench_patching(bool json)
{
    static const unsigned sizes[] = {100, 1000, 10000, 100000};
    struct times without;
    int status = 0;
    if (PV_BOUND) {
        print("# this kernel is bound to one backend and has no sites to patch\n");
        return 0;
    }
    if (!time_both(&without))
        return 1;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && status == 0; i++)
        status = run_size(sizes[i], &without, json);
    return status;
}
