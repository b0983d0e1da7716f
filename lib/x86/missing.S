/* SPDX-License-Identifier: MIT */
/*
 * pv_op_missing: what a slot holds that no backend filled. Traps in its caller's name.
 */
    .text
    .globl pv_op_missing
    .hidden pv_op_missing
    .type pv_op_missing, @function
pv_op_missing:
    endbr64
    ud2
    .size pv_op_missing, . - pv_op_missing

    .section .note.GNU-stack, "", @progbits
