/* SPDX-License-Identifier: MIT */
/*
 * The two modes of the local APIC (backends/native/apic.c): which is taken, the way there from
 * what firmware left, and how messages leave in each. Emulation without x2APIC runs this nowhere
 * else.
 */
#include "fake.h"

#include <string.h>

#include "backends/native/apic.c"

#define BASE 0xfee00000ull

static uint32_t page[APIC_REGISTERS_BYTES / 4];
static struct pv_cpu other;
static unsigned up;

static void *map_page(uint64_t phys, size_t bytes, bool device)
{
    assert_int_equal(phys, BASE);
    assert_int_equal(bytes, APIC_REGISTERS_BYTES);
    assert_true(device);
    return page;
}

static unsigned count(void)
{
    return up;
}

static struct pv_cpu *cpu_by_number(unsigned number)
{
    return number == 1 ? &other : NULL;
}

static int start(void **state)
{
    (void)state;
    fake_reset();
    memset(page, 0, sizeof(page));
    registers = NULL;
    x2apic = false;
    up = 3;
    other.number = 1;
    other.apic_id = 0x105;
    fake_platform.map_physical = map_page;
    fake_platform.cpu_count = count;
    fake_platform.cpu = cpu_by_number;
    return 0;
}

static void machine(uint32_t ecx, uint64_t base)
{
    fake_leaf(1, 0, 0, ecx, CPUID_1_EDX_APIC);
    fake_msr(MSR_APIC_BASE, BASE | base);
    fake_msr(MSR_X2APIC(APIC_ID), 0x12345678);
    fake_msr(MSR_X2APIC(APIC_ICR_LOW), 0);
    fake_msr(MSR_X2APIC(APIC_SVR), 0);
}

static void a_processor_of_a_vmm_with_x2apic_is_in_that_mode(void **state)
{
    (void)state;
    machine(CPUID_1_ECX_X2APIC | CPUID_1_ECX_VMM, APIC_BASE_ENABLE);
    pv_native_apic_init();
    assert_true(pv_native_apic_present() && pv_native_apic_is_x2());
    assert_int_equal(fake_msr_value(MSR_APIC_BASE), BASE | APIC_BASE_ENABLE | APIC_BASE_EXTD);
    assert_int_equal(fake_cpu.apic_id, 0x12345678);
    assert_null(pv_native_eoi);
    assert_true(fake_msr_value(MSR_X2APIC(APIC_SVR)) & SVR_ENABLE);
}

static void from_disabled_the_way_leads_over_the_other_mode(void **state)
{
    (void)state;
    machine(CPUID_1_ECX_X2APIC | CPUID_1_ECX_VMM, 0);
    pv_native_apic_init();
    assert_true(pv_native_apic_is_x2());
    assert_int_equal(fake_msr_writes(MSR_APIC_BASE), 2);
}

static void a_mode_that_firmware_left_is_not_written_again(void **state)
{
    (void)state;
    machine(CPUID_1_ECX_X2APIC, APIC_BASE_ENABLE | APIC_BASE_EXTD);
    pv_native_apic_init();
    assert_true(pv_native_apic_is_x2());
    assert_int_equal(fake_msr_writes(MSR_APIC_BASE), 0);
}

static void hardware_that_firmware_left_in_memory_stays_there(void **state)
{
    (void)state;
    machine(CPUID_1_ECX_X2APIC, APIC_BASE_ENABLE);
    pv_native_apic_init();
    assert_true(pv_native_apic_present() && !pv_native_apic_is_x2());
    assert_int_equal(fake_msr_writes(MSR_APIC_BASE), 0);
}

static void a_processor_without_it_has_registers_in_memory(void **state)
{
    (void)state;
    machine(0, APIC_BASE_ENABLE);
    page[APIC_ID / 4] = 7u << 24;
    pv_native_apic_init();
    assert_true(pv_native_apic_present() && !pv_native_apic_is_x2());
    assert_int_equal(fake_cpu.apic_id, 7);
    assert_ptr_equal(pv_native_eoi, &page[APIC_EOI / 4]);
    assert_int_equal(page[APIC_SVR / 4] & SVR_ENABLE, SVR_ENABLE);
}

static void without_the_register_there_is_no_apic(void **state)
{
    (void)state;
    fake_leaf(1, 0, 0, CPUID_1_ECX_X2APIC, CPUID_1_EDX_APIC);
    pv_native_apic_init();
    assert_false(pv_native_apic_present());
    assert_int_equal(fake_lines, 1);
    assert_int_equal(pv_native_smp_nmi(0), PV_E_UNSUPPORTED);
    assert_int_equal(pv_native_apic_cpu_enter(NULL), PV_E_UNSUPPORTED);
}

static void a_message_in_x2apic_mode_is_one_write_with_all_of_the_identity(void **state)
{
    (void)state;
    machine(CPUID_1_ECX_X2APIC | CPUID_1_ECX_VMM, APIC_BASE_ENABLE);
    pv_native_apic_init();
    pv_native_smp_ipi(1, 0x42);
    assert_int_equal(fake_msr_writes(MSR_X2APIC(APIC_ICR_LOW)), 1);
    assert_true(fake_msr_value(MSR_X2APIC(APIC_ICR_LOW)) == 0x10500004042ull);
    assert_int_equal(pv_native_smp_nmi(1), PV_OK);
    assert_true(fake_msr_value(MSR_X2APIC(APIC_ICR_LOW)) == 0x10500004400ull);
}

static void a_message_in_memory_is_two_writes(void **state)
{
    (void)state;
    machine(0, APIC_BASE_ENABLE);
    other.apic_id = 5;
    pv_native_apic_init();
    pv_native_smp_ipi(1, 0x42);
    assert_int_equal(page[APIC_ICR_HIGH / 4], 5u << 24);
    assert_int_equal(page[APIC_ICR_LOW / 4], 0x4042);
}

static void an_apic_that_takes_no_message_is_given_up(void **state)
{
    (void)state;
    machine(0, APIC_BASE_ENABLE);
    pv_native_apic_init();
    page[APIC_ICR_LOW / 4] = ICR_PENDING;
    assert_int_equal(pv_native_smp_nmi(1), PV_E_TIMEOUT);
    pv_native_smp_ipi(1, 0x42);
    assert_int_equal(fake_lines, 1);
    assert_int_equal(page[APIC_ICR_LOW / 4], ICR_PENDING);
}

static void a_cpu_that_is_not_up_is_sent_nothing(void **state)
{
    (void)state;
    machine(CPUID_1_ECX_X2APIC | CPUID_1_ECX_VMM, APIC_BASE_ENABLE);
    pv_native_apic_init();
    assert_int_equal(pv_native_smp_nmi(2), PV_E_RANGE);
    assert_int_equal(pv_native_smp_nmi(3), PV_E_RANGE);
    pv_native_smp_ipi(2, 0x42);
    assert_int_equal(fake_lines, 1);
    assert_int_equal(fake_msr_writes(MSR_X2APIC(APIC_ICR_LOW)), 0);
}

/* An INIT would send the CPU that booted to the firmware, and the one that asks with it. */
static void those_that_stand_still_are_held_but_for_the_one_that_booted(void **state)
{
    (void)state;
    machine(CPUID_1_ECX_X2APIC | CPUID_1_ECX_VMM, APIC_BASE_ENABLE);
    pv_native_apic_hold_others();
    assert_int_equal(fake_msr_writes(MSR_X2APIC(APIC_ICR_LOW)), 0);
    pv_native_apic_init();
    pv_native_apic_hold_others();
    assert_int_equal(fake_msr_writes(MSR_X2APIC(APIC_ICR_LOW)), 1);
    assert_true(fake_msr_value(MSR_X2APIC(APIC_ICR_LOW)) == 0x10500004500ull);
    fake_cpu.number = 1;
    other.number = 0;
    pv_native_apic_hold_others();
    assert_int_equal(fake_msr_writes(MSR_X2APIC(APIC_ICR_LOW)), 1);
}

static void a_further_cpu_comes_in_the_mode_of_the_first(void **state)
{
    (void)state;
    machine(CPUID_1_ECX_X2APIC, APIC_BASE_ENABLE | APIC_BASE_EXTD);
    pv_native_apic_init();
    fake_cpu.number = 1;
    (void)pv_native_cpu_msr_write(MSR_APIC_BASE, BASE | APIC_BASE_ENABLE);
    (void)pv_native_cpu_msr_write(MSR_X2APIC(APIC_ID), 9);
    assert_int_equal(pv_native_apic_cpu_enter(NULL), PV_OK);
    assert_int_equal(fake_cpu.apic_id, 9);
    assert_true(fake_msr_value(MSR_APIC_BASE) & APIC_BASE_EXTD);
    pv_native_apic_cpu_leave();
    assert_false(fake_msr_value(MSR_X2APIC(APIC_SVR)) & SVR_ENABLE);
}

/* NMIs from outside arrive there: a button, a watchdog. One CPU takes them. */
static void the_first_cpu_takes_nmis_from_outside(void **state)
{
    (void)state;
    machine(CPUID_1_ECX_X2APIC, APIC_BASE_ENABLE | APIC_BASE_EXTD);
    fake_msr(MSR_X2APIC(APIC_LVT_LINT0), 0x700);
    fake_msr(MSR_X2APIC(APIC_LVT_LINT1), 0);
    pv_native_apic_init();
    assert_int_equal(fake_msr_value(MSR_X2APIC(APIC_LVT_LINT1)), 0x400);
    assert_int_equal(fake_msr_value(MSR_X2APIC(APIC_LVT_LINT0)), APIC_LVT_MASKED);
    fake_cpu.number = 1;
    assert_int_equal(pv_native_apic_cpu_enter(NULL), PV_OK);
    assert_int_equal(fake_msr_value(MSR_X2APIC(APIC_LVT_LINT1)), APIC_LVT_MASKED);
}

static void entries_that_are_not_there_are_not_written(void **state)
{
    (void)state;
    machine(0, APIC_BASE_ENABLE);
    page[APIC_VERSION / 4] = 4u << 16;
    pv_native_apic_init();
    assert_int_equal(page[APIC_LVT_ERROR / 4], APIC_LVT_MASKED);
    assert_int_equal(page[APIC_LVT_PERF / 4], APIC_LVT_MASKED);
    assert_int_equal(page[APIC_LVT_THERM / 4], 0);
    assert_int_equal(page[APIC_LVT_CMCI / 4], 0);
}

#define EACH(test) cmocka_unit_test_setup(test, start)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        EACH(a_processor_of_a_vmm_with_x2apic_is_in_that_mode),
        EACH(from_disabled_the_way_leads_over_the_other_mode),
        EACH(a_mode_that_firmware_left_is_not_written_again),
        EACH(hardware_that_firmware_left_in_memory_stays_there),
        EACH(a_processor_without_it_has_registers_in_memory),
        EACH(without_the_register_there_is_no_apic),
        EACH(a_message_in_x2apic_mode_is_one_write_with_all_of_the_identity),
        EACH(a_message_in_memory_is_two_writes),
        EACH(an_apic_that_takes_no_message_is_given_up),
        EACH(a_cpu_that_is_not_up_is_sent_nothing),
        EACH(those_that_stand_still_are_held_but_for_the_one_that_booted),
        EACH(a_further_cpu_comes_in_the_mode_of_the_first),
        EACH(the_first_cpu_takes_nmis_from_outside),
        EACH(entries_that_are_not_there_are_not_written),
    };

    return cmocka_run_group_tests_name("local APIC", tests, NULL, NULL);
}
