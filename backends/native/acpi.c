/* SPDX-License-Identifier: MIT */
/*
 * The few facts of the ACPI tables that this backend needs: I/O APICs, the power management timer,
 * how to power off, whether there is a CMOS clock. ACPI 6.5; sections are named at each function.
 *
 * No table is trusted: a length is checked before anything behind it is read, a checksum before
 * anything is used, and every loop ends at a bound. What is missing or wrong is left out.
 */
#include "backends/native/native.h"
#include "lib/switch.h"

#define TABLE_HEADER_BYTES 36u
/* Tables of real machines stay below; a length beyond is a lie. */
#define TABLE_MAX_BYTES (4u << 20)
#define ROOT_MAX_TABLES 128u
#define RSDP_BYTES_1    20u
#define RSDP_BYTES_2    36u

/* Offsets in the FADT: section 5.2.9. */
#define FADT_DSDT           40u
#define FADT_SMI_CMD        48u
#define FADT_ACPI_ENABLE    52u
#define FADT_PM1A_CNT       64u
#define FADT_PM1B_CNT       68u
#define FADT_PM_TMR         76u
#define FADT_CENTURY        108u
#define FADT_IAPC_BOOT_ARCH 109u
#define FADT_FLAGS          112u
#define FADT_X_DSDT         140u
#define FADT_X_PM1A_CNT     172u
#define FADT_X_PM1B_CNT     184u
#define FADT_X_PM_TMR       208u
#define FADT_SLEEP_CONTROL  244u

/* FADT flags: section 5.2.9, fixed feature flags. */
#define FADT_TMR_VAL_EXT     (1u << 8)
#define FADT_HW_REDUCED_ACPI (1u << 20)
/* IAPC_BOOT_ARCH: section 5.2.9, IA-PC boot architecture flags. */
#define FADT_BOOT_8042         (1u << 1)
#define FADT_BOOT_CMOS_MISSING (1u << 5)

/* Generic address structure: section 5.2.3.2. */
#define GAS_SPACE_MEMORY 0
#define GAS_SPACE_IO     1
#define GAS_ADDRESS      4u

/* MADT: sections 5.2.12, 5.2.12.2 (local APIC), 5.2.12.3 (I/O APIC), 5.2.12.5 (interrupt source
 * override), 5.2.12.12 (local x2APIC). */
#define MADT_ENTRIES        44u
#define MADT_CPU            0
#define MADT_CPU_BYTES      8
#define MADT_CPU_X2         9
#define MADT_CPU_X2_BYTES   16
#define MADT_CPU_ENABLED    1u
#define MADT_IOAPIC         1
#define MADT_IOAPIC_BYTES   12
#define MADT_OVERRIDE       2
#define MADT_OVERRIDE_BYTES 10

/* HPET: IA-PC HPET Specification 1.0a, 3.2.4. */
#define HPET_ADDRESS 40u

struct table {
    const uint8_t *bytes; /* NULL: there is none */
    uint32_t length;
};

struct pv_acpi pv_native_acpi;

/* A field, or 0 when the table ends before it: so older and shorter tables read. */
PV_COLD __attribute__((noinline)) static uint64_t get(const struct table *table, uint32_t offset,
                                                      unsigned size)
{
    uint64_t value = 0;

    if (offset > table->length || size > table->length - offset)
        return 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)table->bytes[offset + i] << (8 * i);
    return value;
}

static uint8_t get8(const struct table *table, uint32_t offset)
{
    return (uint8_t)get(table, offset, 1);
}

static uint16_t get16(const struct table *table, uint32_t offset)
{
    return (uint16_t)get(table, offset, 2);
}

static uint32_t get32(const struct table *table, uint32_t offset)
{
    return (uint32_t)get(table, offset, 4);
}

PV_COLD static bool sums_to_zero(const uint8_t *bytes, uint32_t length)
{
    uint8_t sum = 0;

    for (uint32_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return sum == 0;
}

PV_COLD static bool is(const uint8_t *bytes, const char *signature, unsigned length)
{
    for (unsigned i = 0; i < length; i++)
        if (bytes[i] != (uint8_t)signature[i])
            return false;
    return true;
}

PV_COLD static const uint8_t *map(uint64_t phys, uint32_t bytes)
{
    if (phys == 0 || phys > UINT64_MAX - bytes)
        return NULL;
    return pv_platform->map_physical(phys, bytes, false);
}

/*
 * Section 5.2.6: the header that all but the RSDP begin with. Who names a table says what it is;
 * the checksum says whether it is one. Signatures tell the tables of the root table apart, and are
 * not asked of that itself: what Xen makes for a PVH dom0 has the header of firmware's, which is
 * rubbish if firmware has only the old kind (pvh_setup_acpi_xsdt).
 */
static struct table open_table(uint64_t phys)
{
    struct table none = {NULL, 0};
    struct table header = {map(phys, TABLE_HEADER_BYTES), TABLE_HEADER_BYTES};

    if (header.bytes == NULL)
        return none;
    uint32_t length = get32(&header, 4);
    if (length < TABLE_HEADER_BYTES || length > TABLE_MAX_BYTES) {
        pv_log_number("ACPI table ignored, its length is", length);
        return none;
    }
    struct table table = {map(phys, length), length};
    if (table.bytes == NULL || !sums_to_zero(table.bytes, length)) {
        pv_log_number("ACPI table ignored, its checksum is wrong, at", phys);
        return none;
    }
    return table;
}

/* Section 5.2.5.3. The root table's physical address, and the size of its entries. */
static uint64_t root_of(uint64_t rsdp, unsigned *entry_bytes)
{
    struct table table = {map(rsdp, RSDP_BYTES_1), RSDP_BYTES_1};

    if (table.bytes == NULL || !is(table.bytes, "RSD PTR ", 8) ||
        !sums_to_zero(table.bytes, RSDP_BYTES_1))
        return 0;
    *entry_bytes = 4;
    if (get8(&table, 15) < 2)
        return get32(&table, 16);

    struct table second = {map(rsdp, RSDP_BYTES_2), RSDP_BYTES_2};
    if (second.bytes == NULL || !sums_to_zero(second.bytes, RSDP_BYTES_2) ||
        get(&second, 24, 8) == 0)
        return get32(&table, 16);
    *entry_bytes = 8;
    return get(&second, 24, 8);
}

/* All ones is everybody's identity, and nobody's. */
PV_COLD static void take_cpu(uint32_t apic_id, uint32_t nobody, uint32_t flags)
{
    struct pv_acpi *acpi = &pv_native_acpi;

    if ((flags & MADT_CPU_ENABLED) == 0 || apic_id == nobody)
        return;
    for (uint32_t i = 0; i < acpi->cpus; i++)
        if (acpi->cpu[i] == apic_id)
            return;
    if (acpi->cpus == PV_ACPI_CPUS)
        acpi->cpus_left_out++;
    else
        acpi->cpu[acpi->cpus++] = apic_id;
}

/* Sections 5.2.12.2, 5.2.12.3, 5.2.12.5 and 5.2.12.12. */
static void take_madt_entry(const struct table *madt, uint32_t offset, uint8_t type, uint8_t length)
{
    struct pv_acpi *acpi = &pv_native_acpi;

    if (type == MADT_CPU && length >= MADT_CPU_BYTES)
        take_cpu(get8(madt, offset + 3), UINT8_MAX, get32(madt, offset + 4));
    if (type == MADT_CPU_X2 && length >= MADT_CPU_X2_BYTES)
        take_cpu(get32(madt, offset + 4), UINT32_MAX, get32(madt, offset + 8));
    if (type == MADT_IOAPIC && length >= MADT_IOAPIC_BYTES && acpi->ioapics < PV_ACPI_IOAPICS) {
        struct pv_acpi_ioapic *ioapic = &acpi->ioapic[acpi->ioapics++];
        ioapic->address = get32(madt, offset + 4);
        ioapic->gsi_base = get32(madt, offset + 8);
    }
    if (type == MADT_OVERRIDE && length >= MADT_OVERRIDE_BYTES &&
        acpi->overrides < PV_ACPI_OVERRIDES) {
        struct pv_acpi_override *override = &acpi->override[acpi->overrides++];
        override->gsi = get32(madt, offset + 4);
        override->flags = get16(madt, offset + 8);
    }
}

PV_COLD static void read_madt(const struct table *madt)
{
    uint32_t offset = MADT_ENTRIES;

    while (offset + 2 <= madt->length) {
        uint8_t type = get8(madt, offset);
        uint8_t length = get8(madt, offset + 1);
        if (length < 2 || length > madt->length - offset)
            return;
        take_madt_entry(madt, offset, type, length);
        offset += length;
    }
}

/* A port given by its old 32-bit field, or by its new generic address. */
PV_COLD static uint16_t port_of(const struct table *fadt, uint32_t old, uint32_t generic)
{
    uint64_t port = get32(fadt, old);

    if (port == 0 && get8(fadt, generic) == GAS_SPACE_IO)
        port = get(fadt, generic + GAS_ADDRESS, 8);
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* Section 4.8.3.7: where reduced hardware has a register in place of PM1_CNT. */
static void read_sleep_control(const struct table *fadt)
{
    uint64_t address = get(fadt, FADT_SLEEP_CONTROL + GAS_ADDRESS, 8);
    uint8_t space = get8(fadt, FADT_SLEEP_CONTROL);

    if (address == 0)
        return;
    if (space == GAS_SPACE_IO && address <= UINT16_MAX)
        pv_native_acpi.sleep_port = (uint16_t)address;
    if (space == GAS_SPACE_MEMORY)
        pv_native_acpi.sleep_mmio = pv_platform->map_physical(address, 1, true);
}

/* An integer of AML in its short forms (section 20.2.3); anything else is not a sleep type. */
PV_COLD static bool aml_small_integer(const struct table *dsdt, uint32_t *offset, uint8_t *value)
{
    uint8_t code = get8(dsdt, *offset);

    *value = code;
    *offset += 1;
    if (code == 0x0a) { /* BytePrefix */
        *value = get8(dsdt, *offset);
        *offset += 1;
    } else if (code > 0x01) { /* not ZeroOp, OneOp */
        return false;
    }
    return *value <= 7;
}

/* Name (_S5, Package () {a, b, ...}) as bytes, from its name segment:
 * sections 7.4.2, 20.2.4, 20.2.5. */
static bool read_s5_at(const struct table *dsdt, uint32_t name)
{
    bool plain = name >= 1 && dsdt->bytes[name - 1] == 0x08;
    bool rooted = name >= 2 && dsdt->bytes[name - 1] == '\\' && dsdt->bytes[name - 2] == 0x08;
    uint32_t offset = name + 4;

    if ((!plain && !rooted) || get8(dsdt, offset) != 0x12) /* NameOp, PackageOp */
        return false;
    /* The top two bits of a package's length say how many more bytes the length has. */
    offset += 2 + (get8(dsdt, offset + 1) >> 6);
    if (get8(dsdt, offset) < 1)
        return false;
    bool two = get8(dsdt, offset) >= 2;
    offset++;
    if (!aml_small_integer(dsdt, &offset, &pv_native_acpi.sleep_type_a))
        return false;
    if (!two || !aml_small_integer(dsdt, &offset, &pv_native_acpi.sleep_type_b))
        pv_native_acpi.sleep_type_b = pv_native_acpi.sleep_type_a;
    return true;
}

static void read_dsdt(const struct table *dsdt)
{
    if (dsdt->bytes == NULL)
        return;
    for (uint32_t i = TABLE_HEADER_BYTES; i + 8 <= dsdt->length; i++) {
        if (is(dsdt->bytes + i, "_S5_", 4) && read_s5_at(dsdt, i)) {
            pv_native_acpi.sleep_known = true;
            return;
        }
    }
}

/* Section 5.2.9. */
PV_COLD static void read_fadt(const struct table *fadt)
{
    struct pv_acpi *acpi = &pv_native_acpi;
    uint32_t flags = get32(fadt, FADT_FLAGS);
    uint16_t boot_arch = get16(fadt, FADT_IAPC_BOOT_ARCH);

    acpi->cmos_century = get8(fadt, FADT_CENTURY);
    acpi->no_cmos = (boot_arch & FADT_BOOT_CMOS_MISSING) != 0;
    /* The bit is defined from revision 3 (ACPI 2.0b... 3.0) on. */
    acpi->no_keyboard_controller = get8(fadt, 8) >= 3 && (boot_arch & FADT_BOOT_8042) == 0;
    if (flags & FADT_HW_REDUCED_ACPI) {
        read_sleep_control(fadt);
    } else {
        acpi->pm_timer = port_of(fadt, FADT_PM_TMR, FADT_X_PM_TMR);
        acpi->pm_timer_mask = flags & FADT_TMR_VAL_EXT ? UINT32_MAX : 0xffffff;
        acpi->pm1a_control = port_of(fadt, FADT_PM1A_CNT, FADT_X_PM1A_CNT);
        acpi->pm1b_control = port_of(fadt, FADT_PM1B_CNT, FADT_X_PM1B_CNT);
        acpi->smi_command = port_of(fadt, FADT_SMI_CMD, UINT32_MAX);
        acpi->acpi_enable = get8(fadt, FADT_ACPI_ENABLE);
    }
    uint64_t dsdt = get(fadt, FADT_X_DSDT, 8);
    struct table table = open_table(dsdt != 0 ? dsdt : get32(fadt, FADT_DSDT));
    read_dsdt(&table);
}

PV_COLD static void read_hpet(const struct table *hpet)
{
    if (get8(hpet, HPET_ADDRESS) == GAS_SPACE_MEMORY)
        pv_native_acpi.hpet = get(hpet, HPET_ADDRESS + GAS_ADDRESS, 8);
}

static const struct {
    char signature[5];
    void (*read)(const struct table *table);
} kinds[] = {{"APIC", read_madt}, {"FACP", read_fadt}, {"HPET", read_hpet}};

PV_COLD static void read_table(uint64_t phys)
{
    const uint8_t *signature = map(phys, TABLE_HEADER_BYTES);

    for (unsigned i = 0; signature != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!is(signature, kinds[i].signature, 4))
            continue;
        struct table table = open_table(phys);
        if (table.bytes != NULL)
            kinds[i].read(&table);
        return;
    }
}

PV_COLD void pv_native_acpi_read(void)
{
    unsigned entry_bytes = 0;

    if (pv_boot == NULL || pv_boot->rsdp == 0 || pv_platform->map_physical == NULL)
        return;
    uint64_t phys = root_of(pv_boot->rsdp, &entry_bytes);
    if (phys == 0) {
        pv_log_number("no ACPI root pointer where the loader said, at", pv_boot->rsdp);
        return;
    }
    /* Sections 5.2.7 and 5.2.8. */
    struct table root = open_table(phys);
    if (root.bytes == NULL)
        return;
    uint32_t tables = (root.length - TABLE_HEADER_BYTES) / entry_bytes;
    for (uint32_t i = 0; i < tables && i < ROOT_MAX_TABLES; i++)
        read_table(get(&root, TABLE_HEADER_BYTES + i * entry_bytes, entry_bytes));
    if (pv_native_acpi.cpus_left_out != 0)
        pv_log_number("CPUs beyond PV_CONFIG_MAX_CPUS, which are left out:",
                      pv_native_acpi.cpus_left_out);
}
