/* SPDX-License-Identifier: MIT */
/*
 * Which backend is in force, for who decides it at boot.
 */
#ifndef PVOPS_LIB_SWITCH_H
#define PVOPS_LIB_SWITCH_H

#include "lib/backend.h"

/* Makes the table and the contents of sites those of a backend. Sites are not touched. */
void pv_backend_set(const struct pv_backend *backend);

/* Enters the backend in force and all that it stands on. */
int pv_backend_enter(struct pv_error *error);

/* The backend whose name is the first `length` characters of name; NULL: none. */
const struct pv_backend *pv_backend_named(const char *name, size_t length);

/* The backend that serves the VMM underneath best; NULL before detection. */
const struct pv_backend *pv_backend_fittest(void);

/* Ends the machine in the VMM's own way, if it has one; returns if not. */
void pv_vmm_power_off(int status);

/* What detection found. */
const struct pv_detection *pv_detected(void);

#endif
