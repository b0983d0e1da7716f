/* SPDX-License-Identifier: MIT */
/*
 * The first and only program of a Linux that is measured: it does what operations.h lists, prints
 * a JSON object a line in the form of the example kernel's `bench json`, and ends the machine.
 *
 * The method is the same, too: a loop of N and one of 2N, the shortest of several runs of each, and
 * the difference of the two.
 *
 * From the kernel's command line, which hands on to its first process what it does not know:
 *   entry_tsc=LETTERS   the time-stamp counter at the kernel's entry (entry_notes.S)
 *   cpus=2              a second CPU is started, and what needs two is done
 *   processors=2        and each has a processor of its own: what needs that is done
 *   leave=port          the end is told QEMU's isa-debug-exit; otherwise it is a power-off, or a
 *                       crash
 */
#include "operations.h"
#include <linux/fcntl.h>
#include <linux/reboot.h>

#define RUNS      4u
#define MOST_RUNS 40u /* in case some do not do all their work */
#define EXIT_PORT 0xf4u
#define SUCCESS   0x10u
#define FAILED    0x11u
#define SOME_TIME 1 /* seconds: for a console that another machine empties */

struct operation {
    const char *name;
    uint32_t size; /* of one, where that is a question */
    uint32_t count;
    failure (*prepare)(uint32_t count);
    failure (*run)(uint32_t count);
    failure (*finish)(uint32_t count);
};

static const struct operation on_one_cpu[] = {
    {"linux_syscall", 0, 1000, NULL, run_system_calls, NULL},
    {"linux_context_switch", 0, 200, prepare_fifo_yielders, run_yielders, finish_yielders},
    {"linux_context_switch_fair", 0, 200, prepare_yielders, run_yielders, finish_yielders},
    {"linux_pipe", 0, 200, prepare_pipe, run_pipe, finish_pipe},
    {"linux_page_fault", 0, 500, prepare_untouched, run_first_touches, finish_pages},
    {"linux_map_touch_unmap", 0, 100, NULL, run_page_by_page, NULL},
    {"linux_map_populate", 0, 500, NULL, run_populate, run_unmap},
    {"linux_unmap", 0, 500, prepare_populated, run_unmap, NULL},
    {"linux_fork_exit", 0, 10, NULL, run_forks, NULL},
    {"linux_space_build", 10, 5, NULL, run_spaces, NULL},
    {"linux_space_build", 100, 4, NULL, run_spaces, NULL},
    {"linux_space_build", 1000, 2, NULL, run_spaces, NULL},
};

static const struct operation on_two_cpus[] = {
    {"linux_pipe_other_cpu", 0, 20, prepare_far_pipe, run_pipe, finish_far_pipe},
};

static const struct operation on_two_processors[] = {
    {"linux_interrupt_other", 0, 20, prepare_barrier, run_barrier, finish_barrier},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool leave_by_port;

const char not_whole[] = "too few runs did all their work";

static void report(const char *name, uint32_t of_size, uint64_t count, int64_t ticks)
{
    int64_t hundredths = ticks * 100 / (int64_t)count;
    uint64_t size = hundredths < 0 ? 0 - (uint64_t)hundredths : (uint64_t)hundredths;
    put_text("{\"type\":\"bench\",\"op\":\"");
    put_text(name);
    put_text("\",\"mode\":\"linux\",\"size\":");
    put_number(of_size);
    put_text(",\"n\":");
    put_number(count);
    put_text(",\"ticks\":");
    put_signed(ticks);
    put_text(hundredths < 0 ? ",\"per_op\":-" : ",\"per_op\":");
    put_number(size / 100);
    put_text(size % 100 < 10 ? ".0" : ".");
    put_number(size % 100);
    put_text("}\n");
}

static failure time_once(const struct operation *of, uint32_t count, uint64_t *ticks)
{
    failure failed = of->prepare != NULL ? of->prepare(count) : NULL;
    if (failed != NULL)
        return failed;
    uint64_t start = read_tsc();
    failed = of->run(count);
    *ticks = read_tsc() - start;
    if (failed != NULL)
        return failed;
    return of->finish != NULL ? of->finish(count) : NULL;
}

static failure shortest(const struct operation *of, uint32_t count, uint64_t *least)
{
    unsigned whole = 0;
    *least = UINT64_MAX;
    for (unsigned i = 0; i < MOST_RUNS && whole < RUNS; i++) {
        uint64_t ticks;
        failure failed = time_once(of, count, &ticks);
        if (failed == not_whole)
            continue;
        if (failed != NULL)
            return failed;
        whole++;
        *least = ticks < *least ? ticks : *least;
    }
    return whole == RUNS ? NULL : not_whole;
}

static failure measure(const struct operation *of)
{
    uint64_t once, twice;
    space_pages = of->size;
    failure failed = shortest(of, of->count, &once);
    if (failed == NULL)
        failed = shortest(of, 2 * of->count, &twice);
    if (failed == NULL)
        report(of->name, of->size, of->count, (int64_t)(twice - once));
    return failed;
}

static failure measure_all(const struct operation *operations, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        failure failed = measure(&operations[i]);
        if (failed != NULL) {
            put_text("# ");
            put_text(operations[i].name);
            put_text(": ");
            return failed;
        }
    }
    return NULL;
}

/* The digits of entry_notes.S; 0 if there are none. */
static uint64_t letters_value(const char *letters)
{
    uint64_t value = 0;
    for (; *letters >= 'a' && *letters <= 'p'; letters++)
        value = value << 4 | (uint64_t)(*letters - 'a');
    return value;
}

static failure report_boot(uint64_t entry_tsc, uint64_t first_instruction_tsc)
{
    if (entry_tsc == 0 || entry_tsc > first_instruction_tsc)
        return "# the command line has no time of entry";
    report("linux_boot", 0, 1, (int64_t)(first_instruction_tsc - entry_tsc));
    return NULL;
}

static void report_machine(uint32_t cpus)
{
    /* struct new_utsname (linux/utsname.h): six texts of 65 bytes; the third is the release. */
    static char name[6][65];
    call1(__NR_uname, (uint64_t)name);
    put_text("{\"type\":\"machine\",\"release\":\"");
    put_text(name[2]);
    put_text("\",\"cpus\":");
    put_number(cpus);
    put_text("}\n");
}

/* By the kernel: nested, an outb in user mode faults in the emulation whatever ioperm(2) allows. */
static void write_port(uint64_t port, uint8_t value)
{
    long ports = call2(__NR_open, (uint64_t) "/dev/port", O_WRONLY);
    system_call(__NR_pwrite64, (uint64_t)ports, (uint64_t)&value, 1, port, 0, 0);
}

/* Success: the machine ends. Failure: it crashes, as it loses its first process. */
static _Noreturn void leave(failure failed)
{
    if (failed != NULL) {
        put_text(failed);
        put_text("\n");
    }
    flush_text();
    if (leave_by_port)
        write_port(EXIT_PORT, failed == NULL ? SUCCESS : FAILED);
    uint64_t time[2] = {SOME_TIME, 0};
    call2(__NR_nanosleep, (uint64_t)time, 0);
    if (failed == NULL)
        system_call(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
                    LINUX_REBOOT_CMD_POWER_OFF, 0, 0, 0);
    end_process(1);
}

_Noreturn void run_peer(uint64_t first_instruction_tsc, const uint64_t *stack);

_Noreturn void run_peer(uint64_t first_instruction_tsc, const uint64_t *stack)
{
    const char *const *environment = (const char *const *)(stack + 1 + stack[0] + 1);
    uint64_t entry_tsc = 0;
    bool two_cpus = false, two_processors = false;
    for (; *environment != NULL; environment++) {
        const char *letters = after_prefix(*environment, "entry_tsc=");
        entry_tsc = letters != NULL ? letters_value(letters) : entry_tsc;
        two_cpus = two_cpus || after_prefix(*environment, "cpus=2") != NULL;
        two_processors = two_processors || after_prefix(*environment, "processors=2") != NULL;
        leave_by_port = leave_by_port || after_prefix(*environment, "leave=port") != NULL;
    }
    failure failed = two_cpus && usable_cpus() < 2 ? start_second_cpu() : NULL;
    uint32_t cpus = usable_cpus();
    report_machine(cpus);
    if (failed == NULL)
        failed = report_boot(entry_tsc, first_instruction_tsc);
    if (failed == NULL)
        failed = no_huge_pages();
    if (failed == NULL && two_processors)
        failed = measure_all(on_two_processors, COUNT_OF(on_two_processors));
    else if (failed == NULL && two_cpus)
        failed = measure_all(on_two_cpus, COUNT_OF(on_two_cpus));
    else if (failed == NULL)
        failed = measure_all(on_one_cpu, COUNT_OF(on_one_cpu));
    leave(failed);
}
