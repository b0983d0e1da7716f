/* SPDX-License-Identifier: MIT */
/*
 * Contents of call sites, encoded for x86-64 (Intel SDM vol. 2, chapters 2 to 6).
 *
 * Shorter contents are lengthened by prefixes that mean nothing in 64-bit mode, in front of their
 * first instruction, because a prefix costs no execution and a NOP does. Only what would make an
 * instruction longer than 15 bytes becomes a NOP in front.
 */
#include "lib/x86/content.h"
#include "lib/cold.h"

enum {
    INSTRUCTION_MAX = 15, /* Intel SDM vol. 2, 2.3.11 */
    PREFIX_CS = 0x2E,     /* ignored in 64-bit mode (vol. 1, 3.3.7.1), as is the next */
    PREFIX_ES = 0x26,
    PREFIX_FS = 0x64,
    PREFIX_GS = 0x65,
    REX = 0x40, /* to 4FH */
    REX_W = 8,
    NOP = 0x90,
    MOV_NUMBER = 0xB8, /* to BFH: into a register */
};

/* The longest instruction that takes prefixes: lea with REX, SIB and a displacement. */
#define TAKER_MAX 8

/* The forms that are no backend's. Where there is a rel32, its target is known later. */
static const struct pv_sequence indirect_call = {
    .length = 6, .first = 6, .instructions = 1, .fixup = 2, .bytes = {0xFF, 0x15}};
static const struct pv_sequence direct_call = {
    .length = 5, .first = 5, .instructions = 1, .fixup = 1, .bytes = {0xE8}};
static const struct pv_sequence ud2 = {
    .length = 2, .first = 2, .instructions = 1, .bytes = {0x0F, 0x0B}};
/* Intel SDM vol. 2, NOP: the recommended multi-byte forms. */
static const struct pv_sequence one_nop = {
    .length = 6, .first = 6, .instructions = 1, .bytes = {0x66, 0x0F, 0x1F, 0x44, 0x00, 0x00}};

/*
 * Writes the padding in front of an instruction of `first` bytes whose first byte is `lead`.
 * Returns how many instructions the padding itself is. A segment override that counts must be the
 * last one, so it is repeated instead of preceded by another.
 */
PV_COLD static unsigned pad(uint8_t *to, unsigned bytes, unsigned first, uint8_t lead)
{
    uint8_t prefix = lead == PREFIX_FS || lead == PREFIX_GS ? lead : PREFIX_CS;
    unsigned room = INSTRUCTION_MAX - first;
    unsigned nop = bytes > room ? bytes - room : 0;

    for (unsigned i = 0; i < bytes; i++)
        to[i] = i < nop ? PREFIX_CS : prefix;
    if (nop == 0)
        return 0;
    to[nop - 1] = NOP;
    return 1;
}

PV_COLD static void none(struct pv_content *content, unsigned length)
{
    *content =
        (struct pv_content){.form = PV_SITE_FORMS, .length = (uint8_t)length, .instructions = 1};
}

/* A sequence with its padding; `target` is that of its rel32, if it has one. */
PV_COLD static void make(struct pv_content *content, uint8_t form,
                         const struct pv_sequence *sequence, unsigned length, uintptr_t target)
{
    unsigned at = length - sequence->length;

    none(content, length);
    content->form = form;
    content->instructions = (uint8_t)(sequence->instructions +
                                      pad(content->bytes, at, sequence->first, sequence->bytes[0]));
    for (unsigned i = 0; i < sequence->length; i++)
        content->bytes[at + i] = sequence->bytes[i];
    if (sequence->fixup == 0)
        return;
    content->fixup = (uint8_t)(at + sequence->fixup);
    content->target = target;
}

PV_COLD void pv_content_indirect(struct pv_content *content, enum pv_op_id op, unsigned length)
{
    uintptr_t slot = (uintptr_t)&pv_ops + (uintptr_t)op * sizeof(void (*)(void));

    make(content, PV_SITE_INDIRECT, &indirect_call, length, slot);
}

/* An endbr64 at the start of a function is for indirect calls; a direct one need not run it. */
PV_COLD static uintptr_t behind_endbr(void (*function)(void))
{
    static const uint8_t endbr64[4] = {0xF3, 0x0F, 0x1E, 0xFA};
    uintptr_t at = (uintptr_t)function;
    const uint8_t *code = (const uint8_t *)at;

    for (unsigned i = 0; i < sizeof(endbr64); i++)
        if (code[i] != endbr64[i])
            return at;
    return at + sizeof(endbr64);
}

PV_COLD void pv_content_direct(struct pv_content *content, void (*function)(void), unsigned length)
{
    if (function == pv_op_missing)
        make(content, PV_SITE_MISSING, &ud2, length, 0);
    else
        make(content, PV_SITE_DIRECT, &direct_call, length, behind_endbr(function));
}

PV_COLD static bool sequence_makes_sense(const struct pv_sequence *sequence, unsigned length)
{
    if (sequence->length > PV_SEQUENCE_BYTES || sequence->length > length)
        return false;
    if (sequence->length == 0)
        return true;
    if (sequence->first == 0 || sequence->first > INSTRUCTION_MAX ||
        sequence->first > sequence->length || sequence->instructions == 0)
        return false;
    return sequence->fixup == 0 || sequence->fixup + 4u <= sequence->length;
}

PV_COLD void pv_content_inline(struct pv_content *content, const struct pv_sequence *sequence,
                               unsigned length)
{
    none(content, length);
    if (sequence == NULL || !sequence_makes_sense(sequence, length))
        return;
    if (sequence->length == 0)
        sequence = &one_nop;
    make(content, PV_SITE_INLINE, sequence, length,
         (uintptr_t)((intptr_t)&sequence->target + sequence->target));
}

PV_COLD void pv_content_prefixes(struct pv_content *content, const struct pv_sequence *sequence,
                                 unsigned length)
{
    none(content, length);
    if (sequence == NULL || sequence->length != 0 || length > INSTRUCTION_MAX - TAKER_MAX)
        return;
    content->form = PV_SITE_INLINE;
    for (unsigned i = 0; i < length; i++)
        content->bytes[i] = PREFIX_ES; /* no padding of another site is taken for this */
}

/*
 * Which opcodes take prefixes (Intel SDM vol. 2, appendix A, table A-2). An instruction that faults
 * shows where its prefixes begin, and a kernel would not find that in its table of exceptions; so
 * none has an operand in memory but the stack. None has a prefix of its own but REX, or is an
 * indirect branch. No conditions: a site loses the flags.
 */
enum { TAKES = 0x100, IN_REGISTERS = 0x40 }; /* what is to be added to ModRM to reach TAKES */

static const uint16_t takes[256] = {
    [0x00 ... 0x03] = IN_REGISTERS, /* add */
    [0x08 ... 0x0B] = IN_REGISTERS, /* or */
    [0x10 ... 0x13] = IN_REGISTERS, /* adc */
    [0x18 ... 0x1B] = IN_REGISTERS, /* sbb */
    [0x20 ... 0x23] = IN_REGISTERS, /* and */
    [0x28 ... 0x2B] = IN_REGISTERS, /* sub */
    [0x30 ... 0x33] = IN_REGISTERS, /* xor */
    [0x38 ... 0x3B] = IN_REGISTERS, /* cmp */
    [0x50 ... 0x5F] = TAKES,        /* push, pop */
    [0x63] = IN_REGISTERS,          /* movslq */
    [0x69] = IN_REGISTERS,          /* imul */
    [0x6B] = IN_REGISTERS,          /* imul */
    [0x80 ... 0x81] = IN_REGISTERS, /* arithmetic with a number */
    [0x83 ... 0x85] = IN_REGISTERS, /* the same; test */
    [0x88 ... 0x8B] = IN_REGISTERS, /* mov */
    [0x8D] = TAKES,                 /* lea */
    [0x98 ... 0x99] = TAKES,        /* cltq, cqto */
    [0xB8 ... 0xBF] = TAKES,        /* mov of a number */
    [0xC0 ... 0xC1] = IN_REGISTERS, /* shifts */
    [0xC3] = TAKES,                 /* ret */
    [0xC7] = IN_REGISTERS,          /* mov */
    [0xD0 ... 0xD3] = IN_REGISTERS, /* shifts */
    [0xE8 ... 0xE9] = TAKES,        /* call, jmp */
    [0xEB] = TAKES,                 /* jmp */
};

PV_COLD bool pv_takes_prefixes(uintptr_t place, uintptr_t end)
{
    const uint8_t *code = (const uint8_t *)place;

    if (end - place < 3)
        return false;
    /* A number of eight bytes makes an instruction of ten. */
    if ((code[0] & 0xF8) == (REX | REX_W) && (code[1] & 0xF8) == MOV_NUMBER)
        return false;
    code += code[0] >> 4 == REX >> 4;
    return takes[code[0]] + code[1] >= TAKES;
}
