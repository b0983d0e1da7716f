/* SPDX-License-Identifier: MIT */
/*
 * Random numbers of the tests: the same in every run (xorshift64*, Vigna 2016).
 */
#ifndef TESTS_UNIT_BOOT_RANDOM_H
#define TESTS_UNIT_BOOT_RANDOM_H

#include <stdint.h>

static uint64_t random_state = 0x9e3779b97f4a7c15ull;

static inline uint64_t random_next(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1dull;
}

static inline uint32_t random_below(uint32_t limit)
{
    return (uint32_t)((random_next() >> 32) % limit);
}

#endif
