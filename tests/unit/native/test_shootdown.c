/* SPDX-License-Identifier: MIT */
/*
 * Dropping translations on other CPUs (backends/native/shootdown.c): what a range is, to its very
 * end, and that a request is whole while somebody may ask in between. The file is included.
 */
#include "fake.h"

#include <string.h>

#include "backends/native/shootdown.c"

void pv_wait_pause(const struct pv_cpu *cpu, unsigned look)
{
    (void)cpu;
    (void)look;
}

#define LAST_PAGE 0xfffffffffffff000ull

static unsigned dropped, dropped_all, sent;
static uint64_t first_dropped, last_dropped;
static bool irqs_off;
static struct pv_cpu other;
static void (*on_irqs_on)(void); /* what comes as soon as it can */

void pv_native_tlb_flush_all(void)
{
    dropped_all++;
}

void pv_native_tlb_invlpg(uint64_t address)
{
    assert_true(dropped < 1000);
    if (dropped++ == 0)
        first_dropped = address;
    last_dropped = address;
}

bool pv_native_apic_present(void)
{
    return true;
}

uint64_t pv_native_ticks(uint64_t ns)
{
    return ns;
}

int pv_irq_alloc(pv_irq_handler handler, void *context)
{
    (void)handler;
    (void)context;
    return 77;
}

/* A site loses rax and nothing else. */
__attribute__((no_caller_saved_registers, target("general-regs-only"))) static struct pv_irqflags
save(void)
{
    if (on_irqs_on != NULL && !irqs_off) {
        void (*come)(void) = on_irqs_on;
        on_irqs_on = NULL;
        come();
    }
    irqs_off = true;
    return (struct pv_irqflags){0};
}

static void restore(struct pv_irqflags flags)
{
    (void)flags;
    irqs_off = false;
}

/* The other CPU does at once what it is asked. */
static void send(const struct pv_cpu_set *cpus, uint8_t vector_sent)
{
    assert_true(irqs_off);
    assert_int_equal(vector_sent, 77);
    assert_true(pv_cpu_set_has(cpus, 1));
    sent++;
    drop(requests[0].start, requests[0].end);
    take_out(&requests[0], 1);
}

static unsigned count(void)
{
    return 2;
}

static struct pv_cpu *cpu_by_number(unsigned number)
{
    return number == 1 ? &other : NULL;
}

static int start(void **state)
{
    (void)state;
    fake_reset();
    fake_platform.cpu_count = count;
    fake_platform.cpu = cpu_by_number;
    memset(requests, 0, sizeof(requests));
    dropped = dropped_all = sent = 0;
    irqs_off = false;
    on_irqs_on = NULL;
    pv_ops.irq_save = (struct pv_irqflags(*)(void))(uintptr_t)save;
    pv_ops.irq_restore = restore;
    pv_ops.smp_ipi_many = send;
    pv_native_shootdown_init();
    return 0;
}

static void a_range_is_every_page_that_it_touches(void **state)
{
    (void)state;
    drop(0x1fff, 0x3001);
    assert_int_equal(dropped, 3);
    assert_true(first_dropped == 0x1000 && last_dropped == 0x3000);
}

static void an_empty_range_is_nothing(void **state)
{
    (void)state;
    drop(0x5000, 0x5000);
    assert_int_equal(dropped + dropped_all, 0);
}

static void the_last_page_of_all_is_a_page(void **state)
{
    static const uint64_t ends[] = {LAST_PAGE + 1, UINT64_MAX - 1, 0};

    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        start(state);
        drop(LAST_PAGE, ends[i]);
        assert_int_equal(dropped, 1);
        assert_true(first_dropped == LAST_PAGE);
    }
    start(state);
    drop(LAST_PAGE - 0x1000, 0);
    assert_int_equal(dropped, 2);
    assert_int_equal(dropped_all, 0);
}

static void a_large_range_or_all_is_everything(void **state)
{
    (void)state;
    drop(0, (MOST_PAGES + 1) * 0x1000);
    drop(LAST_PAGE, UINT64_MAX);
    drop(0, UINT64_MAX);
    assert_int_equal(dropped, 0);
    assert_int_equal(dropped_all, 3);
    drop(0, MOST_PAGES * 0x1000);
    assert_int_equal(dropped, MOST_PAGES);
}

static int ask_for(uint64_t at)
{
    struct pv_cpu_set set = {{0}};

    pv_cpu_set_add(&set, 1);
    return pv_native_tlb_flush_others(&set, at, at + 1);
}

static void handler(void)
{
    assert_int_equal(ask_for(0x9000), PV_OK);
    assert_true(last_dropped == 0x9000);
}

static void a_handler_that_asks_does_not_change_what_it_interrupts(void **state)
{
    (void)state;
    on_irqs_on = handler;
    assert_int_equal(ask_for(0x4000), PV_OK);
    assert_int_equal(sent, 2);
    assert_true(last_dropped == 0x4000);
}

#define EACH(test) cmocka_unit_test_setup(test, start)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        EACH(a_range_is_every_page_that_it_touches),
        EACH(an_empty_range_is_nothing),
        EACH(the_last_page_of_all_is_a_page),
        EACH(a_large_range_or_all_is_everything),
        EACH(a_handler_that_asks_does_not_change_what_it_interrupts),
    };

    return cmocka_run_group_tests_name("dropping translations", tests, NULL, NULL);
}
