/* SPDX-License-Identifier: MIT */
/*
 * Contents of call sites: the machine code of each form, apart from where the site is.
 *
 * A content is made once for each op; for a site only the one rel32 in it is computed. The
 * functions here neither read nor write any site.
 */
#ifndef PVOPS_LIB_X86_CONTENT_H
#define PVOPS_LIB_X86_CONTENT_H

#include "lib/backend.h"

/* No site is longer: 15 bytes of NOP and 15 of the first instruction are the limit of padding. */
#define PV_SITE_MAX 24

/* `int3`, one byte (Intel SDM vol. 2, INT n). */
#define PV_INT3 0xCC

struct pv_content {
    uint8_t form;         /* enum pv_site_form; PV_SITE_FORMS: there is no such content */
    uint8_t length;       /* that of the op's sites */
    uint8_t fixup;        /* where the rel32 is; 0: nowhere */
    uint8_t instructions; /* how many are executed or skipped, leading NOP included */
    uint32_t zero;        /* contents are compared byte by byte */
    uintptr_t target;     /* what the rel32 points at */
    uint8_t bytes[PV_SITE_MAX];
};

/* As compiled: a call through the slot. */
void pv_content_indirect(struct pv_content *content, enum pv_op_id op, unsigned length);

/* A direct call; `ud2` if the function is pv_op_missing(). */
void pv_content_direct(struct pv_content *content, void (*function)(void), unsigned length);

/* A backend's sequence; no content (PV_SITE_FORMS) if it does not fit or makes no sense. */
void pv_content_inline(struct pv_content *content, const struct pv_sequence *sequence,
                       unsigned length);

/*
 * A sequence of no instructions, as prefixes of the instruction behind the site: it costs nothing.
 * No content if the sequence has instructions, or the site is too long for that.
 */
void pv_content_prefixes(struct pv_content *content, const struct pv_sequence *sequence,
                         unsigned length);

/*
 * Whether the instruction at a place takes such prefixes; it ends at `end` or before. None that a
 * site of any op can begin with does: what is there may change.
 */
bool pv_takes_prefixes(uintptr_t place, uintptr_t end);

/*
 * The bytes for one place; false if the target is farther than a rel32 reaches, or the content is
 * none. `bytes` has room for PV_SITE_MAX. Inline: this is most of what patching a site costs.
 */
static inline bool pv_content_at(const struct pv_content *content, uintptr_t site, uint8_t *bytes)
{
    if (content->form == PV_SITE_FORMS)
        return false;
    __builtin_memcpy(bytes, content->bytes, PV_SITE_MAX);
    if (content->fixup == 0)
        return true;
    intptr_t distance = (intptr_t)(content->target - (site + content->fixup + 4));
    int32_t rel32 = (int32_t)distance;
    __builtin_memcpy(bytes + content->fixup, &rel32, 4);
    return distance == rel32;
}

/*
 * Makes this CPU fetch what was written, by returning from a pretended interrupt to the next
 * instruction (IRET serialises: Intel SDM vol. 3A, 9.3). Not CPUID, which exits to a VMM; not a
 * control register, which the kernel may not own.
 */
static inline void pv_serialise(void)
{
    unsigned long scratch;
    __asm__ volatile("movl %%ss, %k0\n\t"
                     "pushq %0\n\t"
                     "leaq 8(%%rsp), %0\n\t"
                     "pushq %0\n\t"
                     "pushfq\n\t"
                     "movl %%cs, %k0\n\t"
                     "pushq %0\n\t"
                     "leaq 1f(%%rip), %0\n\t"
                     "pushq %0\n\t"
                     "iretq\n\t"
                     "1:"
                     : "=&r"(scratch)
                     :
                     : "memory", "cc");
}

/*
 * A spin-wait hint that is not a call site. Where waiters are threads of a host, and more of them
 * than processors, it can be made to give the processor away.
 */
#ifndef PV_RAW_PAUSE
#define PV_RAW_PAUSE() __asm__ volatile("pause" ::: "memory")
#endif
static inline void pv_raw_pause(void)
{
    PV_RAW_PAUSE();
}

/*
 * Copies or compares a site's bytes, 4 to PV_SITE_MAX of them, by overlapping words: no loop, and
 * nothing outside is touched.
 */
static inline void pv_bytes_copy(uint8_t *to, const uint8_t *from, unsigned length)
{
    uint64_t head, middle, tail;
    uint32_t half;
    if (length < 8) {
        __builtin_memcpy(&half, from, 4);
        __builtin_memcpy(to, &half, 4);
        __builtin_memcpy(&half, from + length - 4, 4);
        __builtin_memcpy(to + length - 4, &half, 4);
        return;
    }
    __builtin_memcpy(&head, from, 8);
    __builtin_memcpy(&tail, from + length - 8, 8);
    if (length > 16) {
        __builtin_memcpy(&middle, from + 8, 8);
        __builtin_memcpy(to + 8, &middle, 8);
    }
    __builtin_memcpy(to, &head, 8);
    __builtin_memcpy(to + length - 8, &tail, 8);
}

static inline bool pv_bytes_equal(const uint8_t *a, const uint8_t *b, unsigned length)
{
    uint64_t x, y, differ;
    uint32_t p, q;
    if (length < 8) {
        __builtin_memcpy(&p, a, 4);
        __builtin_memcpy(&q, b, 4);
        differ = p ^ q;
        __builtin_memcpy(&p, a + length - 4, 4);
        __builtin_memcpy(&q, b + length - 4, 4);
        return (differ | (p ^ q)) == 0;
    }
    __builtin_memcpy(&x, a, 8);
    __builtin_memcpy(&y, b, 8);
    differ = x ^ y;
    __builtin_memcpy(&x, a + length - 8, 8);
    __builtin_memcpy(&y, b + length - 8, 8);
    differ |= x ^ y;
    if (length > 16) {
        __builtin_memcpy(&x, a + 8, 8);
        __builtin_memcpy(&y, b + 8, 8);
        differ |= x ^ y;
    }
    return differ == 0;
}

#endif
