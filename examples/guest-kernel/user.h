/* SPDX-License-Identifier: MIT */
/*
 * What the kernel and its user programs agree on: addresses, the data page, system calls.
 */
#ifndef GUEST_USER_H
#define GUEST_USER_H

/* The same in every process. */
#define USER_CODE      0x400000
#define USER_DATA      0x600000
#define USER_STACK_TOP 0x800000
#define USER_AREA      0x40000000
#define USER_END       0x800000000000
#define USER_LAST_PAGE 0x7ffffffff000

/* The data page. */
#define USER_NUMBER     0x00 /* differs between processes */
#define USER_PROGRAM    0x08
#define USER_ROUNDS     0x10
#define USER_COUNT      0x18 /* the process's own */
#define USER_ENOUGH     0x20 /* not 0: USER_TOUCHER ends before the next page */
#define USER_TEXT       0x40 /* a line to print */
#define USER_TEXT_BYTES 34
#define USER_TLS        0x800 /* the thread pointer; there lies a copy of the number */

/* Programs. */
#define USER_COUNTER    0 /* counts in its data page, checks its contents, exits */
#define USER_WILD       1 /* follows a wild pointer after a while */
#define USER_CALLER     2 /* makes system calls that do nothing */
#define USER_YIELDER    3 /* gives the CPU away again and again */
#define USER_SPY        4 /* reads at the address that is its number of rounds */
#define USER_STRAY      5 /* goes on in the code segment that is its number of rounds, and dies */
#define USER_TOUCHER    6 /* has as many pages from USER_AREA on as rounds; writes to each, twice */
#define USER_FAULTER    7 /* as USER_TOUCHER, but once, and each page comes when it is first used */
#define USER_FLOAT      8 /* keeps its number in floating-point registers, and checks them */
#define USER_EDGE       9 /* has USER_LAST_PAGE and keeps its number at both ends of it; yields */
#define USER_EDGE_ALONE 10 /* the same where there is nobody to yield to */

/* System calls: number in rax, arguments in rdi and rsi, result in rax. */
#define SYS_EXIT    0 /* status */
#define SYS_WRITE   1 /* address, bytes: bytes written, or -1 */
#define SYS_YIELD   2
#define SYS_NOTHING 3

/* A status that no program that works exits with. */
#define USER_WRONG 99

#define USER_WILD_ADDRESS 0xdead000

#endif
