/* SPDX-License-Identifier: MIT */
/*
 * The end of a domain: SCHEDOP_shutdown (xen/include/public/sched.h). The reason tells whoever
 * manages the domain how it went.
 */
#include "backends/xen/xen.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/sched.h"
#include "backends/xen/abi/version.h"
#include "lib/patch.h"
#include "lib/x86/debug_exit.h"

/* The port comes first: when the hardware domain ends so does the machine, without a result. */
void pv_xen_power_off(int status)
{
    pv_io_out8(PV_DEBUG_EXIT_PORT, pv_debug_exit_value(status));
    pv_xen_shut_down(status);
}

void pv_xen_shut_down(int status)
{
    struct pv_xen_shutdown shutdown = {status == 0 ? PV_SHUTDOWN_POWEROFF : PV_SHUTDOWN_CRASH};

    /* What is still in the console's ring would be lost with the domain. */
    pv_xen_console_drain();
    (void)pv_xen_sched_op(PV_SCHEDOP_SHUTDOWN, &shutdown);
}

/*
 * The call comes back when the domain's manager has had everything reset (XEN_DOMCTL_soft_reset,
 * xen/common/domain.c), and not at all if it was told to do something else. The console has the
 * same ring then, and perhaps another port. The hardware domain has no manager: Xen would restart
 * the machine (xen/common/shutdown.c, hwdom_shutdown()).
 */
int pv_xen_soft_reset(struct pv_error *error)
{
    struct pv_xen_shutdown shutdown = {PV_SHUTDOWN_SOFT_RESET};

    if (pv_xen_has_feature(PV_XENFEAT_DOM0))
        return pv_fail(error, PV_E_UNSUPPORTED,
                       "Xen would restart the machine: its hardware domain has no soft reset", 0,
                       -1);
    pv_xen_console_drain();
    int64_t result = pv_xen_sched_op(PV_SCHEDOP_SHUTDOWN, &shutdown);
    pv_xen_console_forget();
    if (result != 0)
        return pv_fail(error, PV_E_HOST, "Xen refuses a soft reset, errno", (uint64_t)-result, -1);
    return PV_OK;
}
