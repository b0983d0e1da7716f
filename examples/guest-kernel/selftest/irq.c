/* SPDX-License-Identifier: MIT */
/*
 * Vectors, inter-processor interrupts, and lines of the interrupt controllers. The interval timer
 * (8254, channel 0, ISA line 0) is the device at hand; which global interrupt its line is depends
 * on the machine, so both that it can be are routed.
 */
#include "selftest.h"
#include "../cpu.h"
#include "../timer.h"
#include "../traps.h"

#define PIC_MASTER_MASK 0x21
#define PIC_SLAVE_MASK  0xa1
#define PIT_DATA        0x40
#define PIT_COMMAND     0x43
#define PIT_RATE_MODE   0x34 /* channel 0, low and high byte, mode 2 */
#define PIT_LATCH       0x00
#define PIT_1_KHZ       1193
#define SEVERAL         5

static volatile unsigned arrived;
static volatile bool any;

static void count(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
    arrived++;
    any = true;
}

static void vectors_are_distinct(struct check *check)
{
    int a = pv_irq_alloc(count, NULL);
    int b = pv_irq_alloc(count, NULL);
    EXPECT(check, a >= VECTOR_FIRST_IRQ && b >= VECTOR_FIRST_IRQ && a != b, "got %d and %d", a, b);
    pv_irq_free(a);
    int c = pv_irq_alloc(count, NULL);
    EXPECT(check, c == a, "%d was freed and %d came", a, c);
    pv_irq_free(b);
    pv_irq_free(c);
}

static void with_vector(struct check *check, void (*run)(struct check *check, uint8_t vector))
{
    int vector = pv_irq_alloc(count, NULL);
    if (!EXPECT(check, vector >= 0, "no vector: %d", vector))
        return;
    arrived = 0;
    any = false;
    run(check, (uint8_t)vector);
    pv_irq_free(vector);
}

static void send_self(struct check *check, uint8_t vector)
{
    for (unsigned i = 1; i <= 100; i++) {
        any = false;
        pv_smp_ipi(0, vector);
        if (!EXPECT(check, wait_for(&any, NS_PER_S), "number %u did not arrive", i))
            return;
    }
    EXPECT(check, arrived == 100, "%u arrived", arrived);
}

static void send_self_off(struct check *check, uint8_t vector)
{
    pv_irq_disable();
    pv_smp_ipi(0, vector);
    struct limit limit = limit_in(NS_PER_MS);
    while (!limit_passed(&limit))
        pv_cpu_relax();
    unsigned early = arrived;
    pv_irq_enable();
    EXPECT(check, early == 0, "it arrived with interrupts off");
    EXPECT(check, wait_for(&any, NS_PER_S), "it did not arrive afterwards");
}

static void self_ipi(struct check *check)
{
    if (!skip_without_ipi(check))
        with_vector(check, send_self);
}

static void ipi_waits(struct check *check)
{
    if (!skip_without_ipi(check))
        with_vector(check, send_self_off);
}

static void pics_are_masked(struct check *check)
{
    if (skip_without_ports(check))
        return;
    uint8_t master = pv_io_in8(PIC_MASTER_MASK);
    uint8_t slave = pv_io_in8(PIC_SLAVE_MASK);
    EXPECT(check, master == 0xff && slave == 0xff, "masks %x and %x", master, slave);
}

static uint32_t pit_count(void)
{
    pv_io_out8(PIT_COMMAND, PIT_LATCH);
    uint32_t low = pv_io_in8(PIT_DATA);
    return low | (uint32_t)pv_io_in8(PIT_DATA) << 8;
}

static bool pit_start(void)
{
    pv_io_out8(PIT_COMMAND, PIT_RATE_MODE);
    pv_io_out8(PIT_DATA, PIT_1_KHZ & 0xff);
    pv_io_out8(PIT_DATA, PIT_1_KHZ >> 8);
    uint32_t now = pit_count();
    return now <= PIT_1_KHZ;
}

static int set_masked(bool masked)
{
    int zero = pv_irq_mask(0, masked);
    int two = pv_irq_mask(2, masked);
    return zero == PV_OK || two == PV_OK ? PV_OK : two;
}

static void expect_ticks(struct check *check)
{
    struct limit limit = limit_in(5 * NS_PER_S);
    while (arrived < SEVERAL && !limit_passed(&limit))
        pv_cpu_relax();
    EXPECT(check, arrived >= SEVERAL, "%u interrupts in five seconds", arrived);
    set_masked(true);
    unsigned masked_at = arrived;
    sleep_ns(10 * NS_PER_MS);
    EXPECT(check, arrived <= masked_at + 1, "%u came while masked", arrived - masked_at);
}

static void route_pit(struct check *check, uint8_t vector)
{
    int two = pv_irq_route(2, vector, 0);
    int zero = pv_irq_route(0, vector, 0);
    if (two != PV_OK && zero != PV_OK)
        skip(check, "no controller has the line: %d and %d", zero, two);
    else if (!pit_start())
        skip(check, "there is no interval timer");
    else if (EXPECT(check, set_masked(false) == PV_OK, "the line cannot be unmasked"))
        expect_ticks(check);
    set_masked(true);
}

static void line_arrives(struct check *check)
{
    with_vector(check, route_pit);
}

static void absent_line(struct check *check)
{
    int status = pv_irq_route(100000, 64, 0);
    EXPECT(check, status == PV_E_RANGE || status == PV_E_UNSUPPORTED, "status %d", status);
}

static void nothing_unclaimed(struct check *check)
{
    EXPECT(check, unclaimed_irqs == 0, "%u interrupts had no owner", unclaimed_irqs);
}

static const struct test irq_tests[] = {
    {"vectors given out are distinct, and a freed one comes back", vectors_are_distinct},
    {"an interrupt sent to this CPU itself arrives each time", self_ipi},
    {"an interrupt waits while interrupts are off", ipi_waits},
    {"both 8259 controllers are masked", pics_are_masked},
    {"a routed line interrupts, and a masked one does not", line_arrives},
    {"a line that no controller has is refused", absent_line},
    {"no interrupt came that nobody had asked for", nothing_unclaimed},
};

const struct test_group irq_group = TEST_GROUP(irq);
