/* SPDX-License-Identifier: MIT */
/*
 * As much of Xen's interface for machine checks as it takes to have one raised: xen/include/public/
 * arch-x86/xen-mca.h. tests/abi compares it with the real header.
 */
#ifndef GUEST_SELFTEST_MCA_H
#define GUEST_SELFTEST_MCA_H

#include <stdint.h>

#define HC_MCA          48
#define MCA_VERSION     0x01ecc003u
#define MCA_SET_MSRS    4u /* what a processor's registers shall say */
#define MCA_RAISE       5u /* the trap itself, on a processor */
#define MCA_INTERPOSE   1u /* Xen says it, and the registers are not written */
#define MCA_MOST_VALUES 8

struct mca_values {
    uint32_t processor;
    uint32_t flags;
    uint32_t count;
    uint16_t domain, padding;
    struct {
        uint64_t msr, value;
    } values[MCA_MOST_VALUES];
};

struct mca {
    uint32_t command;
    uint32_t version;
    union {
        struct mca_values set;
        uint32_t raise_on;
    };
};

#endif
