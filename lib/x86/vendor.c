/* SPDX-License-Identifier: MIT */
/*
 * The processor's vendor, read directly: this may be asked before there is an ops table.
 */
#include "lib/x86/vendor.h"
#include "lib/detect.h"
#include "lib/cold.h"

/* CPUID.0: EBX, EDX, ECX spell the vendor (AMD APM vol. 3, E.3.1; the order is the document's). */
struct vendor {
    uint32_t ebx, edx, ecx;
};

static const struct vendor with_vmmcall[] = {
    {0x68747541, 0x69746e65, 0x444d4163}, /* "Auth" "enti" "cAMD" */
    {0x6f677948, 0x6e65476e, 0x656e6975}, /* "Hygo" "nGen" "uine" */
};

PV_COLD bool pv_x86_has_vmmcall(void)
{
    uint32_t regs[4];

    pv_cpuid_raw(0, 0, regs);
    for (unsigned i = 0; i < sizeof(with_vmmcall) / sizeof(with_vmmcall[0]); i++)
        if (regs[1] == with_vmmcall[i].ebx && regs[3] == with_vmmcall[i].edx &&
            regs[2] == with_vmmcall[i].ecx)
            return true;
    return false;
}
