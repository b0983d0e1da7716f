/* SPDX-License-Identifier: MIT */
/*
 * Memory maps from the VMM. That of this machine, where the loader told none: Xen gives its
 * hardware domain a start_info of version 0 when that is PVH (xen/arch/x86/hvm/dom0_build.c). And
 * that of the machine underneath, for who may have its devices.
 */
#include "lib/boot/intake.h"
#include "pvops/memory.h"
#include "lib/switch.h"

int pv_boot_ask_memory(struct pv_boot_info *boot)
{
    struct pv_memory_range ranges[PV_BOOT_RANGES];
    const struct pv_backend *backend = pv_backend_fittest();

    if (boot->ranges_used != 0)
        return PV_OK;
    if (backend == NULL || backend->memory_map == NULL)
        return PV_E_UNSUPPORTED;
    int count = backend->memory_map(ranges, PV_BOOT_RANGES);
    if (count <= 0)
        return count < 0 ? count : PV_E_HOST;
    for (int i = 0; i < count; i++)
        pv_intake_range(boot, ranges[i].start, ranges[i].bytes, ranges[i].type);
    pv_intake_check_modules(boot);
    return boot->ranges_used != 0 ? PV_OK : PV_E_HOST;
}

int pv_machine_memory_map(struct pv_memory_range *ranges, unsigned room)
{
    const struct pv_host_memory *host = pv_backend != NULL ? pv_backend->memory : NULL;

    return host != NULL ? host->machine_map(ranges, room) : PV_E_UNSUPPORTED;
}
