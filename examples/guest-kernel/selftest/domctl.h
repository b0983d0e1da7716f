/* SPDX-License-Identifier: MIT */
/*
 * As much of the interface of Xen's tools as it takes to have another domain: xen/include/public/
 * domctl.h, in the version that is named. tests/abi compares it with the real headers.
 */
#ifndef GUEST_SELFTEST_DOMCTL_H
#define GUEST_SELFTEST_DOMCTL_H

#include <stdint.h>

#define HC_DOMCTL             36
#define DOMCTL_VERSION        0x15u
#define DOMCTL_CREATE_DOMAIN  1u
#define DOMCTL_DESTROY_DOMAIN 2u
#define DOMCTL_MAX_MEM        11u

/* What a hypercall gives for another version of the interface, negated. */
#define DOMCTL_EACCES 13

/* All zero but for these: a PV domain of one CPU. */
struct domctl_create {
    uint32_t ssid;
    uint8_t handle[16];
    uint32_t flags;
    uint32_t iommu_options;
    uint32_t most_vcpus;
    uint32_t most_port;
    int32_t most_grant_frames;
    int32_t most_maptrack_frames;
    uint32_t grant_options; /* version of the grant table */
    uint32_t trace_bytes;
    uint32_t cpu_pool;
    uint32_t emulation, misc;
};

struct domctl {
    uint32_t command;
    uint32_t version;
    uint16_t domain;
    uint16_t padding[3];
    union {
        struct domctl_create create;
        uint64_t most_memory_kib;
        uint8_t bytes[128];
    };
};

#endif
