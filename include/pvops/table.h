/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The ops table, made from the op lists; the one place that explains their columns.
 *
 * An op is written down once, in a list under pvops/ops/, as
 *
 *     PV_OP(kind, convention, length, shape, type, name, (parameters), (arguments))
 *
 * and everything else is made from there by including the lists with another PV_OP: the slot in
 * struct pv_ops, the number in enum pv_op_id, the wrapper pv_NAME(), the name in listings, the
 * room at call sites, the rows of the tests.
 *
 * - kind: HOT, patched at every call site; or COLD, an ordinary call through the table.
 * - convention: SAVE, the callee keeps every register but rax and the flags; KEEP, the same but for
 * rcx; or CALL, the C calling convention (System V AMD64 psABI 3.2.1) without floating point.
 * - length: bytes of a call site; the longest inline sequence that any backend has, at least 6, and
 * a byte more if that one would begin with an instruction that takes the prefixes of a site in
 * front of it (docs/architecture.md, "Nothing to do"). 0 if cold.
 * - shape: V or R for "nothing" or "a value returned", and the number of arguments.
 *
 * The table starts out full of pv_op_missing(), so that a call made too early, or of an op that no
 * backend has, stops at a `ud2` and never jumps to address 0.
 */
#ifndef PVOPS_TABLE_H
#define PVOPS_TABLE_H

#include "pvops/config.h"
#include "pvops/types.h"

PV_BEGIN_DECLS

struct pv_clock_pair;
struct pv_spinlock;
struct pv_syscall_entry;
struct pv_irq_message;
struct pv_smp_start;
struct pv_cpu_set;
struct pv_error;

/** One slot for each op, in the order of the lists. */
struct pv_ops {
/** @cond */
#define PV_OP(kind, convention, length, shape, type, name, params, args) type(*name) params;
#include "pvops/ops/all.h"
#undef PV_OP
    /** @endcond */
};

/** The number of each op: its slot's index in struct pv_ops, and the name in a site's record. */
enum pv_op_id {
/** @cond */
#define PV_OP(kind, convention, length, shape, type, name, params, args) PV_OPID_##name,
#include "pvops/ops/all.h"
#undef PV_OP
    /** @endcond */
    PV_OP_COUNT /**< how many there are */
};

PV_STATIC_ASSERT(sizeof(struct pv_ops) == PV_OP_COUNT * sizeof(void (*)(void)),
                 "an op's number is its slot's index");

/** The table in force. Only the library writes it; sites and cold wrappers read it. */
extern struct pv_ops pv_ops PV_HIDDEN;

/** What an empty slot holds: `ud2`, so that a missing op traps where it is called. */
void pv_op_missing(void) PV_HIDDEN;

PV_END_DECLS

#endif
