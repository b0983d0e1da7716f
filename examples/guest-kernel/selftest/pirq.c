/* SPDX-License-Identifier: MIT */
/*
 * Real interrupts. Of a PV guest that owns the hardware: the line of a serial port, whose empty
 * transmitter interrupts whenever it is asked to (PC16550D data sheet, section 8), and the message
 * (MSI) of a network card. Wherever there is such a card: its line, which is up for as long as
 * there is a reason.
 */
#include "backends/xen/pirq.h"
#include "card.h"
#include "selftest.h"
#include "../cpu.h"
#include "../smp.h"
#include "../timer.h"

#define TIMES       100u
#define TIMES_THERE 20u
#define TIMES_LEFT  10u

#define COM2             0x2f8
#define COM2_GSI         3u
#define COM2_INTERRUPTS  (COM2 + 1)
#define COM2_IDENTITY    (COM2 + 2)
#define COM2_MODEM       (COM2 + 4)
#define COM2_LINE_STATUS (COM2 + 5)
#define NO_PORT          0xff
#define WHEN_EMPTY       0x02
#define OUT2             0x08

static volatile unsigned arrived;
static volatile uint32_t arrived_on; /* the number of a CPU */
static volatile bool any;

static void count(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
    arrived_on = pv_this_cpu()->number;
    arrived++;
    any = true;
}

static bool skip_without_lines(struct check *check)
{
    bool none = privileged() || pv_irq_mask(COM2_GSI, true) == PV_E_UNSUPPORTED;
    if (none)
        skip(check, "this is no PV guest that owns the hardware");
    return none;
}

/* Makes something interrupt, again and again: each time is to arrive, and none by itself. Asked
 * again at once, QEMU's card repeats itself. */
static void expect_each(struct check *check, void (*raise)(void))
{
    arrived = 0;
    for (unsigned i = 1; i <= TIMES; i++) {
        any = false;
        raise();
        if (!EXPECT(check, wait_for(&any, NS_PER_S), "number %u did not arrive", i))
            return;
        sleep_ns(NS_PER_MS);
        if (!EXPECT(check, arrived == i, "%u arrived of %u", arrived, i))
            return;
    }
}

static void expect_to_wait(struct check *check, void (*raise)(void), int (*set_masked)(bool masked))
{
    arrived = 0;
    any = false;
    EXPECT(check, set_masked(true) == PV_OK, "it cannot be masked");
    raise();
    sleep_ns(5 * NS_PER_MS);
    EXPECT(check, arrived == 0, "%u came while masked", arrived);
    EXPECT(check, set_masked(false) == PV_OK, "it cannot be unmasked");
    EXPECT(check, wait_for(&any, NS_PER_S), "it did not come afterwards");
}

/* ---- a line ---------------------------------------------------------------------------------- */

static void raise_line(void)
{
    pv_io_out8(COM2_INTERRUPTS, 0);
    (void)pv_io_in8(COM2_IDENTITY);
    pv_io_out8(COM2_INTERRUPTS, WHEN_EMPTY);
}

static int mask_line(bool masked)
{
    return pv_irq_mask(COM2_GSI, masked);
}

static void line_interrupts(struct check *check)
{
    /* A line is not given back, so this is called once. */
    int status = PV_E_UNSUPPORTED;
    int vector = pv_irq_alloc(count, NULL);
    if (!EXPECT(check, vector >= 0, "no vector: %d", vector))
        return;
    if (pv_io_in8(COM2_LINE_STATUS) == NO_PORT) {
        skip(check, "there is no second serial port");
    } else {
        pv_io_out8(COM2_MODEM, OUT2);
        status = pv_irq_route(COM2_GSI, (uint8_t)vector, 0);
        EXPECT(check, status == PV_OK, "it cannot be routed: %d", status);
    }
    if (status == PV_OK) {
        expect_each(check, raise_line);
        expect_to_wait(check, raise_line, mask_line);
        pv_io_out8(COM2_INTERRUPTS, 0);
        pv_irq_mask(COM2_GSI, true);
    }
    pv_irq_free(vector);
}

static void a_line(struct check *check)
{
    if (!skip_without_lines(check))
        line_interrupts(check);
}

/* ---- a line that stays up -------------------------------------------------------------------- */

static uint32_t card_gsi;
static volatile unsigned left_up;  /* how often the reason is not looked for */
static volatile unsigned needless; /* without one */

/*
 * As if it were shared, and the driver whose card it is came later. What takes more than a
 * millisecond Xen ends by itself (xen/arch/x86/irq.c, irq_guest_eoi_timer_fn), so on a busy machine
 * it may come again before the card is served.
 */
static void serve(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
    if (left_up != 0) {
        left_up--;
        arrived++;
    } else if (card_acknowledge()) {
        arrived++;
        any = true;
    } else {
        needless++;
    }
}

static int mask_card(bool masked)
{
    return pv_irq_mask(card_gsi, masked);
}

/* It comes once more for each time that it was ended with the reason still there, and then no more.
 */
static void expect_until_served(struct check *check)
{
    for (unsigned times = 1; times <= TIMES_LEFT && check->outcome == CHECK_PASSED; times++) {
        arrived = 0;
        any = false;
        left_up = times;
        card_raise();
        EXPECT(check, wait_for(&any, NS_PER_S), "%u of %u came", arrived, times + 1);
        sleep_ns(NS_PER_MS);
        EXPECT(check, arrived == times + 1, "%u came, which are to be %u", arrived, times + 1);
    }
}

static void card_line_interrupts(struct check *check, unsigned device)
{
    int vector = pv_irq_alloc(serve, NULL);
    if (!EXPECT(check, vector >= 0, "no vector: %d", vector))
        return;
    left_up = needless = 0;
    card_start(device);
    int status = pv_irq_route(card_gsi, (uint8_t)vector, PV_IRQ_LEVEL);
    if (EXPECT(check, status == PV_OK, "line %u cannot be routed: %d", card_gsi, status)) {
        EXPECT(check, mask_card(false) == PV_OK, "it cannot be unmasked");
        expect_each(check, card_raise);
        expect_until_served(check);
        expect_to_wait(check, card_raise, mask_card);
        mask_card(true);
        print("# a card raised line %u, which came again while it was up, and %u times besides\n",
              card_gsi, needless);
        EXPECT(check, needless <= TIMES, "it came %u times without a reason", needless);
    }
    card_stop();
    pv_irq_free(vector);
}

/* The line is the one that firmware has wired its first pin to (PCI Local Bus 3.0, 6.2.4). Who has
 * no lines may have no ports either. */
static void a_line_stays_up(struct check *check)
{
    if (pv_irq_mask(COM2_GSI, true) == PV_E_UNSUPPORTED) {
        skip(check, "there are no lines here");
        return;
    }
    unsigned device = card_find();
    card_gsi = device == PCI_DEVICES ? 0 : pci_read(device, PCI_INTERRUPT) & 0xff;
    if (card_gsi == 0 || card_gsi == PCI_NO_LINE)
        skip(check, "there is no card with a line");
    else
        card_line_interrupts(check, device);
}

/* ---- a message ------------------------------------------------------------------------------- */

static int message;

static int mask_message(bool masked)
{
    return pv_xen_msi_mask(message, masked);
}

static void message_interrupts(struct check *check, unsigned device)
{
    int vector = pv_irq_alloc(count, NULL);
    if (!EXPECT(check, vector >= 0, "no vector: %d", vector))
        return;
    card_start(device);
    message = pv_xen_msi_route(0, (uint8_t)(device << 3), (uint8_t)vector);
    if (EXPECT(check, message >= 0, "it cannot be routed: %d", message)) {
        pci_msi_enable(device, true);
        expect_each(check, card_raise);
        expect_to_wait(check, card_raise, mask_message);
        pv_xen_msi_end(message);
        EXPECT(check, mask_message(true) == PV_E_ARGUMENT, "it was given back and is still there");
    }
    card_stop();
    pv_irq_free(vector);
}

static void a_message(struct check *check)
{
    if (skip_without_lines(check))
        return;
    unsigned device = card_find();
    if (device == PCI_DEVICES)
        skip(check, "there is no card that can send one");
    else
        message_interrupts(check, device);
}

/* ---- where they come ------------------------------------------------------------------------- */

static int routed_to;    /* the vector */
static int routed;       /* the answer */
static unsigned routing; /* the device; PCI_DEVICES: the line */

static void route(void *argument)
{
    (void)argument;
    if (routing == PCI_DEVICES)
        routed = pv_irq_route(COM2_GSI, (uint8_t)routed_to, 0);
    else
        routed = message = pv_xen_msi_route(0, (uint8_t)(routing << 3), (uint8_t)routed_to);
}

static bool route_on(struct check *check, unsigned cpu)
{
    bool done = true;
    if (cpu == 0) {
        route(NULL);
    } else {
        smp_give(cpu, route, NULL);
        done = smp_done(cpu, 10 * NS_PER_S);
    }
    return EXPECT(check, done && routed >= 0, "CPU %u cannot route it: %d", cpu, routed);
}

/* How often each comes is said elsewhere: a card that is asked by one CPU while another serves it
 * repeats itself. */
static void expect_there(struct check *check, unsigned cpu, void (*raise)(void))
{
    for (unsigned i = 1; i <= TIMES_THERE; i++) {
        any = false;
        raise();
        if (!EXPECT(check, wait_for(&any, NS_PER_S), "number %u did not arrive", i))
            return;
        if (!EXPECT(check, arrived_on == cpu, "CPU %u routed it, and it comes to CPU %u", cpu,
                    arrived_on))
            return;
        sleep_ns(NS_PER_MS);
    }
}

static void line_goes(struct check *check)
{
    routing = PCI_DEVICES;
    if (pv_io_in8(COM2_LINE_STATUS) == NO_PORT)
        return;
    for (unsigned cpu = 1; cpu != UINT32_MAX && route_on(check, cpu); cpu--) {
        mask_line(false);
        expect_there(check, cpu, raise_line);
        pv_io_out8(COM2_INTERRUPTS, 0);
    }
    mask_line(true);
}

static void message_goes(struct check *check)
{
    routing = card_find();
    if (routing == PCI_DEVICES)
        return;
    card_start(routing);
    if (route_on(check, 1)) {
        pci_msi_enable(routing, true);
        expect_there(check, 1, card_raise);
        pv_xen_msi_end(message);
    }
    card_stop();
}

static void to_who_routes(struct check *check)
{
    if (skip_without_lines(check))
        return;
    if (skip_alone(check))
        return;
    routed_to = pv_irq_alloc(count, NULL);
    if (!EXPECT(check, routed_to >= 0, "no vector: %d", routed_to))
        return;
    line_goes(check);
    message_goes(check);
    pv_irq_free(routed_to);
}

static void nothing_there(struct check *check)
{
    if (skip_without_lines(check))
        return;
    int status = pv_irq_route(100000, 64, 0);
    EXPECT(check, status == PV_E_RANGE, "a line that is not there: %d", status);
    status = pv_irq_mask(100000, true);
    EXPECT(check, status == PV_E_RANGE, "to mask it: %d", status);
    status = pv_xen_msi_route(0xfe, 0xff, 64);
    EXPECT(check, status == PV_E_HOST, "a device that is not there: %d", status);
}

static const struct test pirq_tests[] = {
    {"a device's line interrupts each time, and waits while it is masked", a_line},
    {"a line that is up when its interrupt ends comes again, until it is served", a_line_stays_up},
    {"a device's message interrupts each time, and waits while it is masked", a_message},
    {"a device interrupts the CPU that has routed it", to_who_routes},
    {"lines and devices that are not there are refused", nothing_there},
};

const struct test_group pirq_group = TEST_GROUP(pirq);
