/* SPDX-License-Identifier: MIT */
/*
 * User mode: two processes at the same addresses, taken off the CPU by the timer, and one of them
 * with a wild pointer.
 */
#include "selftest.h"
#include "../commands.h"
#include "../cpu.h"
#include "../memory.h"
#include "../process.h"
#include "../smp.h"
#include "../timer.h"
#include "../traps.h"

/* Of 2,000 loops each: enough to be taken off the CPU in the middle, and more for certain. */
#define FEW_ROUNDS  50
#define ROUNDS      500
#define MANY_ROUNDS 6000

/* FLAT_RING3_CS32: xen/include/public/arch-x86/xen-x86_64.h. */
#define XEN_CODE_32 0xe023

/* Where a PV guest of Xen finds the table of all frames of the machine, MACH2PHYS_VIRT_START. */
#define XEN_FRAMES 0xffff800000000000ul

struct pair {
    struct process a, b;
};

static struct pair pair;

/* Runs two processes to their ends; false if there was no memory for them. */
static bool run_pair(struct check *check, uint64_t program_a, uint64_t program_b, uint64_t rounds)
{
    struct process_start a = {11, program_a, rounds, NULL};
    struct process_start b = {22, program_b, rounds, NULL};
    if (!EXPECT(check, process_create(&pair.a, &a), "no memory for a process"))
        return false;
    bool both = EXPECT(check, process_create(&pair.b, &b), "no memory for a second process");
    process_wait(&pair.a);
    if (both)
        process_wait(&pair.b);
    return both;
}

static void kept_apart(struct check *check)
{
    if (!run_pair(check, USER_COUNTER, USER_COUNTER, ROUNDS))
        return;
    EXPECT(check, !pair.a.killed && pair.a.status == 11, "the first ended with %ld", pair.a.status);
    EXPECT(check, !pair.b.killed && pair.b.status == 22, "the second ended with %ld",
           pair.b.status);
}

/* On a busy machine a timer may be so late that a process has come to its end. */
#define TRIES 8

static bool both_preempted(void)
{
    return pair.a.thread.preemptions > 0 && pair.b.thread.preemptions > 0;
}

static void preempted(struct check *check)
{
    if (skip_without_timer(check))
        return;
    for (unsigned i = 0; i < TRIES && (i == 0 || !both_preempted()); i++) {
        if (!run_pair(check, USER_COUNTER, USER_COUNTER, MANY_ROUNDS))
            return;
        EXPECT(check, pair.a.system_calls == 2, "%lu system calls", pair.a.system_calls);
    }
    EXPECT(check, both_preempted(), "preempted %u and %u times", pair.a.thread.preemptions,
           pair.b.thread.preemptions);
}

/* A process is taken off the CPU in the middle of its loop, and the unit's registers with it. */
static void registers_kept(struct check *check)
{
    uint32_t traps = 0;
    if (skip_without_timer(check))
        return;
    for (unsigned i = 0; i < TRIES && traps < 3; i++) {
        uint32_t before = fpu_traps;
        if (!run_pair(check, USER_FLOAT, USER_FLOAT, MANY_ROUNDS))
            return;
        EXPECT(check, !pair.a.killed && pair.a.status == 11, "the first ended with %ld",
               pair.a.status);
        EXPECT(check, !pair.b.killed && pair.b.status == 22, "the second ended with %ld",
               pair.b.status);
        traps = fpu_traps - before;
    }
    print("# the unit changed hands %u times\n", traps);
    EXPECT(check, traps >= 3, "the unit changed hands %u times", traps);
    EXPECT(check, pair.a.thread.preemptions > 0, "nobody was taken off the CPU");
}

/* One that has no use for the unit costs nothing: it is not asked to give it back. */
static void unit_is_lent_lazily(struct check *check)
{
    uint32_t before = fpu_traps;
    if (skip_without_timer(check) || !run_pair(check, USER_FLOAT, USER_COUNTER, MANY_ROUNDS))
        return;
    EXPECT(check, pair.a.status == 11 && pair.b.status == 22, "they ended with %ld and %ld",
           pair.a.status, pair.b.status);
    EXPECT(check, fpu_traps - before == 1, "%u traps for one that uses the unit",
           fpu_traps - before);
}

static void wild_pointer(struct check *check)
{
    if (!run_pair(check, USER_WILD, USER_COUNTER, ROUNDS))
        return;
    EXPECT(check, pair.a.killed && pair.a.fault_address == USER_WILD_ADDRESS,
           "killed: %d, address %lx", pair.a.killed, pair.a.fault_address);
    EXPECT(check, !pair.b.killed && pair.b.status == 22, "the other ended with %ld", pair.b.status);
}

static void spy_at(struct check *check, uintptr_t address)
{
    static struct process spy;
    struct process_start start = {33, USER_SPY, address, NULL};
    if (!EXPECT(check, process_create(&spy, &start), "no memory for a process"))
        return;
    process_wait(&spy);
    EXPECT(check, spy.killed && spy.fault_address == address, "%lx: killed: %d, address %lx",
           address, spy.killed, spy.fault_address);
}

/* Where the kernel does not run in ring 0, no right of a page keeps user code away from it. */
static void kernel_is_out_of_reach(struct check *check)
{
    const uintptr_t addresses[] = {
        (uintptr_t)&cpus[0],
        (uintptr_t)direct(kernel_space),
        (uintptr_t)direct(virt_to_phys(&cpus[0])),
        thread_current()->stack - PAGE_BYTES,
        KERNEL_BASE + PAGE_BYTES,
    };
    for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        spy_at(check, addresses[i]);
}

/* Xen gives users a table of its own for each processor where it has to hide from them, and leaves
 * that table of frames in it, whatever a domain asks for (xen/arch/x86/smpboot.c,
 * setup_cpu_root_pgt). On AMD's processors it has nothing to hide. */
static void frames_are_out_of_reach(struct check *check)
{
    if (boot_info.door == PV_DOOR_XEN_PV && !processor_is_by("AuthenticAMD"))
        skip(check, "Xen shows its table of frames to all users of this processor");
    else
        spy_at(check, XEN_FRAMES);
}

/*
 * A PV guest of Xen has the segment of 32-bit code that Xen's own table offers; elsewhere there is
 * none and the way there faults. Its selector ends like that of this kernel's user code, and
 * whoever looks at no more than the end takes Xen's frame for one of the processor. The kernel's
 * own segments are of no use to a PV guest, and must not be there: they would be of ring 3.
 */
static void other_segment(struct check *check)
{
    const uint16_t segments[] = {XEN_CODE_32, KERNEL_CS | 3, USER_CS};
    for (unsigned i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
        struct process_start start = {33, USER_STRAY, segments[i], NULL};
        if (!EXPECT(check, process_create(&pair.a, &start), "no memory for a process"))
            return;
        process_wait(&pair.a);
        EXPECT(check, pair.a.killed, "in segment %x it was not ended", segments[i]);
    }
}

static void pages_come(struct check *check)
{
    struct process_start start = {33, USER_FAULTER, 16, NULL};
    uint64_t before = pages_free();
    if (!EXPECT(check, process_create(&pair.a, &start), "no memory for a process"))
        return;
    thread_wait(&pair.a.thread);
    EXPECT(check, !pair.a.killed && pair.a.status == 33, "it ended with %ld", pair.a.status);
    uint64_t has = before - pages_free(); /* code, data and stack among them */
    EXPECT(check, has >= 16 + 3, "it has %lu pages", has);
    space_destroy(pair.a.space);
    EXPECT(check, pages_free() == before, "%lu pages before, %lu after", before, pages_free());
}

/* Beyond the lower half of addresses, which ends at USER_END. */
#define NOT_CANONICAL (USER_END + 0x1000)
#define NO_SEGMENT    (0x7f8 | 3)
#define FLAG_TRAP     0x100 /* a debug exception behind each instruction */

/* None of these can be begun with, or go on for more than an instruction. */
static const struct pv_regs impossible_frames[] = {
    {.ss = USER_CS},
    {.ss = NO_SEGMENT},
    {.rip = NOT_CANONICAL},
    {.rip = (uintptr_t)impossible_frames},
    {.rip = XEN_FRAMES},
    {.rsp = NOT_CANONICAL},
    {.rip = NOT_CANONICAL, .rsp = NOT_CANONICAL, .ss = NO_SEGMENT},
    {.rflags = FLAG_TRAP},
};

/* Where a VMM takes frames apart. Elsewhere frames of these segments are not user code's at all. */
static const struct pv_regs impossible_frames_of_vmm[] = {
    {.cs = 0xe02b}, /* Xen's flat segments: data */
    {.cs = 0xe00b}, /* its own code */
    {.cs = 0xe01b}, /* code of ring 1 */
    {.cs = 0xfffb}, /* beyond its table */
};

static void expect_killed(struct check *check, const struct pv_regs *frame, unsigned number)
{
    struct process_start start = {33, USER_COUNTER, 1, frame};
    struct process_start other = {22, USER_COUNTER, FEW_ROUNDS, NULL};
    if (!EXPECT(check, process_create(&pair.b, &other), "no memory for a process"))
        return;
    if (EXPECT(check, process_create(&pair.a, &start), "no memory for a second process")) {
        process_wait(&pair.a);
        EXPECT(check, pair.a.killed, "with frame %u it was not ended", number);
    }
    process_wait(&pair.b);
    EXPECT(check, !pair.b.killed && pair.b.status == 22, "frame %u: the other ended with %ld",
           number, pair.b.status);
}

/* The processor refuses it when the kernel returns to user code, and the kernel is in a trap of its
 * own, with the user's %gs; or Xen does, and shows the trap as one of user code. */
static void impossible_frame(struct check *check)
{
    unsigned count = sizeof(impossible_frames) / sizeof(impossible_frames[0]);
    unsigned of_vmm = sizeof(impossible_frames_of_vmm) / sizeof(impossible_frames_of_vmm[0]);
    for (unsigned i = 0; i < count; i++)
        expect_killed(check, &impossible_frames[i], i);
    for (unsigned i = 0; !privileged() && i < of_vmm; i++)
        expect_killed(check, &impossible_frames_of_vmm[i], count + i);
}

static void memory_comes_back(struct check *check)
{
    uint64_t before = pages_free();
    for (unsigned i = 0; i < 3; i++)
        run_pair(check, i == 0 ? USER_WILD : USER_COUNTER, USER_COUNTER, ROUNDS);
    EXPECT(check, pages_free() == before, "%lu pages before, %lu after", before, pages_free());
}

/* ---- on other CPUs ------------------------------------------------------------------------------
 */

#define PATIENCE_NS (20 * NS_PER_S)

struct elsewhere {
    struct process process;
    struct process_start start;
    bool ran;
};

static void run_elsewhere(void *argument)
{
    struct elsewhere *elsewhere = argument;
    elsewhere->ran = process_run_here(&elsewhere->process, &elsewhere->start);
}

static bool run_on(struct check *check, unsigned cpu, struct elsewhere *elsewhere, uint64_t program)
{
    elsewhere->start = (struct process_start){40 + cpu, program, FEW_ROUNDS, NULL};
    elsewhere->ran = false;
    smp_give(cpu, run_elsewhere, elsewhere);
    return EXPECT(check, smp_done(cpu, PATIENCE_NS) && elsewhere->ran,
                  "CPU %u does not come to an end, or has no memory", cpu);
}

static void on_each_cpu(struct check *check)
{
    static struct elsewhere elsewhere;
    const struct process *process = &elsewhere.process;
    uint64_t before = pages_free();
    if (skip_alone(check))
        return;
    for (unsigned cpu = 1; cpu < smp_count(); cpu++) {
        if (!smp_is_up(cpu) || !run_on(check, cpu, &elsewhere, USER_COUNTER))
            continue;
        EXPECT(check,
               !process->killed && process->status == 40 + (int)cpu && process->system_calls == 2,
               "CPU %u: it ended with %ld after %lu system calls", cpu, process->status,
               process->system_calls);
        if (!run_on(check, cpu, &elsewhere, USER_WILD))
            continue;
        EXPECT(check, process->killed && process->fault_address == USER_WILD_ADDRESS,
               "CPU %u: killed: %d, address %lx", cpu, process->killed, process->fault_address);
    }
    EXPECT(check, pages_free() == before, "%lu pages before, %lu after", before, pages_free());
}

/* ---- at the end of their addresses -------------------------------------------------------------
 */

#define EDGE_ROUNDS 1000000u /* so that it ends in any case */

_Static_assert(USER_LAST_PAGE + PAGE_BYTES == USER_END, "the last page ends where addresses do");

/* Takes its last page away from a process that uses it; what it had counted by then. */
static uint64_t take_last_page(struct check *check, const struct process *process)
{
    uint64_t data = paging_translate(process->space, USER_DATA);
    const volatile uint64_t *count = direct(data + USER_COUNT);
    struct limit limit = limit_in(PATIENCE_NS);
    while (*count == 0 && !limit_passed(&limit))
        thread_yield();
    EXPECT(check, *count != 0, "it does not use its last page");
    uint64_t page = paging_unmap(process->space, USER_LAST_PAGE);
    if (!EXPECT(check, page != 0, "it has no last page"))
        return 0;
    const uint64_t *words = direct(page);
    EXPECT(check, words[0] == process->number && words[PAGE_BYTES / 8 - 1] == process->number,
           "the page holds %lx and %lx", words[0], words[PAGE_BYTES / 8 - 1]);
    page_free(page);
    return *count;
}

/* It may be taken away between two of its accesses to the page. */
static void expect_edge(struct check *check, const struct process *process, uint64_t counted)
{
    EXPECT(check, process->killed && process->fault_address - USER_LAST_PAGE < PAGE_BYTES,
           "killed: %d, address %lx", process->killed, process->fault_address);
    EXPECT(check, counted < EDGE_ROUNDS, "it had come to its end before");
}

static void last_page(struct check *check)
{
    struct process_start start = {33, USER_EDGE, EDGE_ROUNDS, NULL};
    uint64_t before = pages_free();
    if (!EXPECT(check, process_create(&pair.a, &start), "no memory for a process"))
        return;
    uint64_t counted = take_last_page(check, &pair.a);
    process_wait(&pair.a);
    expect_edge(check, &pair.a, counted);
    EXPECT(check, pages_free() == before, "%lu pages before, %lu after", before, pages_free());
}

/* The page is taken away by this CPU, and the other one is to see it. */
static void last_page_elsewhere(struct check *check)
{
    static struct elsewhere elsewhere;
    uint64_t before = pages_free();
    unsigned cpu = smp_count() - 1;
    if (skip_alone(check))
        return;
    elsewhere.start = (struct process_start){40, USER_EDGE_ALONE, EDGE_ROUNDS, NULL};
    elsewhere.process.system_calls = 0;
    elsewhere.ran = false;
    smp_give(cpu, run_elsewhere, &elsewhere);
    struct limit limit = limit_in(PATIENCE_NS);
    while (__atomic_load_n(&elsewhere.process.system_calls, __ATOMIC_ACQUIRE) == 0 &&
           !limit_passed(&limit))
        pv_cpu_relax();
    uint64_t counted = take_last_page(check, &elsewhere.process);
    EXPECT(check, smp_done(cpu, PATIENCE_NS) && elsewhere.ran, "CPU %u does not come to an end",
           cpu);
    expect_edge(check, &elsewhere.process, counted);
    EXPECT(check, pages_free() == before, "%lu pages before, %lu after", before, pages_free());
}

/* The first address beyond is none at all, and a fault of another kind. */
static void beyond_last_page(struct check *check)
{
    static struct process spy;
    struct process_start start = {33, USER_SPY, USER_END, NULL};
    spy_at(check, USER_LAST_PAGE);
    spy_at(check, USER_END - sizeof(uint64_t));
    if (!EXPECT(check, process_create(&spy, &start), "no memory for a process"))
        return;
    process_wait(&spy);
    EXPECT(check, spy.killed, "it read at %lx", USER_END);
}

static const struct test users_tests[] = {
    {"two processes keep their contents apart at the same addresses", kept_apart},
    {"the timer takes the CPU from user code", preempted},
    {"two processes keep their floating-point registers apart", registers_kept},
    {"the floating-point unit stays with the one process that uses it", unit_is_lent_lazily},
    {"a wild pointer ends its process and not the other", wild_pointer},
    {"user code cannot read the kernel's memory", kernel_is_out_of_reach},
    {"nor the table of all the machine's frames, where Xen heeds that", frames_are_out_of_reach},
    {"user code in a code segment that is not the kernel's choice ends only itself", other_segment},
    {"a page of a process comes when it is first used", pages_come},
    {"a process that cannot be returned to ends, and the kernel goes on", impossible_frame},
    {"processes that have ended gave back all of their memory", memory_comes_back},
    {"a process runs on each CPU, makes system calls, and a wild pointer ends it there",
     on_each_cpu},
    {"a process has the last page of its addresses until it is taken away", last_page},
    {"a page at the end of its addresses is taken away from a process on another CPU",
     last_page_elsewhere},
    {"behind the last page that a process has a read ends it", beyond_last_page},
};

const struct test_group users_group = TEST_GROUP(users);
