/* SPDX-License-Identifier: MIT */
/*
 * Configuration space of the devices on the first PCI bus, by ports (PCI Local Bus 3.0,
 * 3.2.2.3.2); each device's first function. Where there is no such bus, everything reads as ones.
 */
#ifndef GUEST_PCI_H
#define GUEST_PCI_H

#include "pvops/pvops.h"

#define PCI_DEVICES 32u

#define PCI_COMMAND             0x04u
#define PCI_COMMAND_PORTS       0x01u
#define PCI_COMMAND_MASTER      0x04u /* it may write to memory: a message is that */
#define PCI_INTERRUPT           0x3cu /* the lowest byte: which line */
#define PCI_NO_LINE             0xffu
#define PCI_CLASS_OF_ETHERNET   0x0200u
#define PCI_CLASS_OF_SCSI       0x0100u
#define PCI_MSI_CONTROL         2u /* behind the capability's first byte */
#define PCI_MSI_ADDRESS         4u
#define PCI_MSI_CONTROL_ENABLE  0x0001u
#define PCI_MSI_CONTROL_64_BITS 0x0080u

/* `offset` is a multiple of the width. */
uint32_t pci_read(unsigned device, uint32_t offset);
void pci_write16(unsigned device, uint32_t offset, uint16_t value);
void pci_write32(unsigned device, uint32_t offset, uint32_t value);

/* The first device of this vendor and kind, as its first register has them; PCI_DEVICES: none. */
unsigned pci_find(uint32_t identity);

/* How many devices are of this class. */
unsigned pci_count(uint32_t class);

/* The offset of a device's capability to interrupt by messages (6.7 and 6.8.1); 0: none. */
uint32_t pci_msi(unsigned device);

/* Lets it, and does not. */
void pci_msi_enable(unsigned device, bool enabled);

/* What it is to write. Not enabled meanwhile. */
void pci_msi_set(unsigned device, const struct pv_irq_message *message);

#endif
