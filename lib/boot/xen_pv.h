/* SPDX-License-Identifier: MIT */
/*
 * What Xen leaves to a PV guest. Its page holds the command line behind this structure.
 *
 * ABI: xen/include/public/xen.h, struct start_info.
 */
#ifndef PVOPS_LIB_BOOT_XEN_PV_H
#define PVOPS_LIB_BOOT_XEN_PV_H

#include <stdint.h>

#define PV_XEN_START_INITIAL_DOMAIN  0x2u
#define PV_XEN_START_MODULE_IS_LIST  0x4u /* mod_start is a structure of multiboot1 */
#define PV_XEN_START_MODULE_IS_FRAME 0x8u /* mod_start is a frame number, not an address */

#define PV_XEN_START_MAGIC_BYTES   32u
#define PV_XEN_START_CMDLINE_BYTES 1024u

struct pv_xen_start_info {
    char magic[PV_XEN_START_MAGIC_BYTES];
    uint64_t nr_pages;
    uint64_t shared_info;
    uint32_t flags;
    uint32_t padding_flags;
    uint64_t store_mfn;
    uint32_t store_evtchn;
    uint32_t padding_store;
    uint64_t console_mfn; /* of the hardware domain: two numbers about a VGA console */
    uint32_t console_evtchn;
    uint32_t padding_console;
    uint64_t pt_base;
    uint64_t nr_pt_frames;
    uint64_t mfn_list;
    uint64_t mod_start;
    uint64_t mod_len;
};

_Static_assert(sizeof(struct pv_xen_start_info) == 128, "the command line follows");

#endif
