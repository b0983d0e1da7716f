/* SPDX-License-Identifier: MIT */
/*
 * What pv_irq_message() says is written into a real device, an emulated network card, which then
 * interrupts the CPU that was meant, each one in turn.
 */
#include "card.h"
#include "selftest.h"
#include "../cpu.h"
#include "../smp.h"
#include "../timer.h"
#include "../traps.h"

#define TIMES  20u
#define NOBODY UINT32_MAX

static volatile bool any;
static volatile unsigned arrived;
static volatile uint32_t arrived_at;

static void note(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
    if (!card_acknowledge())
        return;
    arrived++;
    arrived_at = pv_this_cpu()->number;
    any = true;
}

static bool skip_without_messages(struct check *check)
{
    struct pv_irq_message message;
    bool none = pv_irq_message(0, VECTOR_FIRST_IRQ, &message) == PV_E_UNSUPPORTED;
    if (none)
        skip(check, "no device of this kernel's interrupts by a message that it writes");
    return none;
}

/* Eight bits where Intel's manual has them, and seven where VMMs do. */
static void names_each_cpu(struct check *check)
{
    if (skip_without_messages(check))
        return;
    for (unsigned cpu = 0; cpu < smp_count(); cpu++) {
        struct pv_irq_message message = {0, 0};
        uint32_t id = smp_block(cpu)->apic_id;
        int status = pv_irq_message(cpu, VECTOR_FIRST_IRQ, &message);
        uint64_t named = (message.address >> 12 & 0xff) | (message.address >> 5 & 0x7f) << 8;
        EXPECT(check, status == PV_OK && message.data == VECTOR_FIRST_IRQ, "CPU %u: %d, data %x",
               cpu, status, message.data);
        EXPECT(check, named == id && (message.address & 0xfff0001f) == 0xfee00000,
               "CPU %u is %x: address %lx", cpu, id, message.address);
    }
}

static void nobody_is_refused(struct check *check)
{
    struct pv_irq_message message = {1, 2};
    if (skip_without_messages(check))
        return;
    int nobody = pv_irq_message(MOST_CPUS, VECTOR_FIRST_IRQ, &message);
    int exception = pv_irq_message(0, 15, &message);
    EXPECT(check, nobody == PV_E_RANGE, "a CPU that is not there: %d", nobody);
    EXPECT(check, exception == PV_E_RANGE, "a vector of exceptions: %d", exception);
    EXPECT(check, message.address == 1 && message.data == 2, "something was filled in");
}

/* Each message once, and on the right CPU. */
static void expect_at(struct check *check, unsigned cpu)
{
    arrived = 0;
    for (unsigned i = 1; i <= TIMES && check->outcome == CHECK_PASSED; i++) {
        any = false;
        arrived_at = NOBODY;
        card_raise();
        EXPECT(check, wait_for(&any, NS_PER_S), "number %u for CPU %u did not arrive", i, cpu);
        sleep_ns(NS_PER_MS);
        EXPECT(check, arrived == i, "CPU %u: %u arrived of %u", cpu, arrived, i);
        EXPECT(check, arrived_at == cpu, "number %u for CPU %u came to %d", i, cpu,
               (int)arrived_at);
    }
}

static void each_cpu_is_interrupted(struct check *check, unsigned device)
{
    struct pv_irq_message message;
    int vector = pv_irq_alloc(note, NULL);
    if (!EXPECT(check, vector >= 0, "no vector: %d", vector))
        return;
    card_start(device);
    for (unsigned cpu = 0; cpu < smp_count() && check->outcome == CHECK_PASSED; cpu++) {
        int status = pv_irq_message(cpu, (uint8_t)vector, &message);
        if (!EXPECT(check, status == PV_OK, "no message for CPU %u: %d", cpu, status))
            break;
        pci_msi_set(device, &message);
        pci_msi_enable(device, true);
        expect_at(check, cpu);
        pci_msi_enable(device, false);
    }
    card_stop();
    pv_irq_free(vector);
    if (check->outcome == CHECK_PASSED)
        print("# a card wrote %u messages to each of %u CPUs\n", TIMES, smp_count());
}

static void device_interrupts(struct check *check)
{
    if (skip_without_messages(check))
        return;
    unsigned device = card_find();
    if (device == PCI_DEVICES)
        skip(check, "there is no card that can send one");
    else if (EXPECT(check, pci_msi(device) != 0, "the card has no capability for messages"))
        each_cpu_is_interrupted(check, device);
}

static const struct test message_tests[] = {
    {"a message names the CPU that it is for, by what the VMM takes", names_each_cpu},
    {"a message to a CPU or by a vector that is none is refused", nobody_is_refused},
    {"a device that writes its message interrupts the CPU that was meant", device_interrupts},
};

const struct test_group message_group = TEST_GROUP(message);
