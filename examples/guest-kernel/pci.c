/* SPDX-License-Identifier: MIT */
#include "pci.h"

#define CONFIG_ADDRESS    0xcf8
#define CONFIG_DATA       0xcfc
#define CONFIG_ENABLE     0x80000000u
#define CLASS             0x08u
#define CAPABILITIES      0x34u
#define CAPABILITY_MSI    0x05u
#define MOST_CAPABILITIES 48u

static void select(unsigned device, uint32_t offset)
{
    pv_io_out32(CONFIG_ADDRESS, CONFIG_ENABLE | device << 11 | (offset & 0xfc));
}

uint32_t pci_read(unsigned device, uint32_t offset)
{
    select(device, offset);
    return pv_io_in32(CONFIG_DATA);
}

void pci_write16(unsigned device, uint32_t offset, uint16_t value)
{
    select(device, offset);
    pv_io_out16((uint16_t)(CONFIG_DATA + (offset & 2)), value);
}

void pci_write32(unsigned device, uint32_t offset, uint32_t value)
{
    select(device, offset);
    pv_io_out32(CONFIG_DATA, value);
}

unsigned pci_find(uint32_t identity)
{
    unsigned device = 0;
    while (device < PCI_DEVICES && pci_read(device, 0) != identity)
        device++;
    return device;
}

unsigned pci_count(uint32_t class)
{
    unsigned count = 0;
    for (unsigned device = 0; device < PCI_DEVICES; device++)
        count += pci_read(device, 0) != UINT32_MAX && pci_read(device, CLASS) >> 16 == class;
    return count;
}

uint32_t pci_msi(unsigned device)
{
    uint32_t at = pci_read(device, CAPABILITIES) & 0xfc;
    for (unsigned i = 0; at != 0 && i < MOST_CAPABILITIES; i++) {
        uint32_t header = pci_read(device, at);
        if ((header & 0xff) == CAPABILITY_MSI)
            return at;
        at = header >> 8 & 0xfc;
    }
    return 0;
}

static uint16_t msi_control(unsigned device)
{
    return (uint16_t)(pci_read(device, pci_msi(device)) >> 16);
}

void pci_msi_enable(unsigned device, bool enabled)
{
    uint32_t control = msi_control(device) & ~PCI_MSI_CONTROL_ENABLE;
    pci_write16(device, pci_msi(device) + PCI_MSI_CONTROL,
                (uint16_t)(control | (enabled ? PCI_MSI_CONTROL_ENABLE : 0)));
}

void pci_msi_set(unsigned device, const struct pv_irq_message *message)
{
    uint32_t at = pci_msi(device) + PCI_MSI_ADDRESS;
    pci_write32(device, at, (uint32_t)message->address);
    if ((msi_control(device) & PCI_MSI_CONTROL_64_BITS) != 0) {
        at += 4;
        pci_write32(device, at, (uint32_t)(message->address >> 32));
    }
    pci_write16(device, at + 4, (uint16_t)message->data);
}
