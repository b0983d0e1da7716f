/* SPDX-License-Identifier: MIT */
/*
 * The VMM's console where it has one; else COM1, a 16550A without interrupts for output: National
 * Semiconductor PC16550D, section 8.
 *
 * The first lines come before the library can be called, so ports are reached by two functions
 * that are exchanged once pv_early_init() is done. What no console can take yet, because ports are
 * not the kernel's to touch or the page of the VMM's console is not mapped, is kept until one can.
 */
#include "console.h"
#include "cpu.h"
#include "string.h"

#define COM1             0x3f8
#define COM_DATA         (COM1 + 0)
#define COM_INTERRUPTS   (COM1 + 1)
#define COM_FIFO         (COM1 + 2)
#define COM_LINE         (COM1 + 3)
#define COM_MODEM        (COM1 + 4)
#define COM_LINE_STATUS  (COM1 + 5)
#define COM_DIVISOR_LOW  (COM1 + 0)
#define COM_DIVISOR_HIGH (COM1 + 1)

#define LINE_8N1           0x03
#define LINE_DIVISOR       0x80
#define FIFO_ON_AND_CLEAR  0x07
#define MODEM_DTR_RTS_OUT2 0x0b
#define STATUS_DATA_READY  0x01
#define STATUS_EMPTY       0x20
#define STATUS_ALL_SENT    0x40
#define STATUS_NO_PORT     0xff
#define RECEIVE_INTERRUPT  0x01

/* What an empty transmitter takes without being asked again. */
#define FIFO_BYTES 16

/* A port that never empties is given up for this byte. */
#define POLL_BOUND 1000000

static uint8_t raw_in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void raw_out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static uint8_t library_in8(uint16_t port)
{
    return pv_io_in8(port);
}

static void library_out8(uint16_t port, uint8_t value)
{
    pv_io_out8(port, value);
}

static uint8_t (*in8)(uint16_t port) = raw_in8;
static void (*out8)(uint16_t port, uint8_t value) = raw_out8;

static bool present;
static unsigned room;
static bool pv_ready;

#define EARLY_BYTES 2048

static char early[EARLY_BYTES];
static size_t early_used;

void console_init(void)
{
    if (!privileged())
        return;
    out8(COM_INTERRUPTS, 0);
    out8(COM_LINE, LINE_DIVISOR | LINE_8N1);
    out8(COM_DIVISOR_LOW, 1);
    out8(COM_DIVISOR_HIGH, 0);
    out8(COM_LINE, LINE_8N1);
    out8(COM_FIFO, FIFO_ON_AND_CLEAR);
    out8(COM_MODEM, MODEM_DTR_RTS_OUT2);
    present = in8(COM_LINE_STATUS) != STATUS_NO_PORT;
}

void console_use_pv(void)
{
    in8 = library_in8;
    out8 = library_out8;
    pv_ready = true;
}

static void keep(const char *text, size_t bytes)
{
    if (bytes > EARLY_BYTES - early_used)
        bytes = EARLY_BYTES - early_used;
    memcpy(early + early_used, text, bytes);
    early_used += bytes;
}

/* false: the VMM has no console, the serial port is ours. */
static bool write_to_vmm(const char *text, size_t bytes)
{
    if (!pv_ready) {
        if (!present)
            keep(text, bytes);
        return !present;
    }
    int status = pv_console_write(early, early_used);
    if (status == PV_E_BUSY) {
        keep(text, bytes);
        return true;
    }
    early_used = 0;
    return status != PV_E_UNSUPPORTED && pv_console_write(text, bytes) != PV_E_UNSUPPORTED;
}

static void put(char c)
{
    for (unsigned i = 0; room == 0 && i < POLL_BOUND; i++)
        room = (in8(COM_LINE_STATUS) & STATUS_EMPTY) != 0 ? FIFO_BYTES : 0;
    if (room == 0)
        return;
    room--;
    out8(COM_DATA, (uint8_t)c);
}

/* No lock: a panic inside another output must get through. */
void console_write(const char *text, size_t bytes)
{
    if (write_to_vmm(text, bytes) || !present)
        return;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\n')
            put('\r');
        put(text[i]);
    }
}

void console_flush(void)
{
    for (unsigned i = 0; present && i < POLL_BOUND; i++)
        if ((in8(COM_LINE_STATUS) & STATUS_ALL_SENT) != 0)
            return;
}

int console_read(void)
{
    char c;
    if (pv_ready && pv_console_read(&c, 1) > 0)
        return (unsigned char)c;
    if (!present || (in8(COM_LINE_STATUS) & STATUS_DATA_READY) == 0)
        return -1;
    return in8(COM_DATA);
}

void console_input_interrupts(bool on)
{
    if (present)
        out8(COM_INTERRUPTS, on ? RECEIVE_INTERRUPT : 0);
}
