/* SPDX-License-Identifier: MIT */
/*
 * What a page-table entry is to the kernel, and what it is to Xen.
 *
 * Frames change their numbering. Of the bits (xen/arch/x86/pv/mm.h, adjust_guest_l1e and the like;
 * mm.c, base_disallow_mask):
 *
 * - U: the kernel runs in ring 3 too, so Xen sets it in every entry. Whether the kernel asked for
 * it is kept in bit 9.
 * - G: a kernel's page must not stay in the TLB while user code runs, which would be allowed to use
 *   it; so it is never set. Whether it was asked for is kept in bit 11.
 * - bits 52 to 62 are forbidden, and one of them is Xen's own: they are left out.
 * - the memory type: Xen's PAT is in force and part of its ABI, and differs from the one that a
 *   processor starts with; a kernel's choice becomes the index of the same type in Xen's.
 */
#include "backends/xen/pv/pv.h"

#define SOFT_NOT_USER 0x200ull
#define SOFT_GLOBAL   0x800ull
#define KEPT          (0x007ull | PTE_AD | PTE_NX | PV_PTE_MACHINE)
#define FRAME_SHIFT   12

/* Xen's mark of kernel pages: _PAGE_GUEST_KERNEL, bit 12 of its packed flags. */
#define XEN_KERNEL (1ull << 52)

#define MSR_PAT     0x277u
#define PAT_INDICES 8u
/* What the register holds after a reset: Intel SDM vol. 3A, 11.12.4. */
#define PAT_AT_RESET 0x0007040600070406ull

/* Cache bits of an entry for each index of the PAT. */
static const uint64_t cache_bits[PAT_INDICES] = {
    0,       PTE_PWT,           PTE_PCD,           PTE_PCD | PTE_PWT,
    PTE_PAT, PTE_PAT | PTE_PWT, PTE_PAT | PTE_PCD, PTE_PAT | PTE_PCD | PTE_PWT,
};

static uint8_t to_xen[PAT_INDICES];
static uint8_t from_xen[PAT_INDICES];

struct pv_xen_pte_kind pv_xen_pte_kinds[4] PV_HIDDEN;
uint64_t pv_xen_pte_compared PV_HIDDEN = ~(PTE_WRITE | PTE_AD | PTE_NX);

static unsigned type_at(uint64_t pat, unsigned index)
{
    return (unsigned)(pat >> (8 * index)) & 7;
}

/* The first index with a type; the same index where the other table does not have the type. */
static unsigned index_of(uint64_t pat, unsigned type, unsigned otherwise)
{
    for (unsigned index = 0; index < PAT_INDICES; index++)
        if (type_at(pat, index) == type)
            return index;
    return otherwise;
}

static unsigned cache_index(uint64_t raw)
{
    return (raw & PTE_PAT ? 4u : 0u) | (raw & PTE_PCD ? 2u : 0u) | (raw & PTE_PWT ? 1u : 0u);
}

/* Of a present entry. */
static inline __attribute__((always_inline)) uint64_t xens_bits(uint64_t kernels)
{
    uint64_t bits = kernels & KEPT;

    if ((kernels & PTE_USER) == 0)
        bits |= SOFT_NOT_USER;
    if (kernels & PTE_GLOBAL)
        bits |= SOFT_GLOBAL;
    return bits | cache_bits[to_xen[cache_index(kernels)]];
}

/* PWT and PCD stay what they are if the first four types are the same; so it is with Xen's PAT. */
static void choose_compared(void)
{
    bool same = true;

    for (unsigned i = 0; i < PAT_INDICES / 2; i++)
        same = same && to_xen[i] == i;
    if (same)
        pv_xen_pte_compared &= ~(PTE_PWT | PTE_PCD);
    else
        pv_xen_pte_compared |= PTE_PWT | PTE_PCD;
}

static void fill_kinds(void)
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t bits = PTE_PRESENT | (i & 2 ? PTE_USER : 0) | (i & 1 ? PTE_GLOBAL : 0);
        pv_xen_pte_kinds[i] = (struct pv_xen_pte_kind){bits, xens_bits(bits) - bits};
    }
}

void pv_xen_pte_begin(void)
{
    uint64_t pat = PAT_AT_RESET;

    if (pv_cpu_msr_read(MSR_PAT, &pat) != PV_OK)
        pat = PAT_AT_RESET;
    for (unsigned i = 0; i < PAT_INDICES; i++) {
        to_xen[i] = (uint8_t)index_of(pat, type_at(PAT_AT_RESET, i), i);
        from_xen[i] = (uint8_t)index_of(PAT_AT_RESET, type_at(pat, i), i);
    }
    choose_compared();
    fill_kinds();
}

bool pv_xen_pte_to_machine(struct pv_pte value, uint64_t *raw)
{
    if ((value.raw & PTE_PRESENT) == 0) {
        *raw = value.raw;
        return true;
    }
    uint64_t frame = (value.raw & PTE_FRAME) >> FRAME_SHIFT;
    if ((value.raw & PV_PTE_MACHINE) == 0)
        frame = pv_xen_to_machine(frame).frame;
    if (frame > PTE_FRAME >> FRAME_SHIFT)
        return false;
    *raw = frame << FRAME_SHIFT | xens_bits(value.raw);
    return true;
}

struct pv_pte pv_xen_pte_from_machine(uint64_t raw)
{
    if ((raw & PTE_PRESENT) == 0)
        return (struct pv_pte){raw};
    uint64_t bits = raw & KEPT;
    uint64_t frame = (raw & PTE_FRAME) >> FRAME_SHIFT;
    if ((raw & PV_PTE_MACHINE) == 0) {
        uint64_t pfn = pv_xen_from_machine((struct pv_xen_mfn){frame});
        if (pfn == PV_XEN_NO_FRAME)
            bits |= PV_PTE_MACHINE;
        else
            frame = pfn;
    }
    if (raw & (SOFT_NOT_USER | XEN_KERNEL))
        bits &= ~PTE_USER;
    if (raw & SOFT_GLOBAL)
        bits |= PTE_GLOBAL;
    bits |= cache_bits[from_xen[cache_index(raw)]];
    return (struct pv_pte){frame << FRAME_SHIFT | bits};
}
