/* SPDX-License-Identifier: MIT */
/*
 * What the VMM underneath has for a kernel, whichever backend is in force: a kernel that was asked
 * to run with the native backend still has something to say, and an end.
 */
#include "lib/patch.h"
#include "lib/switch.h"

PV_COLD int pv_console_write(const char *text, size_t length)
{
    const struct pv_backend *backend = pv_backend_fittest();

    if (backend == NULL || backend->console_write == NULL)
        return PV_E_UNSUPPORTED;
    return backend->console_write(text, length);
}

PV_COLD int pv_console_read(char *buffer, size_t size)
{
    const struct pv_backend *backend = pv_backend_fittest();

    if (backend == NULL || backend->console_read == NULL)
        return PV_E_UNSUPPORTED;
    return backend->console_read(buffer, size);
}

PV_COLD void pv_host_calls(struct pv_host_calls *counts)
{
    *counts = (struct pv_host_calls){0, 0, 0, 0};
    if (pv_backend != NULL && pv_backend->host_calls != NULL)
        pv_backend->host_calls(counts);
}

PV_COLD int pv_soft_reset(struct pv_error *error)
{
    const struct pv_backend *backend = pv_backend_fittest();

    if (backend == NULL || backend->soft_reset == NULL)
        return pv_fail_at(error, PV_E_UNSUPPORTED, "this VMM has no soft reset for this machine",
                          0);
    return backend->soft_reset(error);
}

PV_COLD void pv_vmm_power_off(int status)
{
    const struct pv_backend *backend = pv_backend_fittest();

    if (backend != NULL && backend->power_off != NULL)
        backend->power_off(status);
}
