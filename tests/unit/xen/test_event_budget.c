/* SPDX-License-Identifier: MIT */
/*
 * How many instructions lie between the library's entry at an upcall, pv_trap(), and the handler of
 * a port. A child process goes through it one instruction at a time. The code is the library's,
 * with its optimisation and with the CPU's block in %gs; Xen takes no part.
 */
#include "fake_event.h"

#include <asm/prctl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/irq.h"
#include "lib/live.h"
#include "promised.h"

#define MOST_TRAP 80u /* from pv_trap() on */
#define MANY      4000u
#define ENDLESS   10000u
#define VECTOR    0x40

const struct pv_backend *pv_backend;

bool pv_live_breakpoint(struct pv_regs *regs)
{
    (void)regs;
    return false;
}

static void no_eoi(void)
{
}

static void reached(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
}

static void on_upcall(struct pv_regs *regs, void *context)
{
    (void)context;
    pv_xen_events_run(regs);
}

/* In the child: `ports` ports are bound, the last of them is pending. */
static void prepare(bool fifo, uint32_t ports)
{
    syscall(SYS_arch_prctl, ARCH_SET_GS, (uintptr_t)&fake_cpu - PV_CONFIG_CPU_OFFSET);
    fake_events_reset(fifo);
    fake_platform.vector_first = fake_platform.vector_last = VECTOR;
    pv_ops.irq_eoi = no_eoi;
    for (uint32_t port = 1; port <= ports; port++)
        if (bind(port, reached) != (int)port)
            abort();
    if (pv_irq_alloc(on_upcall, NULL) != VECTOR)
        abort();
}

static void upcall(uint32_t port)
{
    fake_raise(port);
    pv_trap(VECTOR, NULL);
}

static _Noreturn void run_child(bool fifo, uint32_t ports)
{
    prepare(fifo, ports);
    upcall(ports);
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    upcall(ports);
    _exit(0);
}

static uint64_t next_ip(pid_t child)
{
    struct user_regs_struct regs;
    int status;

    assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(ptrace(PTRACE_GETREGS, child, NULL, &regs), 0);
    return regs.rip;
}

/* Steps until an address is reached; how many. */
static unsigned steps_to(pid_t child, uintptr_t ip)
{
    for (unsigned steps = 1; steps < ENDLESS; steps++)
        if (next_ip(child) == ip)
            return steps;
    return ENDLESS;
}

struct cost {
    unsigned upcall, trap;
};

static struct cost count_instructions(bool fifo, uint32_t ports)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        run_child(fifo, ports);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSTOPPED(status));
    assert_true(steps_to(child, (uintptr_t)pv_trap) < ENDLESS);
    unsigned before = steps_to(child, (uintptr_t)on_upcall);
    unsigned upcall = steps_to(child, (uintptr_t)reached);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    print_message("# %s, %u ports: %u instructions, %u from pv_trap() on\n",
                  fifo ? "FIFO" : "two levels", ports, upcall, before + upcall);
    print_message("# figure event_path_%s%s %u\n", fifo ? "fifo" : "two_levels",
                  ports == MANY ? "_of_4000" : "", upcall);
    return (struct cost){upcall, before + upcall};
}

static void expect_cheap(bool fifo, uint32_t ports)
{
    struct cost cost = count_instructions(fifo, ports);

    assert_in_range(cost.upcall, 1,
                    fifo ? PROMISED_EVENT_PATH_FIFO : PROMISED_EVENT_PATH_TWO_LEVELS);
    assert_in_range(cost.trap, cost.upcall, MOST_TRAP);
}

static void a_handler_is_reached_within_60_instructions_by_two_levels(void **state)
{
    (void)state;
    expect_cheap(false, 1);
}

static void a_handler_is_reached_within_60_instructions_by_fifo(void **state)
{
    (void)state;
    expect_cheap(true, 1);
}

static void four_thousand_ports_cost_two_levels_no_more_than_60_either(void **state)
{
    (void)state;
    expect_cheap(false, MANY);
}

static void four_thousand_ports_cost_fifo_no_instruction_more_than_one(void **state)
{
    (void)state;
    struct cost one = count_instructions(true, 1);
    struct cost many = count_instructions(true, MANY);

    assert_int_equal(many.upcall, one.upcall + PROMISED_EVENT_PATH_GROWTH);
    assert_int_equal(many.trap, one.trap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_is_reached_within_60_instructions_by_two_levels),
        cmocka_unit_test(a_handler_is_reached_within_60_instructions_by_fifo),
        cmocka_unit_test(four_thousand_ports_cost_two_levels_no_more_than_60_either),
        cmocka_unit_test(four_thousand_ports_cost_fifo_no_instruction_more_than_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
