/* SPDX-License-Identifier: MIT */
/*
 * The table that named_slot.c calls through.
 */
struct table {
    void (*first)(void);
};
extern struct table named_table __attribute__((visibility("hidden")));
struct table named_table;
