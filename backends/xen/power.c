/* SPDX-License-Identifier: MIT */
/*
 * The end of a domain: SCHEDOP_shutdown (xen/include/public/sched.h). The reason tells whoever
 * manages the domain how it went.
 */
#include "backends/xen/xen.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/sched.h"
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
