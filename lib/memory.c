/* SPDX-License-Identifier: MIT */
/*
 * Memory that goes and comes: given back to the VMM and taken again (pvops/memory.h), or somebody
 * else's (pvops/mmu.h); done by the backend for the VMM.
 */
#include "lib/patch.h"
#include "lib/switch.h"

PV_COLD static const struct pv_host_memory *host(void)
{
    return pv_backend != NULL ? pv_backend->memory : NULL;
}

PV_COLD int pv_memory_limits(struct pv_memory_limits *limits)
{
    return host() != NULL ? host()->limits(limits) : PV_E_UNSUPPORTED;
}

PV_COLD static int change(bool take, const uint64_t *frames, uint32_t count, struct pv_error *error)
{
    uint32_t done = 0;
    int status = 0;

    if (host() == NULL)
        return pv_fail(error, PV_E_UNSUPPORTED, "the VMM gives and takes no memory while this runs",
                       0, -1);
    while (done < count && status >= 0) {
        uint32_t most = count - done < PV_HOST_MEMORY_PAGES ? count - done : PV_HOST_MEMORY_PAGES;
        status = (take ? host()->take : host()->give)(frames + done, most, error);
        done += status > 0 ? (uint32_t)status : 0;
        if (status >= 0 && (uint32_t)status < most)
            break;
    }
    return done != 0 || status >= 0 ? (int)done : status;
}

PV_COLD int pv_memory_give(const uint64_t *frames, uint32_t count, struct pv_error *error)
{
    return change(false, frames, count, error);
}

PV_COLD int pv_memory_take(const uint64_t *frames, uint32_t count, struct pv_error *error)
{
    return change(true, frames, count, error);
}

PV_COLD int pv_pte_set_foreign(struct pv_pte *entry, struct pv_pte value, uint16_t domain,
                               struct pv_error *error)
{
    if (pv_backend == NULL || pv_backend->pte_set_foreign == NULL)
        return pv_fail(error, PV_E_UNSUPPORTED, "the VMM owns no page tables", 0, -1);
    return pv_backend->pte_set_foreign(entry, value, domain, error);
}
