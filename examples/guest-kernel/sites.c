/* SPDX-License-Identifier: MIT */
/*
 * `sites`: the bytes of every call site, for a decoder outside of the machine.
 */
#include "commands.h"
#include "console.h"
#include "pvops/pvops.h"

extern const struct pv_site __start_pv_sites[], __stop_pv_sites[];

void sites(void)
{
    for (const struct pv_site *record = __start_pv_sites; record < __stop_pv_sites; record++) {
        uintptr_t site = (uintptr_t)&record->offset + (uintptr_t)(intptr_t)record->offset;
        print("site %lx ", site);
        for (unsigned i = 0; i < record->length; i++)
            print("%02x", ((const uint8_t *)site)[i]);
        print("\n");
    }
}
