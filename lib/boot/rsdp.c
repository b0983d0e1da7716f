/* SPDX-License-Identifier: MIT */
/*
 * The root of the ACPI tables: whether what lies where a loader says is one, and the search in the
 * places of old where the loader says nothing that holds.
 *
 * ABI: ACPI 6.5, 5.2.5.1 (where a BIOS leaves it) and 5.2.5.3 (its structure).
 */
#include "lib/boot/intake.h"

#define BIOS_AREA       0xe0000u
#define BIOS_AREA_END   0x100000u
#define EBDA_SEGMENT_AT 0x40eu
#define EBDA_LOWEST     0x400u
#define EBDA_END        0xa0000u
#define EBDA_SEARCHED   0x400u
#define STEP            16u

#define V1_BYTES      20u
#define V2_BYTES      36u
#define V2_REVISION   2u
#define REVISION_AT   15
#define RSDT_AT       16
#define LENGTH_AT     20
#define XSDT_AT       24
#define SIGNATURE_END 8u

static bool has_signature(const uint8_t *bytes)
{
    static const char signature[] = "RSD PTR ";
    for (uint32_t i = 0; i < SIGNATURE_END; i++)
        if (bytes[i] != (uint8_t)signature[i])
            return false;
    return true;
}

static bool sums_to_zero(const uint8_t *bytes, uint32_t count)
{
    uint8_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return sum == 0;
}

static uint64_t number(const uint8_t *bytes, uint32_t count)
{
    uint64_t value = 0;
    for (uint32_t i = count; i != 0; i--)
        value = value << 8 | bytes[i - 1];
    return value;
}

/* The part that came with revision 2; the first V1_BYTES are in `bytes`. */
static const char *fault_of_v2(uint8_t *bytes, uint64_t phys, pv_phys_to_virt_fn phys_to_virt)
{
    if (!pv_intake_copy(bytes + V1_BYTES, phys + V1_BYTES, V2_BYTES - V1_BYTES, phys_to_virt))
        return "The ACPI root pointer cannot be read";
    uint32_t length = (uint32_t)number(bytes + LENGTH_AT, 4);
    if (length < V2_BYTES || length > PV_RSDP_LONGEST)
        return "The ACPI root pointer has a length that cannot be";
    if (!pv_intake_copy(bytes + V2_BYTES, phys + V2_BYTES, length - V2_BYTES, phys_to_virt))
        return "The ACPI root pointer cannot be read";
    if (!sums_to_zero(bytes, length))
        return "The ACPI root pointer has a wrong extended checksum";
    if (number(bytes + XSDT_AT, 8) == 0 && number(bytes + RSDT_AT, 4) == 0)
        return "The ACPI root pointer names no table";
    if (number(bytes + XSDT_AT, 8) >= PV_PHYSICAL_END)
        return "The ACPI root pointer points beyond 52 bits";
    return NULL;
}

/* What is wrong with the structure at phys, or NULL. */
static const char *fault_of(uint64_t phys, pv_phys_to_virt_fn phys_to_virt)
{
    uint8_t bytes[PV_RSDP_LONGEST];
    if (!pv_intake_copy(bytes, phys, V1_BYTES, phys_to_virt))
        return "The ACPI root pointer cannot be read";
    if (!has_signature(bytes))
        return "The ACPI root pointer has no signature";
    if (!sums_to_zero(bytes, V1_BYTES))
        return "The ACPI root pointer has a wrong checksum";
    if (bytes[REVISION_AT] >= V2_REVISION)
        return fault_of_v2(bytes, phys, phys_to_virt);
    return number(bytes + RSDT_AT, 4) == 0 ? "The ACPI root pointer names no table" : NULL;
}

static uint64_t search(uint64_t phys, uint64_t end, pv_phys_to_virt_fn phys_to_virt)
{
    while (phys < end) {
        uint8_t bytes[SIGNATURE_END];
        if (!pv_intake_copy(bytes, phys, sizeof(bytes), phys_to_virt)) {
            phys = (phys | (PV_PAGE_BYTES - 1)) + 1; /* nor can the rest of the page be read */
            continue;
        }
        if (has_signature(bytes) && fault_of(phys, phys_to_virt) == NULL)
            return phys;
        phys += STEP;
    }
    return 0;
}

static uint64_t search_ebda(pv_phys_to_virt_fn phys_to_virt)
{
    uint8_t bytes[2];
    if (!pv_intake_copy(bytes, EBDA_SEGMENT_AT, sizeof(bytes), phys_to_virt))
        return 0;
    uint64_t ebda = number(bytes, 2) << 4;
    if (ebda < EBDA_LOWEST || ebda > EBDA_END - EBDA_SEARCHED)
        return 0;
    return search(ebda, ebda + EBDA_SEARCHED, phys_to_virt);
}

uint64_t pv_rsdp_find(struct pv_boot_info *boot, uint64_t told, pv_phys_to_virt_fn phys_to_virt)
{
    if (told != 0) {
        const char *fault = fault_of(told, phys_to_virt);
        if (fault == NULL)
            return told;
        pv_intake_complain(boot, fault, told);
    }
    uint64_t found = search_ebda(phys_to_virt);
    return found != 0 ? found : search(BIOS_AREA, BIOS_AREA_END, phys_to_virt);
}
