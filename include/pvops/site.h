/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief Call sites: the bytes a hot wrapper leaves in the kernel's text, and their record.
 *
 * A site of `length` bytes ends with `call *slot(%rip)` (FF 15 disp32, Intel SDM vol. 2, CALL).
 * What is left of the length is filled in front of it with CS prefixes (2E), which 64-bit mode
 * ignores (Intel SDM vol. 1, 3.3.7.1), so that a site of 15 bytes or less is one instruction and
 * a call made from it returns to its end whatever it holds at that time. An instruction cannot be
 * longer than 15 bytes; a longer site begins with a NOP that takes the rest. A patched site whose
 * op has nothing to do is such prefixes alone, where the instruction behind it takes them.
 *
 * The slot is an "i" operand and not a name in the text of the asm: so link-time optimisation
 * sees the reference, and every code model gives the same rip-relative form.
 *
 * The record is 8 bytes in section `pv_sites`, whose bounds the linker names. Its section flag `?`
 * puts it into the section group of the function around it: a C++ inline function that the linker
 * discards takes its records along.
 *
 * The red zone must be off (-mno-red-zone): the compiler does not see that a site pushes.
 */
#ifndef PVOPS_SITE_H
#define PVOPS_SITE_H

#include "pvops/table.h"

PV_BEGIN_DECLS

/** A site's record, as it lies in section pv_sites. */
struct pv_site {
    int32_t offset; /**< first byte of the site, relative to this field */
    uint16_t op;    /**< enum pv_op_id */
    uint8_t length; /**< bytes, the op's length */
    uint8_t zero;   /**< must be 0 */
};

PV_STATIC_ASSERT(sizeof(struct pv_site) == 8, "a record is 8 bytes");

/** @cond */

#define PV_SITE_STRING_(x) #x
#define PV_SITE_STRING(x)  PV_SITE_STRING_(x)

/* `.nops` would be shorter but is not known to every assembler; a long site has one NOP. */
#define PV_SITE_ASM(length)                        \
    "771:\n\t"                                     \
    ".if " #length " > 15\n\t"                     \
    ".fill " #length " - 16, 1, 0x2e\n\t"          \
    "nop\n\t"                                      \
    ".fill 9, 1, 0x2e\n\t"                         \
    ".else\n\t"                                    \
    ".fill " #length " - 6, 1, 0x2e\n\t"           \
    ".endif\n\t"                                   \
    "call *%P[slot](%%rip)\n\t"                    \
    ".pushsection pv_sites, \"a?\", @progbits\n\t" \
    ".balign 4\n\t"                                \
    ".long 771b - .\n\t"                           \
    ".short %c[op]\n\t"                            \
    ".byte " #length ", 0\n\t"                     \
    ".popsection"

#define PV_SITE_INPUTS(name) [slot] "i"(&pv_ops.name), [op] "i"(PV_OPID_##name)

/* Any argument of at most 8 bytes as the register that carries it. */
#define PV_TO_REGISTER(reg, arg) \
    unsigned long reg = 0;       \
    __builtin_memcpy(&reg, &(arg), sizeof(arg))

/* Of a convention that loses less than C's. */
#define PV_SITE_LESS_1(site, length, name, a) \
    PV_TO_REGISTER(rdi, a);                   \
    site(length, name, , "D"(rdi))
#define PV_SITE_LESS_2(site, length, name, a, b) \
    PV_TO_REGISTER(rdi, a);                      \
    PV_TO_REGISTER(rsi, b);                      \
    site(length, name, , "D"(rdi), "S"(rsi))

/* SAVE: rax is lost, and nothing else. "memory", because ops order the accesses around them. */
#define PV_SITE_SAVE(length, name, ...)                 \
    unsigned long rax;                                  \
    __asm__ volatile(PV_SITE_ASM(length)                \
                     : "=a"(rax)                        \
                     : PV_SITE_INPUTS(name) __VA_ARGS__ \
                     : "memory", "cc")

#define PV_SITE_SAVE_0(length, name, none) PV_SITE_SAVE(length, name, )
#define PV_SITE_SAVE_1(...)                PV_SITE_LESS_1(PV_SITE_SAVE, __VA_ARGS__)
#define PV_SITE_SAVE_2(...)                PV_SITE_LESS_2(PV_SITE_SAVE, __VA_ARGS__)

/* KEEP: of rcx too, which is the price of a compare and exchange, or of a second value. */
#define PV_SITE_KEEP(length, name, ...)                 \
    unsigned long rax, rcx;                             \
    __asm__ volatile(PV_SITE_ASM(length)                \
                     : "=a"(rax), "=c"(rcx)             \
                     : PV_SITE_INPUTS(name) __VA_ARGS__ \
                     : "memory", "cc");                 \
    (void)rcx

#define PV_SITE_KEEP_1(...) PV_SITE_LESS_1(PV_SITE_KEEP, __VA_ARGS__)
#define PV_SITE_KEEP_2(...) PV_SITE_LESS_2(PV_SITE_KEEP, __VA_ARGS__)

/* CALL: everything that a C function may change. */
#define PV_SITE_CALL_0(length, name, none)  \
    unsigned long rax;                      \
    __asm__ volatile(PV_SITE_ASM(length)    \
                     : "=a"(rax)            \
                     : PV_SITE_INPUTS(name) \
                     : "rdi", "rsi", "rdx", "rcx", "r8", "r9", "r10", "r11", "memory", "cc")
#define PV_SITE_CALL_1(length, name, a)     \
    PV_TO_REGISTER(rdi, a);                 \
    unsigned long rax;                      \
    __asm__ volatile(PV_SITE_ASM(length)    \
                     : "=a"(rax), "+D"(rdi) \
                     : PV_SITE_INPUTS(name) \
                     : "rsi", "rdx", "rcx", "r8", "r9", "r10", "r11", "memory", "cc")
#define PV_SITE_CALL_2(length, name, a, b)             \
    PV_TO_REGISTER(rdi, a);                            \
    PV_TO_REGISTER(rsi, b);                            \
    unsigned long rax;                                 \
    __asm__ volatile(PV_SITE_ASM(length)               \
                     : "=a"(rax), "+D"(rdi), "+S"(rsi) \
                     : PV_SITE_INPUTS(name)            \
                     : "rdx", "rcx", "r8", "r9", "r10", "r11", "memory", "cc")

#define PV_RETURN_V(type) \
    (void)rax;            \
    return
#define PV_RETURN_R(type)                          \
    type value;                                    \
    __builtin_memcpy(&value, &rax, sizeof(value)); \
    return value

#define PV_UNWRAP(...)       __VA_ARGS__
#define PV_APPLY(macro, ...) macro(__VA_ARGS__)

/* The shape column taken apart: what is returned, how many arguments. */
#define PV_HOT_V0(c, l, t, n, a)       \
    PV_APPLY(PV_SITE_##c##_0, l, n, ); \
    PV_RETURN_V(t)
#define PV_HOT_V1(c, l, t, n, a)                  \
    PV_APPLY(PV_SITE_##c##_1, l, n, PV_UNWRAP a); \
    PV_RETURN_V(t)
#define PV_HOT_V2(c, l, t, n, a)                  \
    PV_APPLY(PV_SITE_##c##_2, l, n, PV_UNWRAP a); \
    PV_RETURN_V(t)
#define PV_HOT_R0(c, l, t, n, a)       \
    PV_APPLY(PV_SITE_##c##_0, l, n, ); \
    PV_RETURN_R(t)
#define PV_HOT_R1(c, l, t, n, a)                  \
    PV_APPLY(PV_SITE_##c##_1, l, n, PV_UNWRAP a); \
    PV_RETURN_R(t)
#define PV_HOT_R2(c, l, t, n, a)                  \
    PV_APPLY(PV_SITE_##c##_2, l, n, PV_UNWRAP a); \
    PV_RETURN_R(t)

/* What a plain call returns, by its shape: ISO C forbids `return` with a void expression. */
#define PV_RETURN_CALL_V0(call) call
#define PV_RETURN_CALL_V1(call) call
#define PV_RETURN_CALL_V2(call) call
#define PV_RETURN_CALL_V3(call) call
#define PV_RETURN_CALL_R0(call) return call
#define PV_RETURN_CALL_R1(call) return call
#define PV_RETURN_CALL_R2(call) return call
#define PV_RETURN_CALL_R3(call) return call

#if PV_BOUND
/* One backend, chosen at build time: its header defines pv_bound_NAME() for every hot op. */
#define PV_WRAPPER_HOT(c, l, s, t, n, p, a) \
    PV_INLINE t pv_##n p                    \
    {                                       \
        PV_RETURN_CALL_##s(pv_bound_##n a); \
    }
#else
#define PV_WRAPPER_HOT(c, l, s, t, n, p, a) \
    PV_INLINE t pv_##n p                    \
    {                                       \
        PV_HOT_##s(c, l, t, n, a);          \
    }
#endif
#define PV_WRAPPER_COLD(c, l, s, t, n, p, a) \
    PV_INLINE t pv_##n p                     \
    {                                        \
        PV_RETURN_CALL_##s(pv_ops.n a);      \
    }

/* A domain header defines PV_OP as this and includes its list. */
#define PV_WRAP(kind, c, l, s, t, n, p, a) PV_WRAPPER_##kind(c, l, s, t, n, p, a)

/** @endcond */

PV_END_DECLS

#if PV_BOUND
#include PV_CONFIG_BIND_HEADER
#endif

#endif
