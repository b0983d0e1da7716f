/* SPDX-License-Identifier: MIT */
/*
 * I/O APICs, as ACPI lists them: every line masked at first, and routed one by one; and the
 * messages by which they and other devices interrupt. The register layout is that of the Intel
 * 82093AA data sheet (290566), chapter 3.
 */
#include "backends/native/native.h"
#include "lib/x86/destination.h"

#define SELECT  0x00u /* IOREGSEL */
#define WINDOW  0x10u /* IOWIN */
#define VERSION 0x01u
#define ENTRY   0x10u /* two registers for each line */

/* In the low half of an entry: section 3.2.4. Fixed delivery and physical destination are 0. */
#define ENTRY_ACTIVE_LOW (1u << 13)
#define ENTRY_LEVEL      (1u << 15)
#define ENTRY_MASKED     (1u << 16)

uint32_t pv_x86_most_destination = UINT8_MAX;

struct ioapic {
    volatile uint8_t *base;
    uint32_t gsi_base;
    uint32_t lines;
};

static struct ioapic ioapics[PV_ACPI_IOAPICS];
static uint32_t ioapic_count;

/* The select register is shared: one access at a time. */
static struct pv_spinlock access_lock;

PV_COLD static uint32_t read(const struct ioapic *ioapic, uint32_t index)
{
    pv_native_mmio_write32(ioapic->base + SELECT, index);
    return pv_native_mmio_read32(ioapic->base + WINDOW);
}

PV_COLD static void write(const struct ioapic *ioapic, uint32_t index, uint32_t value)
{
    pv_native_mmio_write32(ioapic->base + SELECT, index);
    pv_native_mmio_write32(ioapic->base + WINDOW, value);
}

static void add(const struct pv_acpi_ioapic *found)
{
    struct ioapic *ioapic = &ioapics[ioapic_count];

    ioapic->base = pv_platform->map_physical(found->address, 0x20, true);
    if (ioapic->base == NULL)
        return;
    uint32_t version = read(ioapic, VERSION);
    /* All ones is what an address gives that nothing answers at. */
    if (version == UINT32_MAX) {
        pv_log_number("no I/O APIC where ACPI says, at", found->address);
        return;
    }
    ioapic->gsi_base = found->gsi_base;
    ioapic->lines = (version >> 16 & 0xff) + 1;
    for (uint32_t line = 0; line < ioapic->lines; line++)
        write(ioapic, ENTRY + 2 * line, ENTRY_MASKED);
    ioapic_count++;
}

PV_COLD void pv_native_ioapic_init(void)
{
    for (uint32_t i = 0; i < pv_native_acpi.ioapics && pv_native_apic_present(); i++)
        add(&pv_native_acpi.ioapic[i]);
}

PV_COLD static const struct ioapic *find(uint32_t gsi, uint32_t *entry)
{
    for (uint32_t i = 0; i < ioapic_count; i++) {
        if (gsi - ioapics[i].gsi_base < ioapics[i].lines) {
            *entry = ENTRY + 2 * (gsi - ioapics[i].gsi_base);
            return &ioapics[i];
        }
    }
    return NULL;
}

/*
 * What the machine's wiring says about a line goes before what the caller thinks of it; an override
 * that "conforms to the bus" (0) says nothing. ACPI 6.5, 5.2.12.5.
 */
static uint32_t wiring(uint32_t gsi, uint32_t flags)
{
    for (uint32_t i = 0; i < pv_native_acpi.overrides; i++) {
        const struct pv_acpi_override *override = &pv_native_acpi.override[i];
        uint32_t polarity = override->flags & PV_ACPI_POLARITY_MASK;
        uint32_t trigger = override->flags & PV_ACPI_TRIGGER_MASK;
        if (override->gsi != gsi)
            continue;
        if (polarity != 0)
            flags = (flags & ~PV_IRQ_ACTIVE_LOW) |
                    (polarity == PV_ACPI_POLARITY_LOW ? PV_IRQ_ACTIVE_LOW : 0);
        if (trigger != 0)
            flags = (flags & ~PV_IRQ_LEVEL) | (trigger == PV_ACPI_TRIGGER_LEVEL ? PV_IRQ_LEVEL : 0);
    }
    return flags;
}

PV_COLD static struct pv_irqflags lock(void)
{
    struct pv_irqflags flags = pv_irq_save_seldom();

    pv_spin_lock(&access_lock);
    return flags;
}

PV_COLD static void unlock(struct pv_irqflags flags)
{
    pv_spin_unlock(&access_lock);
    pv_irq_restore(flags);
}

/* Nothing reaches a CPU without a local APIC; a kernel without one has no lines either. */
PV_COLD static int no_line(void)
{
    return ioapic_count == 0 ? PV_E_UNSUPPORTED : PV_E_RANGE;
}

PV_COLD int pv_native_irq_message(uint32_t cpu, uint8_t vector, struct pv_irq_message *message)
{
    uint32_t apic_id;

    if (vector < 16 || !pv_native_apic_id_of(cpu, &apic_id))
        return PV_E_RANGE;
    if (!pv_native_apic_present() || apic_id > pv_x86_most_destination)
        return PV_E_UNSUPPORTED;
    message->address = pv_x86_message_address(apic_id);
    message->data = vector;
    return PV_OK;
}

/* An entry is a message that the I/O APIC sends. */
PV_COLD int pv_native_irq_route(uint32_t gsi, uint8_t vector, uint32_t flags)
{
    struct pv_irq_message message;
    uint32_t entry;
    const struct ioapic *ioapic = find(gsi, &entry);

    if (ioapic == NULL)
        return no_line();
    int status = pv_native_irq_message(pv_this_cpu()->number, vector, &message);
    if (status != PV_OK)
        return status;

    flags = wiring(gsi, flags);
    uint32_t low = vector | (flags & PV_IRQ_LEVEL) * (ENTRY_LEVEL / PV_IRQ_LEVEL) |
                   (flags & PV_IRQ_ACTIVE_LOW) * (ENTRY_ACTIVE_LOW / PV_IRQ_ACTIVE_LOW);

    /* Masked while the halves do not belong together. */
    struct pv_irqflags irq = lock();
    write(ioapic, entry, ENTRY_MASKED);
    write(ioapic, entry + 1, pv_x86_line_destination(message.address));
    write(ioapic, entry, low);
    unlock(irq);
    return PV_OK;
}

PV_COLD int pv_native_irq_mask(uint32_t gsi, bool masked)
{
    uint32_t entry;
    const struct ioapic *ioapic = find(gsi, &entry);

    if (ioapic == NULL)
        return no_line();

    struct pv_irqflags irq = lock();
    uint32_t low = read(ioapic, entry);
    write(ioapic, entry, masked ? low | ENTRY_MASKED : low & ~ENTRY_MASKED);
    unlock(irq);
    return PV_OK;
}
