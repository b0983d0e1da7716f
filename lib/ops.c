/* SPDX-License-Identifier: MIT */
/*
 * The ops table, and what listings and the patcher know about each op. Everything is made from
 * the op lists.
 */
#include "lib/ops.h"

struct pv_ops pv_ops = {
#define PV_OP(kind, convention, length, shape, type, name, params, args) \
    .name = (__typeof__(((struct pv_ops *)0)->name))pv_op_missing,
#include "pvops/ops/all.h"
#undef PV_OP
};

const struct pv_op_facts pv_op_facts[PV_OP_COUNT] = {
#define PV_OP(kind, convention, length, shape, type, name, params, args) \
    [PV_OPID_##name] = {#name, length, PV_CONVENTION_##convention},
#include "pvops/ops/all.h"
#undef PV_OP
};

PV_COLD const char *pv_op_name(int op)
{
    return op >= 0 && op < PV_OP_COUNT ? pv_op_facts[op].name : "?";
}

static const struct pv_sequence *sequence_in(const struct pv_backend *backend, enum pv_op_id op)
{
    const struct pv_sequence *sequence = backend->sequences;

    for (; sequence != backend->sequences_end; sequence++)
        if (sequence->op == (uint16_t)op)
            return backend->sequence_fits == NULL || backend->sequence_fits(op) ? sequence : NULL;
    return NULL;
}

PV_COLD pv_function pv_backend_function(const struct pv_backend *backend, enum pv_op_id op)
{
    for (; backend != NULL; backend = backend->base) {
        pv_function function = pv_slot_of(backend->ops, op);
        if (function != NULL)
            return function;
    }
    return pv_op_missing;
}

PV_COLD const struct pv_sequence *pv_backend_sequence(const struct pv_backend *backend,
                                                      enum pv_op_id op)
{
    for (; backend != NULL; backend = backend->base) {
        const struct pv_sequence *sequence = sequence_in(backend, op);
        if (sequence != NULL)
            return sequence;
        if (pv_slot_of(backend->ops, op) != NULL)
            return NULL; /* its function hides what the base would put inline */
    }
    return NULL;
}

PV_COLD void pv_ops_fill(const struct pv_backend *backend)
{
    for (unsigned op = 0; op < PV_OP_COUNT; op++)
        pv_slot_set((enum pv_op_id)op, pv_backend_function(backend, (enum pv_op_id)op));
}
