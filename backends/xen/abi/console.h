/* SPDX-License-Identifier: MIT */
/*
 * Consoles: Xen's own, by hypercall (xen/include/public/xen.h, CONSOLEIO_*), and a domain's, a pair
 * of rings in a page shared with the console's back end (xen/include/public/io/console.h).
 */
#ifndef PVOPS_XEN_ABI_CONSOLE_H
#define PVOPS_XEN_ABI_CONSOLE_H

#include <stdint.h>

#define PV_CONSOLEIO_WRITE 0
#define PV_CONSOLEIO_READ  1

#define PV_XEN_CONSOLE_IN  1024
#define PV_XEN_CONSOLE_OUT 2048

/* Indices run on freely; an index modulo the ring's size is the place in it. */
struct pv_xen_console {
    char in[PV_XEN_CONSOLE_IN];
    char out[PV_XEN_CONSOLE_OUT];
    uint32_t in_consumer;
    uint32_t in_producer;
    uint32_t out_consumer;
    uint32_t out_producer;
};

#endif
