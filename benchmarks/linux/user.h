/* SPDX-License-Identifier: MIT */
/*
 * What the peer program has instead of a C library: system calls and a text buffer. Numbers and
 * structures are those of the kernel's own user headers.
 *
 * Functions that can fail return NULL, or a sentence that says what did not work.
 */
#ifndef PEER_USER_H
#define PEER_USER_H

#include <asm/unistd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef const char *failure;

/* The one failure that is no end: a run did not do all it should have, and may be repeated. */
extern const char not_whole[];

#define PAGE_BYTES 4096ul

static inline uint64_t read_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* Six arguments at most; negative results are error numbers. System V ABI, AMD64 supplement, A.2.
 */
static inline long system_call(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                               uint64_t e, uint64_t f)
{
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    register uint64_t r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static inline long call0(long number)
{
    return system_call(number, 0, 0, 0, 0, 0, 0);
}

static inline long call1(long number, uint64_t a)
{
    return system_call(number, a, 0, 0, 0, 0, 0);
}

static inline long call2(long number, uint64_t a, uint64_t b)
{
    return system_call(number, a, b, 0, 0, 0, 0);
}

static inline long call3(long number, uint64_t a, uint64_t b, uint64_t c)
{
    return system_call(number, a, b, c, 0, 0, 0);
}

/* Text gathers in one buffer and is written at the end: what a console costs disturbs nothing. */
void put_text(const char *text);
void put_number(uint64_t number);
void put_signed(int64_t number);
void flush_text(void);

/* A pointer behind `prefix` if `text` begins with it, else NULL. */
const char *after_prefix(const char *text, const char *prefix);

#endif
