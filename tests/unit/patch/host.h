/* SPDX-License-Identifier: MIT */
/*
 * The patcher's world on the host: threads are CPUs, signals are interrupts and traps, and the
 * test's own text is mapped twice from one memfd, executable here and writable there, so that the
 * real patcher rewrites real code and nothing is ever writable and executable at once.
 */
#ifndef PVOPS_TESTS_PATCH_HOST_H
#define PVOPS_TESTS_PATCH_HOST_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include <cmocka.h>

#include "lib/backend.h"
#include "lib/live.h"
#include "lib/ops.h"
#include "lib/patch.h"
#include "lib/switch.h"

#define HOST_PAGE 4096u
#define HOST_CPUS 4

/* What an op of these backends returns: who it is, and which op. */
#define ALPHA(op) (0xA000u + PV_OPID_##op)
#define BETA(op)  (0xB000u + PV_OPID_##op)

/* alpha: every hot op a function. beta: most of them inline. gamma: on top of beta. delta: uses the
 * ops of beta, and nothing else of it. */
extern const struct pv_backend pv_backend_alpha, pv_backend_beta, pv_backend_gamma,
    pv_backend_delta;

/* What the backends were asked to do, and what they shall answer. */
struct host_backend_state {
    int entered; /* enter() less leave() */
    int enters;
    int leaves;
    int fail_next; /* so many times enter() fails */
    int begins;
    bool fail_begin;
    const struct pv_boot_info *begun_with;
    const struct pv_backend *in_force; /* when it was asked to begin */
    int cpus_entered;                  /* further CPUs, less those that left again */
    uint8_t cpu_entered[8];            /* the same for each of them */
    unsigned fail_cpu;                 /* the number of one that it fails on; 0: none */
    unsigned hold_enter, hold_leave; /* the number of one that is held at the end of it; 0: none */
    unsigned stack_below;            /* how often a CPU came while the backend was not entered */
};
/* How often a CPU was waited for while the first backend was in force. */
extern unsigned long host_waited_for[];

extern struct host_backend_state host_alpha, host_beta, host_gamma, host_delta;

/* The platform lent to the library. Tests change members; host_start() resets them. */
extern struct pv_platform host_platform;

/* The start of the library with a backend; sites are as compiled. */
void host_start(const char *backend);

/* The same, and patched. */
void host_start_patched(const char *backend);

/* Back to the compiled form; fails the test if that is not possible. */
void host_stop(void);

/* ---- CPUs ----------------------------------------------------------------------------------- */

/* Makes the calling thread a CPU. */
void host_become_cpu(unsigned number);
struct pv_cpu *host_cpu(unsigned number);

/* Starts a thread as a CPU; host_join_cpus() waits for all. */
void host_start_cpu(unsigned number, void (*run)(unsigned number));
void host_join_cpus(void);

/* Threads call it instead of looking at a flag of their own; set by host_join_cpus(). */
bool host_asked_to_end(void);

void host_sleep_us(unsigned us);

/* Runs a request here as if this were another CPU, which has no thread. */
void host_pretend_cpu(unsigned number, void (*function)(void *argument, const struct pv_regs *regs),
                      void *argument, const struct pv_regs *regs);

/* How many CPUs the platform tells. */
extern unsigned host_cpu_count;

/* A CPU whose interrupts do not arrive until host_interrupts_arrive(). */
void host_interrupts_lost(unsigned number);
void host_interrupts_arrive(unsigned number);

/* Looks for an answer before a CPU counts as one that does not answer: seconds, unless a test knows
 * that no answer comes. */
#define HOST_PATIENT   10000000u
#define HOST_IMPATIENT 200000u
extern unsigned host_patience;

/* Takes the interrupts of this CPU now, as if they had come at regs. */
void host_take_interrupts(const struct pv_regs *regs);

/* Interrupts and breakpoints of ours that were taken. */
extern unsigned long host_interrupts, host_breakpoints;

/* ---- traps ---------------------------------------------------------------------------------- */

void host_regs_from(struct pv_regs *regs, const ucontext_t *context, unsigned vector);
void host_regs_to(const struct pv_regs *regs, ucontext_t *context);

/* The privilege that the library takes for the kernel's: 3. */
extern unsigned host_kernel_rpl;

/* Called for an int3 that the library declines; NULL: the test ends. */
extern bool (*host_declined)(struct pv_regs *regs);

/* Called after each instruction of a thread that host_step_begin() was called on. */
extern void (*host_stepped)(struct pv_regs *regs);
void host_step_begin(void);
void host_step_end(void);

/* Runs call() and tells the address of the illegal instruction that it met; 0: none. */
uintptr_t host_illegal_at(void (*call)(void));

/* Runs call() and tells what it panicked with; NULL: it did not. */
const char *host_panic_of(void (*call)(void));

/* ---- aliases -------------------------------------------------------------------------------- */

/* A range mapped twice. rw is the alias of rx. */
struct host_range {
    uint8_t *rx;
    uint8_t *rw;
    size_t bytes;
    int file;
};

/* Anonymous text near to the library's tables (or far from them), filled with int3. */
struct host_range host_text_make(size_t bytes, bool far);
void host_text_free(struct host_range *range);

/* Plain memory near to the library, with an inaccessible page behind it. */
void *host_data_make(size_t bytes);
void host_data_free(void *data, size_t bytes);

/* Aliases asked for; after so many more the platform gives none (-1: for ever). */
extern unsigned long host_aliases;
extern long host_aliases_left;

/* true: aliases are mapped on request and unmapped, as a kernel does it. false: kept. */
extern bool host_alias_maps;

/* Fails the test if any mapping of the process is both writable and executable. */
void host_assert_no_wx(void);

/* ---- objects: text with sites, made at run time --------------------------------------------- */

struct host_object {
    struct host_range range;
    struct pv_site *records;
    size_t room;
    size_t used; /* bytes of text */
    struct pv_text text;
};

/* Room for so many bytes of text and so many records. */
void host_object_make(struct host_object *object, size_t bytes, size_t records);
void host_object_free(struct host_object *object);

/* For teardowns: host_stop(), and *state, which is the object of a test. */
int host_stop_and_free(void **state);

/* A function of a site and a `ret`, the site at `at` bytes (or where the last ended); its address.
 */
uintptr_t host_object_site_at(struct host_object *object, size_t at, enum pv_op_id op);
uintptr_t host_object_site(struct host_object *object, enum pv_op_id op);

/* Calls a site made by host_object_site(), with convention CALL. */
uint64_t host_call(uintptr_t site, uint64_t first, uint64_t second);

/*
 * The same for convention SAVE; counts in *bad the registers that were not kept: all but rax.
 */
uint64_t host_call_keeps(uintptr_t site, uint64_t first, uint64_t second, uint32_t *bad);

/* Functions to override an op with; host_override_slow() spends its time in itself. */
void host_override(void);
void host_override_slow(void);
#define OVERRIDE      0xC000u
#define OVERRIDE_SLOW 0xC001u

/* Length of an op's sites. */
static inline unsigned host_length(enum pv_op_id op)
{
    return pv_op_facts[op].length;
}

#endif
