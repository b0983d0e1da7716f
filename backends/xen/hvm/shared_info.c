/* SPDX-License-Identifier: MIT */
/*
 * The shared page of a hardware-virtualized domain: it appears in the domain's memory where the
 * domain wants it, by XENMEM_add_to_physmap (xen/include/public/memory.h).
 *
 * It takes the place of a page of the library's own data. Xen frees the RAM that was there, and the
 * page is a hole once Xen's is taken away again; so RAM is then put back, for whoever runs in this
 * memory next.
 */
#include "backends/xen/hvm/hvm.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/memory.h"
#include "lib/patch.h"

#define PAGE_BYTES 4096u

static union {
    struct pv_xen_shared_info info;
    uint8_t bytes[PAGE_BYTES];
} page __attribute__((aligned(PAGE_BYTES)));

_Static_assert(sizeof(page) == PAGE_BYTES, "one page, and all of it");

struct pv_xen_shared_info *pv_xen_shared;

static uint64_t frame_of_page(void)
{
    uint64_t phys =
        pv_platform->virt_to_phys != NULL ? pv_platform->virt_to_phys(&page) : (uintptr_t)&page;

    return phys / PAGE_BYTES;
}

int pv_xen_hvm_shared_info_map(struct pv_error *error)
{
    struct pv_xen_add_to_physmap add = {
        .domain = PV_XEN_DOMID_SELF,
        .space = PV_XENMAPSPACE_SHARED_INFO,
        .frame = frame_of_page(),
    };

    int64_t result = pv_xen_memory_op(PV_XENMEM_ADD_TO_PHYSMAP, &add);
    if (result != 0) {
        pv_log_number("Xen: errno of XENMEM_add_to_physmap:", (uint64_t)-result);
        return pv_fail(error, PV_E_HOST, "Xen does not map the shared page", 0, -1);
    }
    pv_xen_shared = &page.info;
    return PV_OK;
}

void pv_xen_hvm_shared_info_unmap(void)
{
    uint64_t frame = frame_of_page();
    struct pv_xen_remove_from_physmap remove = {PV_XEN_DOMID_SELF, frame};
    struct pv_xen_memory_reservation ram = {&frame, 1, 0, 0, PV_XEN_DOMID_SELF};

    pv_xen_shared = NULL;
    if (pv_xen_memory_op(PV_XENMEM_REMOVE_FROM_PHYSMAP, &remove) != 0)
        pv_log("Xen: the shared page stays where it is");
    else if (pv_xen_memory_op(PV_XENMEM_POPULATE_PHYSMAP, &ram) != 1)
        pv_log_number("Xen: no RAM for the place of the shared page, frame", frame);
}
