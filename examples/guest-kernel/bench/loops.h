/* SPDX-License-Identifier: MIT */
/*
 * Loops for the benchmarks of ops. The hand-written code takes its arguments in the registers that
 * the op's convention names and may change what the convention lets it change, so that the code
 * around both is the same and only the op itself is compared.
 */
#ifndef GUEST_BENCH_LOOPS_H
#define GUEST_BENCH_LOOPS_H

#include "bench.h"

#define TEN_TIMES(...) \
    __VA_ARGS__;       \
    __VA_ARGS__;       \
    __VA_ARGS__;       \
    __VA_ARGS__;       \
    __VA_ARGS__;       \
    __VA_ARGS__;       \
    __VA_ARGS__;       \
    __VA_ARGS__;       \
    __VA_ARGS__;       \
    __VA_ARGS__

#define LOOP(function, setup, ...)                                 \
    static __attribute__((noinline)) void function(uint32_t turns) \
    {                                                              \
        setup;                                                     \
        do {                                                       \
            TEN_TIMES(__VA_ARGS__);                                \
        } while (--turns != 0);                                    \
    }

#define NOTHING ((void)0)
#define BARRIER __asm__ volatile("" ::: "memory")

/*
 * What is behind an op in a kernel: an instruction on registers, mostly. A site with nothing to do
 * is part of that, which it cannot be of another site.
 */
#define NEXT __asm__ volatile("test %%eax, %%eax" : : : "memory", "cc")

/* Convention SAVE. */
#define RAW_SAVE_0(text)                                       \
    do {                                                       \
        unsigned long rax;                                     \
        __asm__ volatile(text : "=a"(rax) : : "memory", "cc"); \
        (void)rax;                                             \
    } while (0)
#define RAW_SAVE_1(text, a)                                           \
    do {                                                              \
        unsigned long rax;                                            \
        __asm__ volatile(text : "=a"(rax) : "D"(a) : "memory", "cc"); \
        (void)rax;                                                    \
    } while (0)
#define RAW_SAVE_2(text, a, b)                                                \
    do {                                                                      \
        unsigned long rax;                                                    \
        __asm__ volatile(text : "=a"(rax) : "D"(a), "S"(b) : "memory", "cc"); \
        (void)rax;                                                            \
    } while (0)

/* Convention KEEP. */
#define RAW_KEEP(text, ...)                                                           \
    do {                                                                              \
        unsigned long rax, rcx;                                                       \
        __asm__ volatile(text : "=a"(rax), "=c"(rcx) : __VA_ARGS__ : "memory", "cc"); \
        (void)rax;                                                                    \
        (void)rcx;                                                                    \
    } while (0)
#define RAW_KEEP_1(text, a)    RAW_KEEP(text, "D"(a))
#define RAW_KEEP_2(text, a, b) RAW_KEEP(text, "D"(a), "S"(b))

/* Convention CALL; %[f] is a function to call where the op is one. */
#define CALL_CLOBBERS "rcx", "r8", "r9", "r10", "r11", "memory", "cc"
#define RAW_CALL_0(text, function)                              \
    do {                                                        \
        unsigned long rax;                                      \
        __asm__ volatile(text                                   \
                         : "=a"(rax)                            \
                         : [f] "r"(function)                    \
                         : "rdi", "rsi", "rdx", CALL_CLOBBERS); \
        (void)rax;                                              \
    } while (0)
#define RAW_CALL_1(text, function, a)                    \
    do {                                                 \
        unsigned long rax, rdi = (unsigned long)(a);     \
        __asm__ volatile(text                            \
                         : "=a"(rax), "+D"(rdi)          \
                         : [f] "r"(function)             \
                         : "rsi", "rdx", CALL_CLOBBERS); \
        (void)rax;                                       \
    } while (0)
#define RAW_CALL_2(text, function, a, b)                                       \
    do {                                                                       \
        unsigned long rax, rdi = (unsigned long)(a), rsi = (unsigned long)(b); \
        __asm__ volatile(text                                                  \
                         : "=a"(rax), "+D"(rdi), "+S"(rsi)                     \
                         : [f] "r"(function)                                   \
                         : "rdx", CALL_CLOBBERS);                              \
        (void)rax;                                                             \
    } while (0)

#endif
