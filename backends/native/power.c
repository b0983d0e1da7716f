/* SPDX-License-Identifier: MIT */
/*
 * Ways to end the machine, from the one that carries a result to the one that works on every PC.
 */
#include "backends/native/native.h"
#include "backends/native/port.h"
#include "lib/switch.h"
#include "lib/x86/debug_exit.h"

/* PM1 control register: ACPI 6.5, 4.8.3.2.1 (SCI_EN, SLP_TYPx, SLP_EN). */
#define PM1_SCI_EN        0x0001u
#define PM1_SLP_TYP_SHIFT 10
#define PM1_SLP_TYP_MASK  0x1c00u
#define PM1_SLP_EN        0x2000u
/* Sleep control register of reduced hardware: section 4.8.3.7. */
#define SLEEP_TYP_SHIFT 2
#define SLEEP_EN        0x20u

/* 8042 keyboard controller: status bit 1 is "input buffer full"; FEH pulses the reset line. */
#define KEYBOARD_PORT       0x64
#define KEYBOARD_INPUT_FULL 0x02
#define KEYBOARD_RESET      0xfe

#define WAITS 100000u

static void wait_a_little(void)
{
    for (uint32_t i = 0; i < WAITS; i++)
        pv_cpu_relax();
}

/* Section 4.8.2.5: hardware that starts in legacy mode takes no sleep type before the change. */
static void acpi_mode_on(const struct pv_acpi *acpi)
{
    if (acpi->smi_command == 0 || acpi->acpi_enable == 0)
        return;
    if (port_in16(acpi->pm1a_control) & PM1_SCI_EN)
        return;
    port_out8(acpi->smi_command, acpi->acpi_enable);
    for (uint32_t i = 0; i < WAITS; i++)
        if (port_in16(acpi->pm1a_control) & PM1_SCI_EN)
            return;
}

PV_COLD static void pm1_sleep(uint16_t port, uint8_t type)
{
    uint32_t value = port_in16(port) & ~(PM1_SLP_TYP_MASK | PM1_SLP_EN);

    value |= (uint32_t)type << PM1_SLP_TYP_SHIFT;
    port_out16(port, (uint16_t)value);
    port_out16(port, (uint16_t)(value | PM1_SLP_EN));
}

static void acpi_sleep_5(void)
{
    const struct pv_acpi *acpi = &pv_native_acpi;
    uint8_t control = (uint8_t)((uint32_t)acpi->sleep_type_a << SLEEP_TYP_SHIFT | SLEEP_EN);

    if (!acpi->sleep_known)
        return;
    if (acpi->sleep_port != 0)
        port_out8(acpi->sleep_port, control);
    if (acpi->sleep_mmio != NULL)
        *acpi->sleep_mmio = control;
    if (acpi->pm1a_control != 0) {
        acpi_mode_on(acpi);
        pm1_sleep(acpi->pm1a_control, acpi->sleep_type_a);
        if (acpi->pm1b_control != 0)
            pm1_sleep(acpi->pm1b_control, acpi->sleep_type_b);
    }
    wait_a_little();
}

/* A reset is not the same as off, but ends a guest that runs with "no reboot". */
static void keyboard_reset(void)
{
    if (pv_native_acpi.no_keyboard_controller)
        return;
    for (uint32_t i = 0; i < WAITS; i++)
        if (!(port_in8(KEYBOARD_PORT) & KEYBOARD_INPUT_FULL))
            break;
    port_out8(KEYBOARD_PORT, KEYBOARD_RESET);
    wait_a_little();
}

PV_COLD void pv_native_cpu_power_off(int status)
{
    port_out8(PV_DEBUG_EXIT_PORT, pv_debug_exit_value(status));
    acpi_sleep_5();
    pv_vmm_power_off(status);
    keyboard_reset();
}
