/* SPDX-License-Identifier: MIT */
/*
 * Real interrupts of a PV guest that owns the hardware: the line of a serial port, whose empty
 * transmitter interrupts whenever it is asked to, and the message (MSI) of an Intel 82574 network
 * card, which has a register for interrupting by itself, in reach of ports.
 *
 * COM2: PC16550D data sheet, section 8. 82574: Intel 317694, sections 10.2.4 (interrupts) and
 * 10.2.2.6 (registers by ports). Configuration space by ports: PCI Local Bus 3.0, 3.2.2.3.2.
 */
#include "backends/xen/hvm/hvm.h"
#include "backends/xen/pirq.h"
#include "selftest.h"
#include "../cpu.h"
#include "../string.h"
#include "../timer.h"

#define TIMES 100u

#define COM2             0x2f8
#define COM2_GSI         3u
#define COM2_INTERRUPTS  (COM2 + 1)
#define COM2_IDENTITY    (COM2 + 2)
#define COM2_MODEM       (COM2 + 4)
#define COM2_LINE_STATUS (COM2 + 5)
#define NO_PORT          0xff
#define WHEN_EMPTY       0x02
#define OUT2             0x08

#define CONFIG_ADDRESS    0xcf8
#define CONFIG_DATA       0xcfc
#define CONFIG_ENABLE     0x80000000u
#define DEVICES           32u
#define CARD_IDENTITY     0x10d38086u
#define COMMAND           0x04u
#define COMMAND_IO_DMA    0x05u /* ports, and writing to memory: a message is that */
#define BAR_OF_PORTS      0x18u
#define BAR_PORTS         0xfffcu
#define CAPABILITIES      0x34u
#define CAPABILITY_MSI    0x05u
#define MOST_CAPABILITIES 48u
#define MSI_CONTROL       2u /* behind the capability's first byte */
#define MSI_ENABLE        0x0001u

#define CARD_CAUSE      0xc0u /* writing 1 clears */
#define CARD_CAUSE_SET  0xc8u
#define CARD_MASK_SET   0xd0u
#define CARD_MASK_CLEAR 0xd8u
#define CARD_RECEIVED   0x80u

static volatile unsigned arrived;
static volatile bool any;

static void count(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
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

/* ---- a message ------------------------------------------------------------------------------- */

static uint16_t card; /* its first port */
static int message;

static void config_address(unsigned device, uint32_t offset)
{
    pv_io_out32(CONFIG_ADDRESS, CONFIG_ENABLE | device << 11 | offset);
}

static uint32_t config_read(unsigned device, uint32_t offset)
{
    config_address(device, offset);
    return pv_io_in32(CONFIG_DATA);
}

/* The number of its device on the first bus; DEVICES: there is none. */
static unsigned find_card(void)
{
    unsigned device = 0;
    while (device < DEVICES && config_read(device, 0) != CARD_IDENTITY)
        device++;
    return device;
}

/* The offset of its capability to send messages (PCI Local Bus 3.0, 6.7 and 6.8.1); 0: none. */
static uint32_t find_msi(unsigned device)
{
    uint32_t at = config_read(device, CAPABILITIES) & 0xfc;
    for (unsigned i = 0; at != 0 && i < MOST_CAPABILITIES; i++) {
        uint32_t header = config_read(device, at);
        if ((header & 0xff) == CAPABILITY_MSI)
            return at;
        at = header >> 8 & 0xfc;
    }
    return 0;
}

static void enable_msi(unsigned device)
{
    uint32_t at = find_msi(device);
    uint32_t control = config_read(device, at) >> 16;
    config_address(device, at);
    pv_io_out16(CONFIG_DATA + MSI_CONTROL, (uint16_t)(control | MSI_ENABLE));
}

static void card_write(uint32_t offset, uint32_t value)
{
    pv_io_out32(card, offset);
    pv_io_out32((uint16_t)(card + 4), value);
}

static void raise_message(void)
{
    card_write(CARD_CAUSE, UINT32_MAX);
    card_write(CARD_CAUSE_SET, CARD_RECEIVED);
}

static int mask_message(bool masked)
{
    return pv_xen_msi_mask(message, masked);
}

static void message_interrupts(struct check *check, unsigned device)
{
    int vector = pv_irq_alloc(count, NULL);
    if (!EXPECT(check, vector >= 0, "no vector: %d", vector))
        return;
    card = (uint16_t)(config_read(device, BAR_OF_PORTS) & BAR_PORTS);
    config_address(device, COMMAND);
    pv_io_out16(CONFIG_DATA, COMMAND_IO_DMA);
    message = pv_xen_msi_route(0, (uint8_t)(device << 3), (uint8_t)vector);
    if (EXPECT(check, message >= 0, "it cannot be routed: %d", message)) {
        enable_msi(device);
        card_write(CARD_MASK_SET, CARD_RECEIVED);
        expect_each(check, raise_message);
        expect_to_wait(check, raise_message, mask_message);
        card_write(CARD_MASK_CLEAR, UINT32_MAX);
        pv_xen_msi_end(message);
        EXPECT(check, mask_message(true) == PV_E_ARGUMENT, "it was given back and is still there");
    }
    pv_irq_free(vector);
}

static void a_message(struct check *check)
{
    if (skip_without_lines(check))
        return;
    unsigned device = find_card();
    if (device == DEVICES)
        skip(check, "there is no card that can send one");
    else
        message_interrupts(check, device);
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

/* ---- devices that go ------------------------------------------------------------------------- */

#define CLASS          0x08u
#define CLASS_ETHERNET 0x0200u
#define CLASS_SCSI     0x0100u

/* The drive behind the second channel's registers: ATA/ATAPI-6, 7.9 and 7.15. No drive has no
 * status, and none at all is 0 or all ones. */
#define IDE_DEVICE    0x176
#define IDE_STATUS    0x177
#define FIRST_DRIVE   0xa0
#define DRIVE_IS_IDLE 0x40

static unsigned devices_of(uint32_t class)
{
    unsigned count = 0;
    for (unsigned device = 0; device < DEVICES; device++)
        count += config_read(device, 0) != UINT32_MAX && config_read(device, CLASS) >> 16 == class;
    return count;
}

static bool has_ide_drive(void)
{
    pv_io_out8(IDE_DEVICE, FIRST_DRIVE);
    uint8_t status = pv_io_in8(IDE_STATUS);
    return status != UINT8_MAX && (status & DRIVE_IS_IDLE) != 0;
}

static bool skip_elsewhere(struct check *check)
{
    struct pv_facts facts;
    pv_facts(&facts);
    bool elsewhere = !same_text(facts.backend, "xen-hvm");
    if (elsewhere)
        skip(check, "no device is taken away here: the backend is %s", facts.backend);
    return elsewhere;
}

/* By the command line, before this kernel had looked at any device. */
static void disks_have_gone(struct check *check)
{
    if (skip_elsewhere(check))
        return;
    if (!pv_command_line_has("unplug=disks")) {
        skip(check, "nobody has asked for it: %u SCSI controllers, %s IDE drive",
             devices_of(CLASS_SCSI), has_ide_drive() ? "an" : "no");
        return;
    }
    EXPECT(check, devices_of(CLASS_SCSI) == 0, "%u SCSI controllers", devices_of(CLASS_SCSI));
    EXPECT(check, !has_ide_drive(), "an IDE drive answers");
}

static void cards_go(struct check *check)
{
    if (skip_elsewhere(check))
        return;
    unsigned before = devices_of(CLASS_ETHERNET);
    bool done = pv_xen_hvm_unplug(PV_XEN_UNPLUG_NICS);
    if (before == 0 || !done)
        skip(check, "there is no emulated network card, or nobody who takes it away");
    else
        EXPECT(check, devices_of(CLASS_ETHERNET) == 0, "%u of %u are still there",
               devices_of(CLASS_ETHERNET), before);
}

static const struct test pirq_tests[] = {
    {"a device's line interrupts each time, and waits while it is masked", a_line},
    {"a device's message interrupts each time, and waits while it is masked", a_message},
    {"lines and devices that are not there are refused", nothing_there},
    {"emulated disks are gone where the command line says so", disks_have_gone},
    {"emulated network cards go when they are asked to", cards_go},
};

const struct test_group pirq_group = TEST_GROUP(pirq);
