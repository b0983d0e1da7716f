/* SPDX-License-Identifier: MIT */
/*
 * The counterexample to the operand of pvops/site.h: an "m" operand, and a table with the
 * visibility that the command line asks for.
 */
struct table {
    void (*first)(void);
};
extern struct table visible_table;

void call_first(void);
void call_first(void)
{
    __asm__ volatile("call *%[slot]" ::[slot] "m"(visible_table.first));
}
