/* SPDX-License-Identifier: MIT */
#include "card.h"

#define IDENTITY     0x10d38086u
#define BAR_OF_PORTS 0x18u
#define BAR_PORTS    0xfffcu

#define CAUSE      0xc0u /* writing 1 clears */
#define CAUSE_SET  0xc8u
#define MASK_SET   0xd0u
#define MASK_CLEAR 0xd8u
#define RECEIVED   0x80u

static uint16_t card; /* its first port */

static void write(uint32_t offset, uint32_t value)
{
    pv_io_out32(card, offset);
    pv_io_out32((uint16_t)(card + 4), value);
}

unsigned card_find(void)
{
    return pci_find(IDENTITY);
}

void card_start(unsigned device)
{
    card = (uint16_t)(pci_read(device, BAR_OF_PORTS) & BAR_PORTS);
    pci_write16(device, PCI_COMMAND, PCI_COMMAND_PORTS | PCI_COMMAND_MASTER);
    write(MASK_SET, RECEIVED);
}

bool card_acknowledge(void)
{
    pv_io_out32(card, CAUSE);
    bool raised = (pv_io_in32((uint16_t)(card + 4)) & RECEIVED) != 0;
    write(CAUSE, UINT32_MAX);
    return raised;
}

void card_raise(void)
{
    card_acknowledge();
    write(CAUSE_SET, RECEIVED);
}

void card_stop(void)
{
    write(MASK_CLEAR, UINT32_MAX);
    card_acknowledge();
}
