/* SPDX-License-Identifier: MIT */
/*
 * Ports and device registers as the machine has them.
 */
#include "backends/native/native.h"
#include "backends/native/port.h"

PV_COLD uint8_t pv_native_io_in8(uint16_t port)
{
    return port_in8(port);
}

PV_COLD uint16_t pv_native_io_in16(uint16_t port)
{
    return port_in16(port);
}

PV_COLD uint32_t pv_native_io_in32(uint16_t port)
{
    return port_in32(port);
}

PV_COLD void pv_native_io_out8(uint16_t port, uint8_t value)
{
    port_out8(port, value);
}

PV_COLD void pv_native_io_out16(uint16_t port, uint16_t value)
{
    port_out16(port, value);
}

PV_COLD void pv_native_io_out32(uint16_t port, uint32_t value)
{
    port_out32(port, value);
}

/* In asm, so that a VMM that decodes the access always sees a plain MOV. */
PV_COLD uint32_t pv_native_mmio_read32(const volatile void *address)
{
    uint32_t value;

    __asm__ volatile("movl %1, %0" : "=r"(value) : "m"(*(const volatile uint32_t *)address));
    return value;
}

PV_COLD void pv_native_mmio_write32(volatile void *address, uint32_t value)
{
    __asm__ volatile("movl %1, %0" : "=m"(*(volatile uint32_t *)address) : "r"(value) : "memory");
}
