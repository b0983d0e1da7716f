/* SPDX-License-Identifier: MIT */
/*
 * Real interrupts and devices, for domains that have any: xen/include/public/physdev.h.
 */
#ifndef PVOPS_XEN_ABI_PHYSDEV_H
#define PVOPS_XEN_ABI_PHYSDEV_H

#include <stdint.h>

/* Commands, and their argument. */
#define PV_PHYSDEVOP_IRQ_STATUS_QUERY 5  /* struct pv_xen_irq_status */
#define PV_PHYSDEVOP_EOI              12 /* struct pv_xen_pirq_eoi */
#define PV_PHYSDEVOP_MAP_PIRQ         13 /* struct pv_xen_map_pirq */
#define PV_PHYSDEVOP_UNMAP_PIRQ       14 /* struct pv_xen_unmap_pirq */
#define PV_PHYSDEVOP_SETUP_GSI        21 /* struct pv_xen_setup_gsi; hardware domain */
#define PV_PHYSDEVOP_PCI_DEVICE_ADD   25 /* struct pv_xen_pci_device; hardware domain */

struct pv_xen_irq_status {
    uint32_t pirq;
    uint32_t flags; /* out */
};

/* The handler's end is to be told, and until then the line does not interrupt again. */
#define PV_XENIRQSTAT_NEEDS_EOI 1u

struct pv_xen_pirq_eoi {
    uint32_t pirq;
};

#define PV_MAP_PIRQ_TYPE_GSI     1
#define PV_MAP_PIRQ_TYPE_MSI_SEG 3

struct pv_xen_map_pirq {
    uint16_t domain;
    int32_t type;
    int32_t index; /* GSI: its number; MSI: -1 */
    int32_t pirq;  /* -1: any; out */
    int32_t bus;   /* MSI: the segment in bits 31:16 */
    int32_t devfn;
    int32_t entry;       /* MSI-X: which; MSI: 0 */
    uint64_t table_base; /* MSI-X: where its table lies; 0: MSI */
};

struct pv_xen_unmap_pirq {
    uint16_t domain;
    int32_t pirq;
};

struct pv_xen_setup_gsi {
    int32_t gsi;
    uint8_t is_level;
    uint8_t is_active_low;
};

/* Xen knows a device from its own look at the bus, or by this. Optional parts are left out. */
struct pv_xen_pci_device {
    uint16_t segment;
    uint8_t bus;
    uint8_t devfn;
    uint32_t flags;
    uint8_t physical_bus, physical_devfn;
};

#endif
