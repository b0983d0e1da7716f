/* SPDX-License-Identifier: MIT */
/*
 * Prints every content that the encoder makes, and every sequence of the backends, as text for
 * test_contents.py, which has them decoded by somebody else.
 */
#include "lib/ops.h"
#include "lib/x86/content.h"

#include <stdio.h>
#include <string.h>

#define INSTRUCTION_ROOM 12

extern const struct pv_sequence pv_native_sequences[] PV_HIDDEN;
extern const struct pv_sequence pv_native_sequences_end[] PV_HIDDEN;
extern const struct pv_sequence pv_xen_pv_sequences[] PV_HIDDEN;
extern const struct pv_sequence pv_xen_pv_sequences_end[] PV_HIDDEN;
extern const struct pv_sequence pv_kvm_sequences[] PV_HIDDEN;
extern const struct pv_sequence pv_kvm_sequences_end[] PV_HIDDEN;
extern const struct pv_sequence host_beta_sequences[] PV_HIDDEN;
extern const struct pv_sequence host_beta_sequences_end[] PV_HIDDEN;

/* What fix-ups of sequences point at. */
volatile uint32_t *pv_native_eoi PV_HIDDEN;
volatile uint32_t *host_eoi PV_HIDDEN;
void pv_kvm_irq_eoi_due(void) PV_HIDDEN;
void pv_lock_release_marked(void) PV_HIDDEN;
void pv_lock_release_marked(void)
{
}

void pv_kvm_irq_eoi_due(void)
{
}
void pv_lock_acquire_slow(struct pv_spinlock *lock) PV_HIDDEN;
void pv_lock_acquire_slow(struct pv_spinlock *lock)
{
    (void)lock;
}

static void bytes(const uint8_t *from, unsigned length)
{
    for (unsigned i = 0; i < length; i++)
        printf("%02x", from[i]);
    printf("\n");
}

/* Whatever the rel32 is: whether a site in front of this one could become part of it. */
static void begins(const char *what, const struct pv_content *content)
{
    uint8_t held[PV_SITE_MAX];
    bool takes = false;

    for (unsigned rel32 = 0; rel32 < 256; rel32++) {
        memcpy(held, content->bytes, sizeof(held));
        if (content->fixup != 0)
            memset(held + content->fixup, (int)rel32, 4);
        takes |= pv_takes_prefixes((uintptr_t)held, (uintptr_t)(held + content->length));
    }
    printf("begins %s %u %d\n", what, content->length, takes);
}

static void content(const char *what, const struct pv_content *content)
{
    if (content->form == PV_SITE_FORMS)
        return;
    printf("content %s %u %u %u ", what, content->length, content->instructions, content->fixup);
    bytes(content->bytes, content->length);
    begins(what, content);
}

static void sequence(const char *backend, const struct pv_sequence *sequence)
{
    static const char *const conventions[] = {"SAVE", "KEEP", "CALL"};
    const struct pv_op_facts *facts = &pv_op_facts[sequence->op];

    printf("sequence %s %s %s %u %u %u %u %u ", backend, facts->name,
           conventions[facts->convention], facts->length, sequence->length, sequence->first,
           sequence->instructions, sequence->fixup);
    bytes(sequence->bytes, sequence->length);
}

static void sequences(const char *backend, const struct pv_sequence *from,
                      const struct pv_sequence *to)
{
    char what[96];
    struct pv_content made;

    for (; from != to; from++) {
        sequence(backend, from);
        for (unsigned length = 6; length <= PV_SITE_MAX; length++) {
            snprintf(what, sizeof(what), "%s:%s", backend, pv_op_facts[from->op].name);
            pv_content_inline(&made, from, length);
            content(what, &made);
        }
    }
}

/* A sample of all that there is: no REX or some, every opcode, ModRM of all kinds. */
static void takers(void)
{
    static const uint8_t rex[] = {0, 0x40, 0x41, 0x44, 0x48, 0x4d};
    static const uint8_t modrm[] = {0x00, 0x04, 0x05, 0x44, 0x84, 0xbd, 0xc0, 0xc5, 0xd9, 0xf8};

    for (unsigned i = 0; i < sizeof(rex) * 256 * sizeof(modrm); i++) {
        uint8_t code[INSTRUCTION_ROOM] = {rex[i % sizeof(rex)]};
        unsigned at = code[0] != 0;
        code[at] = (uint8_t)(i / sizeof(rex));
        code[at + 1] = modrm[i / sizeof(rex) / 256];
        if (!pv_takes_prefixes((uintptr_t)code, (uintptr_t)(code + sizeof(code))))
            continue;
        printf("taker ");
        bytes(code, sizeof(code));
    }
}

static void prefixes(void)
{
    static const struct pv_sequence nothing;
    struct pv_content made;

    for (unsigned length = 6; length <= PV_SITE_MAX; length++) {
        pv_content_prefixes(&made, &nothing, length);
        if (made.form == PV_SITE_FORMS)
            continue;
        printf("prefixes %u %u ", made.length, made.instructions);
        bytes(made.bytes, made.length);
    }
}

int main(void)
{
    struct pv_content made;

    for (unsigned length = 6; length <= PV_SITE_MAX; length++) {
        pv_content_indirect(&made, PV_OPID_irq_flags, length);
        content("indirect", &made);
        pv_content_direct(&made, (void (*)(void))main, length);
        content("direct", &made);
        pv_content_direct(&made, pv_op_missing, length);
        content("missing", &made);
    }
    sequences("native", pv_native_sequences, pv_native_sequences_end);
    sequences("xen-pv", pv_xen_pv_sequences, pv_xen_pv_sequences_end);
    sequences("kvm", pv_kvm_sequences, pv_kvm_sequences_end);
    sequences("beta", host_beta_sequences, host_beta_sequences_end);
    takers();
    prefixes();
    for (unsigned op = 0; op < PV_OP_COUNT; op++)
        if (pv_op_facts[op].length != 0)
            printf("op %s %u\n", pv_op_facts[op].name, pv_op_facts[op].length);
    return 0;
}
