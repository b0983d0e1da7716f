/* SPDX-License-Identifier: MIT */
/*
 * The end of a domain: SCHEDOP_shutdown (xen/include/public/sched.h). The reason tells whoever
 * manages the domain how it went.
 */
#include "backends/xen/xen.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/sched.h"
#include "lib/x86/debug_exit.h"

void pv_xen_power_off(int status)
{
    struct pv_xen_shutdown shutdown = {status == 0 ? PV_SHUTDOWN_POWEROFF : PV_SHUTDOWN_CRASH};

    /* First, for when the hardware domain ends so does the machine, without a result. */
    pv_io_out8(PV_DEBUG_EXIT_PORT, pv_debug_exit_value(status));
    /* What is still in the console's ring would be lost with the domain. */
    pv_xen_console_drain();
    (void)pv_xen_sched_op(PV_SCHEDOP_SHUTDOWN, &shutdown);
}
