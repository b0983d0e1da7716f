/* SPDX-License-Identifier: MIT */
/*
 * Benchmarks: what is measured, how, and how it is told.
 *
 * A loop is run N times and 2N times with the time-stamp counter read at the ends only; the
 * difference is free of what surrounds the loop, and the same difference of the empty loop takes
 * the loop itself away. Where the counter counts instructions (QEMU's -icount shift=0) the figures
 * are exact.
 */
#ifndef GUEST_BENCH_H
#define GUEST_BENCH_H

#include "pvops/pvops.h"

/* How ops reach the backend while they are measured. */
enum bench_mode {
    BENCH_RAW,       /* not at all: the instructions themselves */
    BENCH_PATCHED,   /* by patched sites; in a bound build, by what is compiled in */
    BENCH_UNPATCHED, /* by indirect calls */
    BENCH_MODES
};

/* What cannot be measured where the kernel does not run in ring 0. */
enum bench_needs {
    NEEDS_NOTHING,  /* all of it can */
    RAW_NEEDS_RING0 /* not the hand-written code: it is for hardware that is not this kernel's */
};

/* One op, each loop with OPS_PER_TURN of it a turn. */
struct op_bench {
    const char *name;
    void (*op)(uint32_t turns);
    void (*raw)(uint32_t turns);   /* the best code without any layer */
    void (*empty)(uint32_t turns); /* what else the other two do */
    void (*after)(
        uint32_t turns); /* takes back what a loop left behind; not measured. May be NULL */
    enum bench_needs needs;
};

#define OPS_PER_TURN 10

extern const struct op_bench op_benches[];
extern const unsigned op_bench_count;
extern const struct op_bench paging_benches[];
extern const unsigned paging_bench_count;

/* What the loops need of the machine: a vector, the mapped end-of-interrupt register. */
bool bench_ops_prepare(void);
void bench_ops_finish(void);

/* Whether an op can be measured here: a halt needs an interrupt that ends it. */
bool bench_op_possible(const struct op_bench *of);

/* Whether its instructions can be executed one at a time: a trap between sti and hlt lets the
 * interrupt in that was to end the halt. */
bool bench_op_steps(const struct op_bench *of);

struct bench_result {
    uint64_t count; /* ops that the ticks are for */
    int64_t ticks;
};

/* One line: as JSON or for people. A count of 0: there is no figure. */
void bench_report(const char *op, const char *mode, struct bench_result result, bool json);

const char *bench_mode_name(enum bench_mode mode);

/* Switches all sites; nothing to do in a bound build. 0 or the library's status. */
int bench_set_mode(enum bench_mode mode);

/*
 * Of several runs the shortest is believed: whatever else the machine does makes a run longer. So
 * of cheap ones there are more, beside which a VMM's timer is much.
 */
static inline bool bench_runs_enough(unsigned runs, int64_t ticks)
{
    return runs >= 10 || (runs >= 2 && ticks > 10000000);
}

/* Where CPUs share a processor they take turns, and that may be what is measured. */
enum bench_processors {
    ANY_PROCESSORS,
    OWN_PROCESSORS,   /* each CPU has one */
    SHARED_PROCESSORS /* as far as this kernel was told */
};

/*
 * A path: work that is more than one op. What it costs is the difference between twice so many
 * turns and so many.
 */
struct bench_path {
    const char *name;
    uint32_t size; /* how much of it: pages, CPUs; 0: there is but one size */
    uint32_t turns;
    unsigned cpus; /* that it needs */
    enum bench_processors processors;
    bool stepped; /* of one CPU, with interrupts off, and no trap is part of it: its instructions
                     are counted alone */
    bool (*prepare)(const struct bench_path *path); /* false: not here. May be NULL */
    void (*run)(uint32_t turns);
    void (*finish)(const struct bench_path *path); /* may be NULL */
    uint64_t (*waits)(void); /* of CPUs for each other, since the last time; NULL: nothing waits */
};

extern const struct bench_path cpu_paths[];
extern const unsigned cpu_path_count;
extern const struct bench_path single_paths[];
extern const unsigned single_path_count;

/* What the host counts, of `turns`: exits, and of those the calls, but for calls that only yield.
 * Negative: nobody is there to ask. Interrupts on. */
struct bench_seen {
    int64_t exits;
    int64_t calls;
};
struct bench_seen bench_see(void (*run)(uint32_t turns), uint32_t turns);

/* inside.c: a call of the VMM that does nothing; NULL: there is none. */
void (*bench_null_call(void))(void);

/* When pv_start() began, and when pv_init() was done, by which backend. */
extern uint64_t boot_began, boot_done;
extern const char *boot_backend;

/* vector.c: a vector whose interrupts are noted, to be given back by pv_irq_free(); false: there is
 * none. */
bool bench_vector_take(uint8_t *vector);

/* Whether an interrupt that this CPU sends itself arrives within a second. */
bool bench_vector_arrives(uint8_t vector);

/* Sends one and waits, without reading a clock; a machine on which it is lost ends with the
 * message. */
void bench_vector_send(uint32_t cpu, uint8_t vector, const char *lost);
void bench_vector_send_many(const struct pv_cpu_set *cpus, uint8_t vector, const char *lost);

/* What `times` of each part cost, by twice as many. */
int bench_workload(unsigned times, bool json);
/* `processors`: each CPU has one of its own. */
int bench_paths(bool processors, bool json);
int bench_patching(bool json);

#endif
