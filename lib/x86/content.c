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
    PREFIX_CS = 0x2E,     /* ignored in 64-bit mode (vol. 1, 3.3.7.1) */
    PREFIX_FS = 0x64,
    PREFIX_GS = 0x65,
    NOP = 0x90,
    CALL_REL32 = 0xE8,
    CALL_MEMORY = 0xFF, /* with ModRM 15H: rip-relative */
    CALL_MODRM = 0x15,
};

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

PV_COLD static void begin(struct pv_content *content, uint8_t form, unsigned length)
{
    content->form = form;
    content->length = (uint8_t)length;
    content->fixup = 0;
    content->instructions = 1;
    content->target = 0;
    for (unsigned i = 0; i < PV_SITE_MAX; i++)
        content->bytes[i] = 0;
}

PV_COLD void pv_content_indirect(struct pv_content *content, enum pv_op_id op, unsigned length)
{
    unsigned at = length - 6;

    begin(content, PV_SITE_INDIRECT, length);
    content->instructions += (uint8_t)pad(content->bytes, at, 6, CALL_MEMORY);
    content->bytes[at] = CALL_MEMORY;
    content->bytes[at + 1] = CALL_MODRM;
    content->fixup = (uint8_t)(at + 2);
    content->target = (uintptr_t)&pv_ops + (uintptr_t)op * sizeof(void (*)(void));
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

PV_COLD static void missing(struct pv_content *content, unsigned length)
{
    unsigned at = length - 2;

    begin(content, PV_SITE_MISSING, length);
    content->instructions += (uint8_t)pad(content->bytes, at, 2, 0x0F);
    content->bytes[at] = 0x0F; /* ud2 */
    content->bytes[at + 1] = 0x0B;
}

PV_COLD void pv_content_direct(struct pv_content *content, void (*function)(void), unsigned length)
{
    unsigned at = length - 5;

    if (function == pv_op_missing) {
        missing(content, length);
        return;
    }
    begin(content, PV_SITE_DIRECT, length);
    content->instructions += (uint8_t)pad(content->bytes, at, 5, CALL_REL32);
    content->bytes[at] = CALL_REL32;
    content->fixup = (uint8_t)(at + 1);
    content->target = behind_endbr(function);
}

/* One NOP for the whole site (Intel SDM vol. 2, NOP: the recommended multi-byte forms). */
PV_COLD static void nothing(struct pv_content *content, unsigned length)
{
    static const uint8_t six[6] = {0x66, 0x0F, 0x1F, 0x44, 0x00, 0x00};
    unsigned at = length - (unsigned)sizeof(six);

    begin(content, PV_SITE_INLINE, length);
    content->instructions += (uint8_t)pad(content->bytes, at, sizeof(six), six[0]);
    for (unsigned i = 0; i < sizeof(six); i++)
        content->bytes[at + i] = six[i];
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
    begin(content, PV_SITE_FORMS, length);
    if (sequence == NULL || !sequence_makes_sense(sequence, length))
        return;
    if (sequence->length == 0) {
        nothing(content, length);
        return;
    }
    unsigned at = length - sequence->length;
    content->form = PV_SITE_INLINE;
    content->instructions = (uint8_t)(sequence->instructions +
                                      pad(content->bytes, at, sequence->first, sequence->bytes[0]));
    for (unsigned i = 0; i < sequence->length; i++)
        content->bytes[at + i] = sequence->bytes[i];
    if (sequence->fixup == 0)
        return;
    content->fixup = (uint8_t)(at + sequence->fixup);
    content->target = (uintptr_t)((intptr_t)&sequence->target + sequence->target);
}
