/* SPDX-License-Identifier: MIT */
/*
 * Text that comes later, with sites of its own.
 */
#include "selftest.h"
#include "../cpu.h"
#include "../textgen.h"

#define TEXT_BYTES 4096

static const uint8_t code_entry[] = {0xf3, 0x0f, 0x1e, 0xfa};  /* endbr64 */
static const uint8_t code_keep_flags[] = {0x48, 0x89, 0xc7};   /* mov %rax, %rdi */
static const uint8_t code_keep_inside[] = {0x48, 0x89, 0xc6};  /* mov %rax, %rsi */
static const uint8_t code_return[] = {0x48, 0x89, 0xf0, 0xc3}; /* mov %rsi, %rax; ret */

/* A function that saves the interrupt state, looks at it, restores it, and returns what it saw. */
static void generate(struct generated *g)
{
    generated_code(g, code_entry, sizeof(code_entry));
    generated_site(g, PV_OPID_irq_save);
    generated_code(g, code_keep_flags, sizeof(code_keep_flags));
    generated_site(g, PV_OPID_irq_flags);
    generated_code(g, code_keep_inside, sizeof(code_keep_inside));
    generated_site(g, PV_OPID_irq_restore);
    generated_code(g, code_return, sizeof(code_return));
}

static void run_it(struct check *check, const struct generated *g)
{
    struct pv_irqflags (*function)(void);
    function = (struct pv_irqflags(*)(void))g->text.start;
    EXPECT(check, !pv_irqs_were_on(function()), "interrupts were on inside");
    EXPECT(check, pv_irqs_were_on(pv_irq_flags()), "interrupts are off afterwards");
}

static uint32_t total_sites(struct check *check)
{
    struct pv_site_counts counts = {0};
    struct pv_error error;
    expect_ok(check, "pv_sites_check", pv_sites_check(&counts, &error), &error);
    return counts.total;
}

static void loaded_run_removed(struct check *check)
{
    struct generated g;
    struct pv_error error;
    if (skip_if_bound(check) || !EXPECT(check, generated_open(&g, TEXT_BYTES, 8), "no memory"))
        return;
    uint32_t before = total_sites(check);
    generate(&g);
    generated_seal(&g);
    run_it(check, &g);
    if (expect_ok(check, "pv_text_add", pv_text_add(&g.text, &error), &error)) {
        run_it(check, &g);
        EXPECT(check, total_sites(check) == before + 3, "the sites are not counted");
        uintptr_t both = writable_and_executable();
        EXPECT(check, both == 0, "a page is writable and executable at %lx", both);
        pv_text_remove(&g.text);
    }
    EXPECT(check, total_sites(check) == before, "the sites are not forgotten");
    generated_free(&g);
}

static void bad_record(struct check *check)
{
    struct generated g;
    struct pv_error error = {0};
    if (skip_if_bound(check) || !EXPECT(check, generated_open(&g, TEXT_BYTES, 8), "no memory"))
        return;
    uint32_t before = total_sites(check);
    generate(&g);
    generated_seal(&g);
    g.text.end = g.text.start + 8; /* now the first site ends behind the text */
    int status = pv_text_add(&g.text, &error);
    EXPECT(check, status == PV_E_RECORD && error.where != 0, "status %d", status);
    EXPECT(check, total_sites(check) == before, "it was added all the same");
    generated_free(&g);
}

static const struct test module_tests[] = {
    {"a module's sites work before and after patching, and are forgotten", loaded_run_removed},
    {"a module whose records point outside of it is refused", bad_record},
};

const struct test_group module_group = TEST_GROUP(module);
