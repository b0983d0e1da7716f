/* SPDX-License-Identifier: MIT */
/*
 * See host.h.
 */
#define _GNU_SOURCE
#include "host.h"

#include <asm/prctl.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAILBOX       64u
#define SIGNAL_STACK  (256u * 1024u)
#define TRAP_FLAG     0x100u
#define OBJECT_STRIDE 0x1000000ul

static void die(const char *why)
{
    fprintf(stderr, "host: %s (%s)\n", why, strerror(errno));
    abort();
}

/* ---- text mapped twice ---------------------------------------------------------------------- */

#define RANGES 16
static struct host_range ranges[RANGES];

unsigned long host_aliases;
long host_aliases_left = -1;
bool host_alias_maps;

static struct host_range *range_of(uintptr_t text)
{
    for (unsigned i = 0; i < RANGES; i++)
        if (ranges[i].bytes != 0 && text - (uintptr_t)ranges[i].rx < ranges[i].bytes)
            return &ranges[i];
    return NULL;
}

static void range_keep(struct host_range range)
{
    for (unsigned i = 0; i < RANGES; i++) {
        if (ranges[i].bytes == 0) {
            ranges[i] = range;
            return;
        }
    }
    die("too many ranges of text");
}

static void *alias_open;

static void *text_alias(uintptr_t text, size_t bytes)
{
    struct host_range *range = range_of(text);

    host_aliases++;
    if (host_aliases_left == 0)
        return NULL;
    if (host_aliases_left > 0)
        host_aliases_left--;
    if (range == NULL || text % HOST_PAGE != 0 || (bytes != HOST_PAGE && bytes != 2 * HOST_PAGE) ||
        text + bytes > (uintptr_t)range->rx + range->bytes || alias_open != NULL)
        die("an alias was asked for that the contract does not allow");
    size_t offset = text - (uintptr_t)range->rx;
    alias_open = range->rw + offset;
    if (host_alias_maps)
        alias_open =
            mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, range->file, (off_t)offset);
    if (alias_open == MAP_FAILED)
        die("mmap of an alias");
    return alias_open;
}

static void text_unalias(void *alias, size_t bytes)
{
    if (alias != alias_open)
        die("an alias was ended that was not open");
    if (host_alias_maps)
        munmap(alias, bytes);
    alias_open = NULL;
}

static uintptr_t page_up(uintptr_t address)
{
    return (address + HOST_PAGE - 1) & ~(uintptr_t)(HOST_PAGE - 1);
}

/* The test's own executable segment: its pages are replaced by equal ones of a memfd. */
static int remap_program(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    (void)argument;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) == 0)
            continue;
        uintptr_t start = (info->dlpi_addr + segment->p_vaddr) & ~(uintptr_t)(HOST_PAGE - 1);
        uintptr_t end = page_up(info->dlpi_addr + segment->p_vaddr + segment->p_memsz);
        size_t bytes = end - start;
        int file = memfd_create("text", 0);
        if (file < 0 || ftruncate(file, (off_t)bytes) != 0)
            die("memfd");
        uint8_t *rw = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (rw == MAP_FAILED)
            die("mmap of the program's alias");
        memcpy(rw, (const void *)start, bytes);
        if (mmap((void *)start, bytes, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, file, 0) ==
            MAP_FAILED)
            die("mmap of the program's text");
        range_keep((struct host_range){(uint8_t *)start, rw, bytes, file});
        host_platform.text_start = start;
        host_platform.text_end = end;
    }
    return 1; /* the program is the first; no more */
}

/* A free place; near: within reach of a rel32 from the library's data. */
static void *map_at_free(size_t bytes, int protection, int file, bool far)
{
    uintptr_t base = (uintptr_t)&pv_ops & ~(uintptr_t)(OBJECT_STRIDE - 1);
    uintptr_t at = base + (far ? 0x200000000ul : 0x2000000ul);
    int flags = (file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED) | MAP_FIXED_NOREPLACE;

    for (unsigned tries = 0; tries < 96; tries++, at += OBJECT_STRIDE) {
        void *got = mmap((void *)at, bytes, protection, flags, file, 0);
        if (got == (void *)at)
            return got;
        if (got != MAP_FAILED)
            munmap(got, bytes);
    }
    die("no room near the library");
    return NULL;
}

struct host_range host_text_make(size_t bytes, bool far)
{
    size_t whole = page_up(bytes);
    int file = memfd_create("object", 0);

    if (file < 0 || ftruncate(file, (off_t)whole) != 0)
        die("memfd");
    /* An inaccessible page behind the text: who reads too far is caught. */
    uint8_t *rx = map_at_free(whole + HOST_PAGE, PROT_READ | PROT_EXEC, file, far);
    uint8_t *rw = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (rw == MAP_FAILED || mprotect(rx + whole, HOST_PAGE, PROT_NONE) != 0)
        die("mmap");
    memset(rw, PV_INT3, whole);
    struct host_range range = {rx, rw, whole, file};
    range_keep(range);
    return range;
}

void host_text_free(struct host_range *range)
{
    struct host_range *kept = range_of((uintptr_t)range->rx);

    munmap(range->rx, range->bytes + HOST_PAGE);
    munmap(range->rw, range->bytes);
    close(range->file);
    *kept = (struct host_range){NULL, NULL, 0, 0};
    *range = *kept;
}

void *host_data_make(size_t bytes)
{
    size_t whole = page_up(bytes);
    uint8_t *data = map_at_free(whole + HOST_PAGE, PROT_READ | PROT_WRITE, -1, false);

    if (mprotect(data + whole, HOST_PAGE, PROT_NONE) != 0)
        die("mprotect");
    return data + (whole - bytes);
}

void host_data_free(void *data, size_t bytes)
{
    size_t whole = page_up(bytes);

    munmap((uint8_t *)data - (whole - bytes), whole + HOST_PAGE);
}

void host_assert_no_wx(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];

    if (maps == NULL)
        die("/proc/self/maps");
    while (fgets(line, sizeof(line), maps) != NULL) {
        char permissions[5] = "";
        if (sscanf(line, "%*s %4s", permissions) == 1 && permissions[1] == 'w')
            assert_int_not_equal(permissions[2], 'x');
    }
    fclose(maps);
}

/* ---- CPUs ----------------------------------------------------------------------------------- */

struct request {
    void (*function)(void *argument, const struct pv_regs *regs);
    void *argument;
};

struct host_block {
    uint64_t head[PV_CONFIG_CPU_OFFSET / 8];
    struct pv_cpu cpu;
    uint64_t kernel_stack;
    struct request mail[MAILBOX];
    unsigned posted;
    unsigned taken;
    bool lost;
    bool present;
    pthread_t thread;
    void (*run)(unsigned number);
} __attribute__((aligned(64)));

static struct host_block blocks[HOST_CPUS];
static bool end_asked;
unsigned host_cpu_count = 1;
unsigned long host_interrupts, host_breakpoints;
unsigned host_kernel_rpl = 3;
unsigned host_patience = HOST_PATIENT;

struct pv_cpu *host_cpu(unsigned number)
{
    return &blocks[number].cpu;
}

static unsigned cpu_count(void)
{
    return host_cpu_count;
}

static void signal_stack_set(void)
{
    void *stack =
        mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t signal_stack = {.ss_sp = stack, .ss_size = SIGNAL_STACK};

    if (stack == MAP_FAILED || sigaltstack(&signal_stack, NULL) != 0)
        die("sigaltstack");
}

void host_become_cpu(unsigned number)
{
    struct host_block *block = &blocks[number];

    pv_cpu_setup(&block->cpu, number);
    block->cpu.kernel_stack_slot = &block->kernel_stack;
    if (syscall(SYS_arch_prctl, ARCH_SET_GS, block) != 0)
        die("arch_prctl");
    block->thread = pthread_self();
    __atomic_store_n(&block->present, true, __ATOMIC_RELEASE);
}

void host_pretend_cpu(unsigned number, void (*function)(void *argument, const struct pv_regs *regs),
                      void *argument, const struct pv_regs *regs)
{
    struct host_block *self = &blocks[pv_this_cpu()->number];

    if (blocks[number].cpu.self == NULL)
        pv_cpu_setup(&blocks[number].cpu, number);
    syscall(SYS_arch_prctl, ARCH_SET_GS, &blocks[number]);
    function(argument, regs);
    syscall(SYS_arch_prctl, ARCH_SET_GS, self);
}

static void *cpu_main(void *argument)
{
    struct host_block *block = argument;
    stack_t before;

    sigaltstack(NULL, &before);
    signal_stack_set();
    prctl(PR_SET_TIMERSLACK, 1ul); /* sleep as long as asked, not 50 us more */
    host_become_cpu((unsigned)(block - blocks));
    block->run((unsigned)(block - blocks));
    sigaltstack(&before, NULL);
    return NULL;
}

void host_start_cpu(unsigned number, void (*run)(unsigned number))
{
    pthread_t thread;

    end_asked = false;
    blocks[number].run = run;
    blocks[number].posted = blocks[number].taken = 0;
    blocks[number].lost = false;
    blocks[number].present = false;
    if (pthread_create(&thread, NULL, cpu_main, &blocks[number]) != 0)
        die("pthread_create");
    while (!__atomic_load_n(&blocks[number].present, __ATOMIC_ACQUIRE))
        sched_yield();
    if (host_cpu_count <= number)
        host_cpu_count = number + 1;
}

void host_join_cpus(void)
{
    unsigned count = host_cpu_count;

    __atomic_store_n(&end_asked, true, __ATOMIC_RELEASE);
    host_cpu_count = 1;
    for (unsigned i = 1; i < count; i++)
        pthread_join(blocks[i].thread, NULL);
}

bool host_asked_to_end(void)
{
    return __atomic_load_n(&end_asked, __ATOMIC_ACQUIRE);
}

static void take_mail(struct host_block *block, const struct pv_regs *regs)
{
    while (!__atomic_load_n(&block->lost, __ATOMIC_ACQUIRE) &&
           block->taken != __atomic_load_n(&block->posted, __ATOMIC_ACQUIRE)) {
        struct request request = block->mail[block->taken % MAILBOX];
        __atomic_store_n(&block->taken, block->taken + 1, __ATOMIC_RELEASE);
        request.function(request.argument, regs);
    }
}

void host_take_interrupts(const struct pv_regs *regs)
{
    take_mail(&blocks[pv_this_cpu()->number], regs);
}

void host_sleep_us(unsigned us)
{
    struct timespec pause = {us / 1000000, us % 1000000 * 1000};

    nanosleep(&pause, NULL);
}

static bool has_taken(const struct host_block *block)
{
    return __atomic_load_n(&block->lost, __ATOMIC_ACQUIRE) ||
           __atomic_load_n(&block->taken, __ATOMIC_ACQUIRE) == block->posted;
}

static void run_on_others(void (*function)(void *argument, const struct pv_regs *regs),
                          void *argument)
{
    unsigned self = pv_this_cpu()->number;

    for (unsigned i = 0; i < host_cpu_count; i++) {
        struct host_block *block = &blocks[i];
        if (i == self)
            continue;
        /* A mailbox that is full has lost its interrupts for long. */
        if (block->posted - __atomic_load_n(&block->taken, __ATOMIC_ACQUIRE) == MAILBOX)
            continue;
        block->mail[block->posted % MAILBOX] = (struct request){function, argument};
        __atomic_store_n(&block->posted, block->posted + 1, __ATOMIC_RELEASE);
        pthread_kill(block->thread, SIGUSR1);
    }
    /* Threads share processors: without this the caller would spin while they wait for one. */
    for (unsigned i = 0; i < host_cpu_count; i++)
        for (unsigned tries = 0; i != self && tries < 10000 && !has_taken(&blocks[i]); tries++)
            sched_yield();
}

void host_interrupts_lost(unsigned number)
{
    __atomic_store_n(&blocks[number].lost, true, __ATOMIC_RELEASE);
}

void host_interrupts_arrive(unsigned number)
{
    __atomic_store_n(&blocks[number].lost, false, __ATOMIC_RELEASE);
    pthread_kill(blocks[number].thread, SIGUSR1);
}

/* ---- traps ---------------------------------------------------------------------------------- */

bool (*host_declined)(struct pv_regs *regs);
void (*host_stepped)(struct pv_regs *regs);

static const int register_order[] = {REG_R15, REG_R14, REG_R13, REG_R12, REG_RBP,
                                     REG_RBX, REG_R11, REG_R10, REG_R9,  REG_R8,
                                     REG_RAX, REG_RCX, REG_RDX, REG_RSI, REG_RDI};
#define ORDERED (sizeof(register_order) / sizeof(register_order[0]))

void host_regs_from(struct pv_regs *regs, const ucontext_t *context, unsigned vector)
{
    const greg_t *from = context->uc_mcontext.gregs;
    uint64_t ordered[ORDERED];

    for (unsigned i = 0; i < ORDERED; i++)
        ordered[i] = (uint64_t)from[register_order[i]];
    memcpy(regs, ordered, sizeof(ordered));
    regs->vector = vector;
    regs->error = 0;
    regs->rip = (uint64_t)from[REG_RIP];
    regs->cs = (uint64_t)from[REG_CSGSFS] & 0xffff;
    regs->rflags = (uint64_t)from[REG_EFL];
    regs->rsp = (uint64_t)from[REG_RSP];
    regs->ss = (uint64_t)from[REG_CSGSFS] >> 48;
}

void host_regs_to(const struct pv_regs *regs, ucontext_t *context)
{
    greg_t *to = context->uc_mcontext.gregs;
    uint64_t ordered[ORDERED];

    memcpy(ordered, regs, sizeof(ordered));
    for (unsigned i = 0; i < ORDERED; i++)
        to[register_order[i]] = (greg_t)ordered[i];
    to[REG_RIP] = (greg_t)regs->rip;
    to[REG_RSP] = (greg_t)regs->rsp;
    to[REG_EFL] = (greg_t)regs->rflags;
}

static void on_trap(int number, siginfo_t *info, void *argument)
{
    ucontext_t *context = argument;
    struct pv_regs regs;

    (void)number;
    host_regs_from(&regs, context, PV_TRAP_BREAKPOINT);
    if (info->si_code == TRAP_TRACE) {
        if (host_stepped != NULL)
            host_stepped(&regs);
    } else if (pv_trap(PV_TRAP_BREAKPOINT, &regs)) {
        __atomic_add_fetch(&host_breakpoints, 1, __ATOMIC_RELAXED);
        sched_yield(); /* to who changes text: until then each turn ends here */
    } else if (host_declined == NULL || !host_declined(&regs)) {
        static const char why[] = "host: a breakpoint that nobody wants\n";
        (void)!write(2, why, sizeof(why) - 1);
        _exit(1);
    }
    host_regs_to(&regs, context);
}

static void on_interrupt(int number, siginfo_t *info, void *argument)
{
    struct pv_regs regs;

    (void)number;
    (void)info;
    host_regs_from(&regs, argument, 32);
    __atomic_add_fetch(&host_interrupts, 1, __ATOMIC_RELAXED);
    host_take_interrupts(&regs);
}

static sigjmp_buf back;
static volatile bool back_set;
static volatile uintptr_t illegal_at;
static const char *volatile panicked_with;

static void on_illegal(int number, siginfo_t *info, void *argument)
{
    (void)number;
    (void)argument;
    if (!back_set)
        _exit(2);
    illegal_at = (uintptr_t)info->si_addr;
    siglongjmp(back, 1);
}

static void panic(const char *why)
{
    if (!back_set) {
        fprintf(stderr, "host: panic: %s\n", why);
        abort();
    }
    panicked_with = why;
    siglongjmp(back, 1);
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigfillset(&action.sa_mask);
    sigdelset(&action.sa_mask, SIGSEGV);
    sigdelset(&action.sa_mask, SIGABRT);
    if (sigaction(number, &action, NULL) != 0)
        die("sigaction");
}

/* cmocka has a handler of its own for SIGILL in each test. */
static void run_guarded(void (*call)(void))
{
    illegal_at = 0;
    panicked_with = NULL;
    handle(SIGILL, on_illegal);
    back_set = true;
    if (sigsetjmp(back, 1) == 0)
        call();
    back_set = false;
}

uintptr_t host_illegal_at(void (*call)(void))
{
    run_guarded(call);
    return illegal_at;
}

const char *host_panic_of(void (*call)(void))
{
    run_guarded(call);
    return panicked_with;
}

__attribute__((noinline)) void host_step_begin(void)
{
    __asm__ volatile("pushfq; orq %0, (%%rsp); popfq" ::"i"(TRAP_FLAG) : "memory", "cc");
}

__attribute__((noinline)) void host_step_end(void)
{
    __asm__ volatile("pushfq; andq %0, (%%rsp); popfq" ::"i"(~TRAP_FLAG) : "memory", "cc");
}

/* ---- the library ---------------------------------------------------------------------------- */

struct pv_platform host_platform;

static void once(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    dl_iterate_phdr(remap_program, NULL);
    prctl(PR_SET_TIMERSLACK, 1ul);
    signal_stack_set();
    handle(SIGTRAP, on_trap);
    handle(SIGUSR1, on_interrupt);
}

void host_start(const char *backend)
{
    static struct pv_boot_info boot;

    once();
    uintptr_t start = host_platform.text_start;
    uintptr_t end = host_platform.text_end;
    host_platform = (struct pv_platform){
        .text_start = start,
        .text_end = end,
        .panic = panic,
        .text_alias = text_alias,
        .text_unalias = text_unalias,
        .cpu_count = cpu_count,
        .cpu = host_cpu,
        .run_on_others = run_on_others,
    };
    host_declined = NULL;
    host_stepped = NULL;
    host_aliases_left = -1;
    host_patience = HOST_PATIENT;
    host_cpu_count = 1;
    memset(&host_alpha, 0, sizeof(host_alpha));
    memset(&host_beta, 0, sizeof(host_beta));
    memset(&host_gamma, 0, sizeof(host_gamma));
    memset(&host_delta, 0, sizeof(host_delta));
    host_become_cpu(0);
    snprintf(boot.cmdline, sizeof(boot.cmdline), "backend=%s", backend);
    assert_int_equal(pv_early_init(&host_platform, &boot, NULL), PV_OK);
    assert_string_equal(pv_backend->name, backend);
}

void host_start_patched(const char *backend)
{
    host_start(backend);
    struct pv_error error = {0};
    if (pv_init(&error) != PV_OK)
        fail_msg("pv_init: %s", error.what);
}

void host_stop(void)
{
    struct pv_error error = {0};

    host_aliases_left = -1;
    if (pv_unpatch(&error) != PV_OK)
        fail_msg("pv_unpatch: %s at %lx", error.what, (unsigned long)error.where);
    host_assert_no_wx();
}

/* ---- objects -------------------------------------------------------------------------------- */

void host_object_make(struct host_object *object, size_t bytes, size_t records)
{
    memset(object, 0, sizeof(*object));
    object->range = host_text_make(bytes, false);
    object->room = records;
    object->records = host_data_make(records * sizeof(struct pv_site));
    object->text = (struct pv_text){(uintptr_t)object->range.rx,
                                    (uintptr_t)object->range.rx + object->range.bytes,
                                    object->records, 0, NULL};
}

void host_object_free(struct host_object *object)
{
    host_data_free(object->records, object->room * sizeof(struct pv_site));
    host_text_free(&object->range);
}

int host_stop_and_free(void **state)
{
    host_stop();
    host_object_free(*state);
    return 0;
}

uintptr_t host_object_site_at(struct host_object *object, size_t at, enum pv_op_id op)
{
    unsigned length = host_length(op);
    uintptr_t site = (uintptr_t)object->range.rx + at;
    uint8_t *to = object->range.rw + at;
    struct pv_site *record = &object->records[object->text.count];

    if (object->text.count == object->room || at + length + 1 > object->range.bytes)
        die("the object is full");
    memset(to, 0x2e, length - 6);
    if (length > 15)
        to[length - 16] = 0x90;
    int32_t distance = (int32_t)((intptr_t)&pv_ops + (intptr_t)op * 8 - (intptr_t)(site + length));
    to[length - 6] = 0xff;
    to[length - 5] = 0x15;
    memcpy(to + length - 4, &distance, 4);
    to[length] = 0xc3; /* ret */
    *record = (struct pv_site){(int32_t)((intptr_t)site - (intptr_t)record), (uint16_t)op,
                               (uint8_t)length, 0};
    object->text.count++;
    object->used = at + length + 1;
    return site;
}

uintptr_t host_object_site(struct host_object *object, enum pv_op_id op)
{
    return host_object_site_at(object, object->used, op);
}
