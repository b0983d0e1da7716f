/* SPDX-License-Identifier: MIT */
/*
 * The counterexample to pvops/site.h: a call whose slot is named in the text of the asm only, where
 * link-time optimisation does not look.
 */
struct table {
    void (*first)(void);
};
extern struct table named_table __attribute__((visibility("hidden")));

void _start(void);
__attribute__((used)) void _start(void)
{
    __asm__ volatile("call *named_table(%rip)");
}
