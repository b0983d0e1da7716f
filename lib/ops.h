/* SPDX-License-Identifier: MIT */
/*
 * The ops table seen as an array, and what is known of each op at run time.
 */
#ifndef PVOPS_LIB_OPS_H
#define PVOPS_LIB_OPS_H

#include "lib/backend.h"

typedef void (*pv_function)(void);

enum pv_convention { PV_CONVENTION_SAVE, PV_CONVENTION_KEEP, PV_CONVENTION_CALL };

struct pv_op_facts {
    const char *name;
    uint8_t length;     /* of its sites; 0: cold */
    uint8_t convention; /* enum pv_convention */
};

extern const struct pv_op_facts pv_op_facts[PV_OP_COUNT];

/* A slot by number: the table is one function pointer an op (pvops/table.h). */
static inline pv_function pv_slot_of(const struct pv_ops *ops, enum pv_op_id op)
{
    pv_function function;
    __builtin_memcpy(&function, (const char *)ops + (size_t)op * sizeof(function),
                     sizeof(function));
    return function;
}

static inline void pv_slot_set(enum pv_op_id op, pv_function function)
{
    pv_function *slot = (pv_function *)(void *)((char *)&pv_ops + (size_t)op * sizeof(function));
    __atomic_store_n(slot, function, __ATOMIC_RELEASE);
}

/* What a backend and those below it have for an op; pv_op_missing() if nothing. */
pv_function pv_backend_function(const struct pv_backend *backend, enum pv_op_id op);

/* The sequence that may stand for that function in a site; NULL if none. */
const struct pv_sequence *pv_backend_sequence(const struct pv_backend *backend, enum pv_op_id op);

/* Makes the table that of a backend. Sites are not touched. */
void pv_ops_fill(const struct pv_backend *backend);

#endif
