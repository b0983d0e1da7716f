/* SPDX-License-Identifier: MIT */
/*
 * Taking emulated devices away: xen/docs/misc/hvm-emulated-unplug.pandoc. An HVM guest is given
 * disks and network cards twice, emulated and by Xen's own protocols, and who drives the latter
 * asks for the former to go, before it looks at its buses. They do not come back.
 *
 * Who does not is left with nothing, so it is done only if the command line says so: unplug=disks,
 * unplug=nics, unplug=all.
 */
#include "backends/xen/hvm/hvm.h"
#include "lib/patch.h"

#define PORT_MAGIC    0x10u /* reads the magic number; takes the build number and the devices */
#define PORT_PROTOCOL 0x12u /* reads the protocol's version; takes the product number */
#define MAGIC         0x49d2u

/* xen/include/public/hvm/pvdrivers.h: "experimental". */
#define PRODUCT 0xffffu
#define BUILD   1u

/* Whoever manages the guest may refuse a product: then the magic number has changed. */
static bool may_drive(void)
{
    if (pv_io_in16(PORT_MAGIC) != MAGIC)
        return false;
    if (pv_io_in8(PORT_PROTOCOL) == 0)
        return true;
    pv_io_out16(PORT_PROTOCOL, PRODUCT);
    pv_io_out32(PORT_MAGIC, BUILD);
    return pv_io_in16(PORT_MAGIC) == MAGIC;
}

PV_COLD bool pv_xen_hvm_unplug(uint16_t devices)
{
    if (!may_drive())
        return false;
    pv_io_out16(PORT_MAGIC, devices);
    return true;
}

PV_COLD void pv_xen_hvm_unplug_as_asked(void)
{
    static bool done;
    unsigned devices = 0;

    if (pv_command_line_has("unplug=disks") || pv_command_line_has("unplug=all"))
        devices |= PV_XEN_UNPLUG_DISKS | PV_XEN_UNPLUG_NVME;
    if (pv_command_line_has("unplug=nics") || pv_command_line_has("unplug=all"))
        devices |= PV_XEN_UNPLUG_NICS;
    if (done || devices == 0)
        return;
    done = true;
    if (!pv_xen_hvm_unplug((uint16_t)devices))
        pv_log("Xen: there is nobody who takes emulated devices away, or he does not want to");
}
