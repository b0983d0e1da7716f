/* SPDX-License-Identifier: MIT */
/*
 * Parts of the library on this machine, without any VMM, beside the least that their work can cost.
 *
 *   host BENCHMARK TURNS    does it so often, in a function called measured(), and prints how many
 *                           TSC cycles that took
 *
 * %gs points at a CPU's block, as in a kernel: programs of Linux on x86-64 do not use it.
 */
#include <asm/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/native/native.h"
#include "lib/clock.h"
#include "lib/lock.h"
#include "lib/pvclock.h"
#include "lib/x86/tsc.h"

#define SITE_BYTES 6
#define SITES      10000u

static struct {
    uint8_t head[PV_CONFIG_CPU_OFFSET];
    struct pv_cpu cpu;
} block __attribute__((aligned(64)));

static struct pv_cpu *cpu_of(unsigned number)
{
    (void)number;
    return &block.cpu;
}

static const struct pv_platform platform = {.cpu = cpu_of};
const struct pv_platform *pv_platform = &platform;
uint32_t pv_tsc_khz_value = 1000000;
volatile uint32_t *pv_native_eoi; /* named by backends/native/ops.S */

static struct pv_irqflags irq_save(void)
{
    return (struct pv_irqflags){0};
}

static void irq_restore(struct pv_irqflags flags)
{
    (void)flags;
}

static void wait(const uint8_t *byte, uint8_t value)
{
    (void)byte;
    (void)value;
}

static void kick(uint32_t cpu)
{
    (void)cpu;
}

struct pv_ops pv_ops = {.irq_save = irq_save,
                        .irq_restore = irq_restore,
                        .cpu_relax = pv_native_cpu_relax,
                        .lock_acquire = pv_native_lock_acquire,
                        .lock_release = pv_native_lock_release,
                        .lock_wait = wait,
                        .lock_kick = kick};

void pv_log(const char *text)
{
    fprintf(stderr, "%s\n", text);
    exit(1);
}

/* One count of the TSC is a nanosecond: multiplier 2^31, shift 1. */
static volatile struct pv_pvclock_record record = {
    .version = 2, .tsc_to_system_mul = 0x80000000u, .tsc_shift = 1, .flags = PV_PVCLOCK_STABLE};

static int add(struct pv_cpu *cpu, volatile struct pv_pvclock_record **where)
{
    (void)cpu;
    *where = &record;
    return PV_OK;
}

static uint64_t base_ns(void)
{
    return 0;
}

static const struct pv_pvclock_source source = {.name = "host", .add = add, .base_ns = base_ns};

static void start_clock(void)
{
    pv_pvclock_begin(&source);
    pv_pvclock_start(true);
    if (!pv_pvclock_in_use())
        exit(1);
}

static uint64_t ordered_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

static struct pv_spinlock lock = PV_SPINLOCK_FREE;
static uint8_t test_and_set;
static uint8_t text[SITES * (SITE_BYTES + 2)], contents[SITE_BYTES];

static void nothing(void)
{
}

static void read_clock(void)
{
    (void)pv_pvclock_ns();
}

static void read_tsc(void)
{
    (void)ordered_tsc();
}

static void lock_pair(void)
{
    pv_native_lock_acquire(&lock);
    pv_native_lock_release(&lock);
}

static void test_and_set_pair(void)
{
    while (__atomic_exchange_n(&test_and_set, 1, __ATOMIC_ACQUIRE) != 0)
        ;
    __atomic_store_n(&test_and_set, 0, __ATOMIC_RELEASE);
}

static void copy_site(void)
{
    static unsigned next;
    uint8_t *at = &text[next * (SITE_BYTES + 2)];
    next = (next + 1) % SITES;
    __asm__ volatile("" : "+r"(at));
    memcpy(at, contents, sizeof(contents));
}

static const struct {
    const char *name;
    void (*prepare)(void);
    void (*once)(void);
} benchmarks[] = {
    {"empty", NULL, nothing},
    {"clock", start_clock, read_clock},
    {"clock_limit", NULL, read_tsc},
    {"lock", NULL, lock_pair},
    {"lock_limit", NULL, test_and_set_pair},
    {"patch_limit", NULL, copy_site},
};

/* The indirect call is the same for all: half of what is compared would otherwise be inlined. */
__attribute__((noinline)) void measured(void (*once)(void), unsigned long turns);
__attribute__((noinline)) void measured(void (*once)(void), unsigned long turns)
{
    while (turns-- > 0)
        once();
}

int main(int count, char **words)
{
    block.cpu.self = &block.cpu;
    if (count != 3 || syscall(SYS_arch_prctl, ARCH_SET_GS, &block) != 0)
        return 2;
    for (unsigned i = 0; i < sizeof(benchmarks) / sizeof(benchmarks[0]); i++) {
        if (strcmp(benchmarks[i].name, words[1]) != 0)
            continue;
        if (benchmarks[i].prepare != NULL)
            benchmarks[i].prepare();
        measured(benchmarks[i].once, 1000);
        uint64_t start = ordered_tsc();
        measured(benchmarks[i].once, strtoul(words[2], NULL, 10));
        printf("%llu\n", (unsigned long long)(ordered_tsc() - start));
        return 0;
    }
    fprintf(stderr, "%s: no such benchmark\n", words[1]);
    return 2;
}
