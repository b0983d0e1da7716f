/* SPDX-License-Identifier: MIT */
/*
 * Dropping translations on other CPUs, by an inter-processor interrupt: each CPU has one request of
 * its own, and each CPU that the request is for takes itself out of it when it has done it. There
 * is no lock, so that two CPUs that ask each other with interrupts off can serve each other while
 * they wait. Intel SDM vol. 3A, 4.10.5.
 */
#include "backends/native/native.h"
#include "lib/live.h"
#include "lib/x86/tsc.h"

/* From so many pages on, dropping everything is less work. */
#define MOST_PAGES 32u
#define PAGE_SHIFT 12

#define PATIENCE_NS 2000000000ull

struct request {
    uint64_t start;
    uint64_t end;
    struct pv_cpu_set left; /* who has not done it yet */
} __attribute__((aligned(64)));

static struct request requests[PV_CONFIG_MAX_CPUS];
static int vector = PV_E_FULL;

/* Counted in pages, since an end behind the last one of all is 0. */
PV_COLD static void drop(uint64_t start, uint64_t end)
{
    uint64_t page = start >> PAGE_SHIFT;
    uint64_t pages = ((end - 1) >> PAGE_SHIFT) + 1 - page;

    if (end == UINT64_MAX || pages > MOST_PAGES) {
        pv_native_tlb_flush_all();
        return;
    }
    for (; pages != 0; pages--)
        pv_native_tlb_invlpg(page++ << PAGE_SHIFT);
}

PV_COLD static void take_out(struct request *request, uint32_t cpu)
{
    __atomic_and_fetch(&request->left.bits[cpu / 64], ~((uint64_t)1 << cpu % 64), __ATOMIC_RELEASE);
}

PV_COLD static bool is_left(const struct request *request, uint32_t cpu)
{
    return __atomic_load_n(&request->left.bits[cpu / 64], __ATOMIC_ACQUIRE) >> cpu % 64 & 1;
}

/* Interrupts off: a request that is done twice at the same time could be taken for the next one. */
PV_COLD static void serve_all(void)
{
    uint32_t self = pv_this_cpu()->number;

    for (unsigned sender = 0; sender < PV_CONFIG_MAX_CPUS; sender++) {
        struct request *request = &requests[sender];
        if (!is_left(request, self))
            continue;
        drop(request->start, request->end);
        take_out(request, self);
    }
}

PV_COLD static void on_request(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
    serve_all();
}

/* One that has not done it; NULL: none. Who has gone since he was asked has nothing to drop. */
PV_COLD static const struct pv_cpu *who_is_left(struct request *request)
{
    const struct pv_cpu *left = NULL;

    for (uint32_t number = 0; number < PV_CONFIG_MAX_CPUS; number++) {
        if (!is_left(request, number))
            continue;
        const struct pv_cpu *cpu = pv_cpu_of(number);
        if (cpu == NULL)
            take_out(request, number);
        else
            left = cpu;
    }
    return left;
}

PV_COLD static bool gets_done(struct request *request)
{
    uint64_t start = pv_tsc_read();
    uint64_t ticks = pv_native_ticks(PATIENCE_NS);
    unsigned looks = 0;

    for (const struct pv_cpu *left; (left = who_is_left(request)) != NULL;) {
        if (pv_tsc_read() - start >= ticks)
            return false;
        struct pv_irqflags flags = pv_irq_save_seldom();
        serve_all();
        pv_irq_restore(flags);
        pv_wait_pause(left, looks++);
    }
    return true;
}

PV_COLD static void ask(struct request *request, const struct pv_cpu_set *cpus)
{
    uint32_t self = pv_this_cpu()->number, last = pv_other_cpus();
    struct pv_cpu_set asked = {{0}};

    for (uint32_t cpu = 0; cpu <= last && cpu < PV_CONFIG_MAX_CPUS; cpu++) {
        if (cpu == self || !pv_cpu_set_has(cpus, cpu) || pv_cpu_of(cpu) == NULL)
            continue;
        __atomic_or_fetch(&request->left.bits[cpu / 64], (uint64_t)1 << cpu % 64, __ATOMIC_RELEASE);
        pv_cpu_set_add(&asked, cpu);
    }
    pv_smp_ipi_many(&asked, (uint8_t)vector);
}

/*
 * A request that somebody has not done in time stays open for him, and the next one waits for him
 * too: what he was to drop is not forgotten.
 */
PV_COLD int pv_native_tlb_flush_others(const struct pv_cpu_set *cpus, uint64_t start, uint64_t end)
{
    uint32_t self = pv_this_cpu()->number;

    if (pv_other_cpus() == 0)
        return PV_OK;
    if (vector < 0 || self >= PV_CONFIG_MAX_CPUS)
        return PV_E_UNSUPPORTED;
    struct request *request = &requests[self];
    if (!gets_done(request))
        return PV_E_TIMEOUT;
    /* A handler may ask too: before this, and then its request is done, or behind. */
    struct pv_irqflags flags = pv_irq_save_seldom();
    bool may_ask = who_is_left(request) == NULL;
    if (may_ask) {
        request->start = start;
        request->end = end;
        ask(request, cpus);
    }
    pv_irq_restore(flags);
    return may_ask && gets_done(request) ? PV_OK : PV_E_TIMEOUT;
}

PV_COLD void pv_native_shootdown_init(void)
{
    if (pv_native_apic_present())
        vector = pv_irq_alloc(on_request, NULL);
}

/* Who was asked and goes has done it by going. */
PV_COLD void pv_native_shootdown_cpu_leave(void)
{
    serve_all();
}
