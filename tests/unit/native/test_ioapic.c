/* SPDX-License-Identifier: MIT */
/*
 * Which CPU a device's interrupt is for (backends/native/ioapic.c, lib/x86/destination.h): what is
 * written to an I/O APIC, and what a device is to write, with eight bits for the local APIC's
 * identity and with fifteen. No rig has as many CPUs as would show it.
 */
#include "fake.h"

#include <string.h>

#include "backends/native/ioapic.c"

#define GSI    9u
#define VECTOR 0x51

struct pv_acpi pv_native_acpi;

#define CPUS 3u

static bool apic_is_there;
static uint32_t identities[CPUS];
static uint8_t registers[0x20];
static uint32_t selected;
static uint32_t entries[64];

bool pv_native_apic_present(void)
{
    return apic_is_there;
}

bool pv_native_apic_id_of(uint32_t cpu, uint32_t *apic_id)
{
    if (cpu < CPUS)
        *apic_id = identities[cpu];
    return cpu < CPUS;
}

static uint32_t read_register(const volatile void *address)
{
    return address == registers + SELECT ? selected : entries[selected];
}

static void write_register(volatile void *address, uint32_t value)
{
    if (address == registers + SELECT)
        selected = value;
    else
        entries[selected] = value;
}

/* Nobody else is here. Loses no register, as the ops demand. */
static void do_nothing(struct pv_spinlock *lock)
{
    (void)lock;
}

static int start(void **state)
{
    (void)state;
    fake_reset();
    pv_ops.lock_acquire = do_nothing;
    pv_ops.lock_release = do_nothing;
    memset(entries, 0, sizeof(entries));
    memset(ioapics, 0, sizeof(ioapics));
    ioapics[0].base = registers;
    ioapics[0].lines = 24;
    ioapic_count = 1;
    fake_mmio_read = read_register;
    fake_mmio_write = write_register;
    memset(identities, 0, sizeof(identities));
    apic_is_there = true;
    pv_x86_most_destination = 255;
    return 0;
}

static void an_identity_of_eight_bits_is_where_it_always_was(void **state)
{
    (void)state;
    for (uint32_t id = 0; id < 256; id++) {
        uint64_t address = pv_x86_message_address(id);
        assert_int_equal(address, 0xfee00000u + (id << 12));
        assert_int_equal(pv_x86_line_destination(address), id << 24);
    }
}

/* Bits 11 to 5 of the address; bits 55 to 49 of the entry. */
static void seven_more_bits_lie_where_the_vmm_takes_them(void **state)
{
    (void)state;
    assert_int_equal(pv_x86_message_address(0x7fff), 0xfeefffe0u);
    assert_int_equal(pv_x86_line_destination(0xfeefffe0u), 0xfffe0000u);
    assert_int_equal(pv_x86_message_address(0x100), 0xfee00020u);
    assert_int_equal((uint64_t)pv_x86_line_destination(0xfee00020u) << 32, 1ull << 49);
}

static void no_identity_is_mistaken_for_another(void **state)
{
    (void)state;
    for (uint32_t id = 0; id < 0x8000; id++) {
        uint64_t address = pv_x86_message_address(id);
        uint32_t high = pv_x86_line_destination(address);
        assert_int_equal((address >> 12 & 0xff) | (address >> 5 & 0x7f) << 8, id);
        assert_int_equal(high >> 24 | (high >> 17 & 0x7f) << 8, id);
        assert_int_equal(address & 0x1f, 0);
        assert_int_equal(high & 0x1ffff, 0);
    }
}

static void a_line_is_routed_to_the_cpu_that_asks(void **state)
{
    (void)state;
    pv_x86_most_destination = PV_X86_EXTENDED_DESTINATIONS;
    identities[0] = 0x1a5;
    assert_int_equal(pv_native_irq_route(GSI, VECTOR, PV_IRQ_LEVEL), PV_OK);
    assert_int_equal(entries[ENTRY + 2 * GSI], VECTOR | ENTRY_LEVEL);
    assert_int_equal(entries[ENTRY + 2 * GSI + 1], 0xa5020000u);
}

static void a_cpu_that_cannot_be_named_is_refused(void **state)
{
    const uint32_t beyond[] = {256, 0x8000, UINT32_MAX};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        pv_x86_most_destination = i != 0 ? PV_X86_EXTENDED_DESTINATIONS : 255;
        identities[0] = beyond[i];
        assert_int_equal(pv_native_irq_route(GSI, VECTOR, 0), PV_E_UNSUPPORTED);
    }
    assert_int_equal(entries[ENTRY + 2 * GSI], 0);
}

static void a_message_names_the_cpu_that_it_is_for(void **state)
{
    const uint64_t addresses[CPUS] = {0xfee00000u, 0xfeeff000u, 0xfeea5020u};
    struct pv_irq_message message;

    (void)state;
    pv_x86_most_destination = PV_X86_EXTENDED_DESTINATIONS;
    identities[1] = 0xff;
    identities[2] = 0x1a5;
    for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
        memset(&message, 0xff, sizeof(message));
        assert_int_equal(pv_native_irq_message(cpu, VECTOR, &message), PV_OK);
        assert_int_equal(message.address, addresses[cpu]);
        assert_int_equal(message.data, VECTOR);
    }
}

static void a_message_to_nobody_is_refused_and_nothing_is_filled(void **state)
{
    struct pv_irq_message message = {1, 2};

    (void)state;
    assert_int_equal(pv_native_irq_message(CPUS, VECTOR, &message), PV_E_RANGE);
    assert_int_equal(pv_native_irq_message(0, 15, &message), PV_E_RANGE);
    identities[0] = 256;
    assert_int_equal(pv_native_irq_message(0, VECTOR, &message), PV_E_UNSUPPORTED);
    pv_x86_most_destination = PV_X86_EXTENDED_DESTINATIONS;
    identities[0] = 0x8000;
    assert_int_equal(pv_native_irq_message(0, VECTOR, &message), PV_E_UNSUPPORTED);
    identities[0] = 0;
    apic_is_there = false;
    assert_int_equal(pv_native_irq_message(0, VECTOR, &message), PV_E_UNSUPPORTED);
    assert_int_equal(message.address, 1);
    assert_int_equal(message.data, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_identity_of_eight_bits_is_where_it_always_was, start),
        cmocka_unit_test_setup(seven_more_bits_lie_where_the_vmm_takes_them, start),
        cmocka_unit_test_setup(no_identity_is_mistaken_for_another, start),
        cmocka_unit_test_setup(a_line_is_routed_to_the_cpu_that_asks, start),
        cmocka_unit_test_setup(a_cpu_that_cannot_be_named_is_refused, start),
        cmocka_unit_test_setup(a_message_names_the_cpu_that_it_is_for, start),
        cmocka_unit_test_setup(a_message_to_nobody_is_refused_and_nothing_is_filled, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
