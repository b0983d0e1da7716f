/* SPDX-License-Identifier: MIT */
/*
 * One way in for all doors, and the same checks for kernels with an entry of their own.
 */
#include "lib/boot/intake.h"
#include "pvops/status.h"

int pv_boot_from(enum pv_door door, uint64_t info, void *(*phys_to_virt)(uint64_t phys),
                 struct pv_boot_info *boot)
{
    switch (door) {
    case PV_DOOR_PVH:
        return pv_boot_from_pvh(info, phys_to_virt, boot);
    case PV_DOOR_MULTIBOOT1:
        return pv_boot_from_multiboot1(info, phys_to_virt, boot);
    case PV_DOOR_MULTIBOOT2:
        return pv_boot_from_multiboot2(info, phys_to_virt, boot);
    case PV_DOOR_XEN_PV:
        return pv_boot_from_xen_pv(info, phys_to_virt, boot);
    case PV_DOOR_OWN:
        break;
    }
    pv_intake_begin(boot, PV_DOOR_OWN);
    return PV_E_ARGUMENT;
}

static uint32_t at_most(uint32_t count, uint32_t most)
{
    return count < most ? count : most;
}

/* The text is saved first, for the module may be taken into its own place. */
static void retake_module(struct pv_boot_info *boot, const struct pv_boot_module *module,
                          pv_phys_to_virt_fn phys_to_virt)
{
    char text[PV_BOOT_MODULE_TEXT];
    for (uint32_t i = 0; i < PV_BOOT_MODULE_TEXT; i++)
        text[i] = module->text[i];
    text[PV_BOOT_MODULE_TEXT - 1] = '\0';

    uint32_t before = boot->modules_used;
    pv_intake_module(boot, module->start, module->bytes, 0, 0, phys_to_virt);
    if (boot->modules_used == before)
        return;
    for (uint32_t i = 0; i < PV_BOOT_MODULE_TEXT; i++)
        boot->modules[before].text[i] = text[i];
}

/* Ranges are put back one by one into the table they come from, hence the copy. A module goes to
 * its old place or one before it. */
void pv_boot_normalise(struct pv_boot_info *boot, void *(*phys_to_virt)(uint64_t phys))
{
    struct pv_memory_range ranges[PV_BOOT_RANGES];
    uint32_t range_count = at_most(boot->ranges_used, PV_BOOT_RANGES);
    uint32_t module_count = at_most(boot->modules_used, PV_BOOT_MODULES);
    uint64_t rsdp = boot->rsdp;
    for (uint32_t i = 0; i < range_count; i++)
        ranges[i] = boot->ranges[i];

    char first = boot->cmdline[0];
    struct pv_boot_xen_pv xen_pv = boot->xen_pv;
    pv_intake_begin(boot, boot->door);
    if (boot->door == PV_DOOR_XEN_PV)
        boot->xen_pv = xen_pv;
    boot->cmdline[0] = first;
    boot->cmdline[PV_BOOT_CMDLINE - 1] = '\0';
    for (uint32_t i = 0; i < range_count; i++)
        pv_intake_own_range(boot, ranges[i].start, ranges[i].bytes, ranges[i].type);
    for (uint32_t i = 0; i < module_count; i++)
        retake_module(boot, &boot->modules[i], phys_to_virt);
    pv_intake_finish(boot, (struct pv_rsdp_hint){.phys = rsdp}, phys_to_virt);
}
