/* SPDX-License-Identifier: MIT */
/*
 * Which instruction makes a hypercall here.
 */
#include "backends/kvm/hypercall.h"
#include "lib/backend.h"

bool pv_kvm_vmmcall;

/* CPUID.0: EBX, EDX, ECX spell the vendor (AMD APM vol. 3, E.3.1; the order is the document's). */
struct vendor {
    uint32_t ebx, edx, ecx;
};

static const struct vendor with_vmmcall[] = {
    {0x68747541, 0x69746e65, 0x444d4163}, /* "Auth" "enti" "cAMD" */
    {0x6f677948, 0x6e65476e, 0x656e6975}, /* "Hygo" "nGen" "uine" */
};

void pv_kvm_hypercall_init(void)
{
    uint32_t regs[4];

    pv_cpu_cpuid(0, 0, regs);
    for (unsigned i = 0; i < sizeof(with_vmmcall) / sizeof(with_vmmcall[0]); i++)
        if (regs[1] == with_vmmcall[i].ebx && regs[3] == with_vmmcall[i].edx &&
            regs[2] == with_vmmcall[i].ecx)
            pv_kvm_vmmcall = true;
}
