/* SPDX-License-Identifier: MIT */
/*
 * Inline sequences, for assembly files: what a backend puts into call sites instead of a call.
 *
 *     PV_SEQUENCE(irq_save, 3, 1)
 *         pushfq
 *         pop %rax
 *         cli
 *     PV_SEQUENCE_END(irq_save)
 *
 * lays out one struct pv_sequence (lib/backend.h): the op, how many instructions, how many bytes
 * the first one has. Arguments arrive in rdi and rsi, a result leaves in rax, and the op's
 * convention says what else may be lost. An instruction with a rel32 that must be made relative to
 * the site is written as its opcode bytes and PV_FIXUP. A unit test disassembles every sequence and
 * compares the numbers.
 */
#ifndef PVOPS_LIB_X86_SEQUENCE_H
#define PVOPS_LIB_X86_SEQUENCE_H

/* clang-format off */
.set pv_op_next, 0
#define PV_OP(kind, convention, length, shape, type, name, params, args)                           \
    .set PV_OPID_##name, pv_op_next; .set PV_OPLEN_##name, length; .set pv_op_next, pv_op_next + 1;
#include "pvops/ops/all.h"
#undef PV_OP

#define PV_SEQUENCE_HEAD(op, count, first, fixup, target)                                          \
    .balign 4;                                                                                     \
    .short PV_OPID_##op;                                                                           \
    .byte .Lseq_end_##op - .Lseq_##op, first, count, fixup;                                        \
    .short 0;                                                                                      \
    .long target;                                                                                  \
    .Lseq_##op:

#define PV_SEQUENCE(op, count, first) PV_SEQUENCE_HEAD(op, count, first, 0, 0)

#define PV_SEQUENCE_FIX(op, count, first, target)                                                  \
    PV_SEQUENCE_HEAD(op, count, first, .Lseq_fix_##op - .Lseq_##op, target - .)

#define PV_FIXUP(op) .Lseq_fix_##op: .long 0

/* The first org cannot go backwards: it stops a sequence that is longer than the op's sites. */
#define PV_SEQUENCE_END(op)                                                                        \
    .Lseq_end_##op:                                                                                \
    .org .Lseq_##op + PV_OPLEN_##op;                                                               \
    .org .Lseq_##op + 20
/* clang-format on */

#endif
