/* SPDX-License-Identifier: MIT */
/*
 * The patcher, on real code.
 *
 * Theory: a site can hold one of three contents (the call it was compiled to, a direct call, the
 * inline sequence) and each must do the same for its caller. The patcher may only ever exchange
 * one for another, must be able to undo it to the byte, and must look at everything before it
 * changes anything. The sites here are those that the public wrappers leave in this program, and
 * those of objects made at run time, which end at an inaccessible page.
 */
#include "host.h"

#include <stdlib.h>
#include <sys/mman.h>

__attribute__((noinline)) static uint64_t wrapped_irq_flags(void)
{
    return pv_irq_flags().raw;
}

__attribute__((noinline)) static uint64_t wrapped_irq_save(void)
{
    return pv_irq_save().raw;
}

__attribute__((noinline)) static uint64_t wrapped_clock_ns(void)
{
    return pv_clock_ns();
}

__attribute__((noinline)) static void wrapped_timer_set(void)
{
    pv_timer_set(1);
}

__attribute__((noinline)) static uint64_t wrapped_pte_set(uint64_t value)
{
    struct pv_pte entry = {1};

    pv_pte_set(&entry, (struct pv_pte){value});
    return entry.raw;
}

static struct host_object object;

/* Text of the program and the object, as it was. */
static uint8_t *program_before;
static uint8_t *object_before;

static void remember(void)
{
    size_t bytes = host_platform.text_end - host_platform.text_start;

    program_before = malloc(bytes);
    memcpy(program_before, (const void *)host_platform.text_start, bytes);
    object_before = malloc(object.range.bytes);
    memcpy(object_before, object.range.rw, object.range.bytes);
}

static void assert_as_remembered(void)
{
    size_t bytes = host_platform.text_end - host_platform.text_start;

    assert_memory_equal((const void *)host_platform.text_start, program_before, bytes);
    assert_memory_equal(object.range.rw, object_before, object.range.bytes);
    free(program_before);
    free(object_before);
}

static int start_alpha(void **state)
{
    *state = &object;
    host_start("alpha");
    host_object_make(&object, 2 * HOST_PAGE, 256);
    return 0;
}

static int start_beta(void **state)
{
    *state = &object;
    host_start("beta");
    host_object_make(&object, 2 * HOST_PAGE, 256);
    return 0;
}

static struct pv_site_counts counts_now(void)
{
    struct pv_site_counts counts;
    struct pv_error error = {0};

    if (pv_sites_check(&counts, &error) != PV_OK)
        fail_msg("%s (%s) at %lx", error.what, pv_op_name(error.op), (unsigned long)error.where);
    return counts;
}

static void every_byte_comes_back(void **state)
{
    (void)state;
    remember();
    assert_int_equal(pv_patch(NULL), PV_OK);
    assert_int_equal(pv_unpatch(NULL), PV_OK);
    assert_as_remembered();
}

static void patching_twice_is_patching_once(void **state)
{
    (void)state;
    assert_int_equal(pv_patch(NULL), PV_OK);
    remember();
    assert_int_equal(pv_patch(NULL), PV_OK);
    assert_as_remembered();
}

static void no_mapping_is_writable_and_executable(void **state)
{
    (void)state;
    host_assert_no_wx();
    assert_int_equal(pv_patch(NULL), PV_OK);
    host_assert_no_wx();
}

static void an_op_without_a_sequence_is_called_directly(void **state)
{
    (void)state;
    assert_int_equal(pv_patch(NULL), PV_OK);
    struct pv_site_counts counts = counts_now();
    assert_int_equal(counts.form[PV_SITE_DIRECT], counts.total);
    assert_int_equal(wrapped_irq_flags(), ALPHA(irq_flags));
}

static void an_op_with_a_sequence_is_inline(void **state)
{
    (void)state;
    assert_int_equal(pv_patch(NULL), PV_OK);
    assert_true(counts_now().form[PV_SITE_INLINE] > 0);
    assert_int_equal(wrapped_irq_save(), 0x3b);
}

static void an_unpatched_site_calls_through_the_table(void **state)
{
    (void)state;
    struct pv_site_counts counts = counts_now();
    assert_int_equal(counts.form[PV_SITE_INDIRECT], counts.total);
    assert_int_equal(wrapped_irq_save(), BETA(irq_save));
}

static void each_form_takes_the_same_arguments(void **state)
{
    (void)state;
    assert_int_equal(wrapped_pte_set(42), 42);
    assert_int_equal(pv_patch(NULL), PV_OK);
    assert_int_equal(wrapped_pte_set(43), 43);
}

static void a_missing_op_traps_in_its_caller(void **state)
{
    (void)state;
    assert_int_equal(pv_patch(NULL), PV_OK);
    uintptr_t at = host_illegal_at(wrapped_timer_set);
    assert_in_range(at, (uintptr_t)wrapped_timer_set, (uintptr_t)wrapped_timer_set + 128);
    assert_int_equal(pv_site_recognise(at, PV_OPID_timer_set), PV_CONTENT_CALL);
}

static void a_missing_op_traps_before_it_is_patched(void **state)
{
    (void)state;
    uintptr_t at = host_illegal_at(wrapped_timer_set);
    assert_in_range(at, (uintptr_t)pv_op_missing, (uintptr_t)pv_op_missing + 4);
}

static uintptr_t direct_call_target(uintptr_t site, enum pv_op_id op)
{
    uintptr_t end = site + host_length(op);
    int32_t distance;

    memcpy(&distance, (const void *)(end - 4), 4);
    return end + (uintptr_t)(intptr_t)distance;
}

static void a_direct_call_skips_endbr64(void **state)
{
    (void)state;
    uintptr_t site = host_object_site(&object, PV_OPID_irq_flags);
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    uintptr_t target = direct_call_target(site, PV_OPID_irq_flags);
    uintptr_t function = (uintptr_t)pv_slot_of(&pv_ops, PV_OPID_irq_flags);
    assert_int_equal(target, function + 4);
    pv_text_remove(&object.text);
}

static void a_direct_call_skips_nothing_else(void **state)
{
    (void)state;
    uintptr_t site = host_object_site(&object, PV_OPID_clock_ns);
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    uintptr_t target = direct_call_target(site, PV_OPID_clock_ns);
    assert_int_equal(target, (uintptr_t)pv_slot_of(&pv_ops, PV_OPID_clock_ns));
    assert_int_equal(host_call(site, 0, 0), BETA(clock_ns));
    pv_text_remove(&object.text);
}

static void a_target_out_of_reach_leaves_the_call_indirect(void **state)
{
    static const uint8_t code[] = {0xb8, 0x00, 0xd0, 0x00, 0x00, 0xc3}; /* mov $0xd000, %eax; ret */
    (void)state;
    struct host_range far = host_text_make(HOST_PAGE, true);
    memcpy(far.rw, code, sizeof(code));
    void (*function)(void);
    memcpy(&function, &far.rx, sizeof(function));

    assert_int_equal(pv_patch(NULL), PV_OK);
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, function, NULL), PV_OK);
    assert_true(counts_now().form[PV_SITE_INDIRECT] > 0);
    assert_int_equal(wrapped_irq_flags(), 0xd000);
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, NULL, NULL), PV_OK);
    assert_int_equal(wrapped_irq_flags(), ALPHA(irq_flags));
    host_text_free(&far);
}

static void a_site_may_cross_a_page(void **state)
{
    (void)state;
    for (size_t first = 1; first < 18; first++) {
        object.text.count = 0;
        uintptr_t site = host_object_site_at(&object, HOST_PAGE - first, PV_OPID_lock_acquire);
        struct pv_spinlock lock = PV_SPINLOCK_FREE;
        assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
        assert_int_equal(pv_site_recognise(site, PV_OPID_lock_acquire), PV_CONTENT_INLINE);
        host_call(site, (uint64_t)&lock, 0);
        assert_int_equal(lock.locked, 1);
        pv_text_remove(&object.text);
    }
}

static void a_site_may_end_with_the_text(void **state)
{
    (void)state;
    unsigned length = host_length(PV_OPID_pte_clear);
    uintptr_t site =
        host_object_site_at(&object, object.range.bytes - length - 1, PV_OPID_pte_clear);
    object.text.end = site + length;
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    assert_int_equal(pv_site_recognise(site, PV_OPID_pte_clear), PV_CONTENT_INLINE);
    pv_text_remove(&object.text);
}

static void text_added_later_follows_every_change(void **state)
{
    (void)state;
    uintptr_t site = host_object_site(&object, PV_OPID_irq_flags);
    assert_int_equal(pv_patch(NULL), PV_OK);
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    assert_int_equal(pv_site_recognise(site, PV_OPID_irq_flags), PV_CONTENT_CALL);
    assert_int_equal(host_call(site, 0, 0), ALPHA(irq_flags));
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    assert_int_equal(pv_site_recognise(site, PV_OPID_irq_flags), PV_CONTENT_INLINE);
    assert_int_equal(host_call(site, 0, 0), BETA(irq_flags));
    assert_int_equal(pv_unpatch(NULL), PV_OK);
    assert_int_equal(pv_site_recognise(site, PV_OPID_irq_flags), PV_CONTENT_COMPILED);
    pv_text_remove(&object.text);
}

static void text_that_was_removed_is_left_alone(void **state)
{
    (void)state;
    host_object_site(&object, PV_OPID_irq_flags);
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    pv_text_remove(&object.text);
    remember();
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    assert_int_equal(pv_unpatch(NULL), PV_OK);
    assert_as_remembered();
}

static void text_is_not_added_twice(void **state)
{
    struct pv_error error = {0};
    (void)state;
    host_object_site(&object, PV_OPID_irq_flags);
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    assert_int_equal(pv_text_add(&object.text, &error), PV_E_ARGUMENT);
    assert_int_equal(error.where, object.text.start);
    assert_int_equal(pv_sites_check(NULL, NULL), PV_OK);
    pv_text_remove(&object.text);
}

static void text_that_overlaps_other_text_is_refused(void **state)
{
    (void)state;
    host_object_site(&object, PV_OPID_irq_flags);
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    struct pv_text second = object.text;
    second.start += HOST_PAGE / 2;
    second.count = 0;
    assert_int_equal(pv_text_add(&second, NULL), PV_E_ARGUMENT);
    pv_text_remove(&object.text);
}

/* After refusal the object must be as it was, and the error must point at what is wrong. */
static void assert_refused(int status, uint64_t where)
{
    struct pv_error error = {0};

    remember();
    assert_int_equal(pv_text_add(&object.text, &error), status);
    assert_int_equal(error.status, status);
    assert_int_equal(error.where, where);
    assert_true(error.what != NULL && error.what[0] != '\0');
    assert_as_remembered();
}

static void a_record_without_an_op_is_named(void **state)
{
    (void)state;
    host_object_site(&object, PV_OPID_irq_flags);
    host_object_site(&object, PV_OPID_pte_set);
    object.records[1].op = PV_OP_COUNT;
    assert_refused(PV_E_RECORD, (uintptr_t)&object.records[1]);
}

static void a_record_of_a_cold_op_is_named(void **state)
{
    (void)state;
    host_object_site(&object, PV_OPID_irq_flags);
    object.records[0].op = PV_OPID_cpu_cr4_read;
    assert_refused(PV_E_RECORD, (uintptr_t)&object.records[0]);
}

static void a_record_with_another_length_is_named(void **state)
{
    (void)state;
    host_object_site(&object, PV_OPID_irq_flags);
    object.records[0].length++;
    assert_refused(PV_E_RECORD, (uintptr_t)&object.records[0]);
}

static void a_record_that_points_outside_is_named(void **state)
{
    (void)state;
    host_object_site(&object, PV_OPID_irq_flags);
    object.text.start += 1;
    assert_refused(PV_E_RECORD, (uintptr_t)&object.records[0]);
    object.text.start -= 1;
    object.text.end = object.text.start + host_length(PV_OPID_irq_flags) - 1;
    assert_refused(PV_E_RECORD, (uintptr_t)&object.records[0]);
}

static void a_site_of_another_op_is_named(void **state)
{
    (void)state;
    uintptr_t site = host_object_site(&object, PV_OPID_cr2_read);
    assert_int_equal(host_length(PV_OPID_cr2_read), host_length(PV_OPID_cr3_read));
    object.records[0].op = PV_OPID_cr3_read;
    assert_refused(PV_E_SITE, site);
}

static void a_site_in_the_breakpoint_path_is_refused(void **state)
{
    extern const char pv_nosite_start[] PV_HIDDEN, pv_nosite_end[] PV_HIDDEN;
    (void)state;
    struct pv_site *record = host_data_make(sizeof(*record));
    struct pv_text text = {host_platform.text_start, host_platform.text_end, record, 1, NULL};

    const unsigned length = host_length(PV_OPID_irq_flags);
    for (const char *at = pv_nosite_start - length + 1; at < pv_nosite_end; at++) {
        struct pv_error error = {0};
        uintptr_t site;
        *record = (struct pv_site){(int32_t)((intptr_t)at - (intptr_t)record), PV_OPID_irq_flags,
                                   (uint8_t)length, 0};
        assert_int_equal(pv_record_check(&text, record, &site, &error), PV_E_RECORD);
        assert_int_equal(error.where, (uintptr_t)at);
    }
    host_data_free(record, sizeof(*record));
}

static void a_site_that_cannot_reach_its_slot_is_refused(void **state)
{
    (void)state;
    struct host_range far = host_text_make(HOST_PAGE, true);
    struct pv_site *record = (struct pv_site *)(void *)far.rx;
    struct pv_site *writable = (struct pv_site *)(void *)far.rw;
    uintptr_t site = (uintptr_t)far.rx + 64;
    const struct pv_content *held = &pv_contents[PV_OPID_irq_flags][PV_CONTENT_INLINE];

    /* It holds the inline content, which needs nothing that is near. */
    assert_int_equal(held->form, PV_SITE_INLINE);
    memcpy(far.rw + 64, held->bytes, held->length);
    *writable = (struct pv_site){64, PV_OPID_irq_flags, held->length, 0};
    struct pv_text text = {(uintptr_t)far.rx, (uintptr_t)far.rx + HOST_PAGE, record, 1, NULL};
    struct pv_error error = {0};
    assert_int_equal(pv_text_add(&text, &error), PV_E_SITE);
    assert_int_equal(error.where, site);
    host_text_free(&far);
}

static void every_corrupted_byte_is_detected(void **state)
{
    static const enum pv_op_id ops[] = {
        PV_OPID_irq_flags,    PV_OPID_irq_save,  PV_OPID_irq_eoi,
        PV_OPID_lock_acquire, PV_OPID_clock_ns,  PV_OPID_lock_kick,
        PV_OPID_timer_set,    PV_OPID_pte_clear, PV_OPID_cpu_tls_set};
    (void)state;
    for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        host_object_site(&object, ops[i]);
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    for (int patched = 0; patched < 2; patched++) {
        assert_int_equal(patched ? pv_patch(NULL) : pv_unpatch(NULL), PV_OK);
        for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
            uintptr_t site =
                (uintptr_t)&object.records[i] + (uintptr_t)(intptr_t)object.records[i].offset;
            for (unsigned byte = 0; byte < host_length(ops[i]); byte++) {
                uint8_t *at = object.range.rw + (site - object.text.start) + byte;
                for (unsigned bits = 1; bits < 256; bits++) {
                    struct pv_error error = {0};
                    *at = (uint8_t)(*at ^ bits);
                    assert_int_equal(pv_sites_check(NULL, &error), PV_E_SITE);
                    assert_int_equal(error.where, site);
                    assert_int_equal(error.op, ops[i]);
                    *at = (uint8_t)(*at ^ bits);
                }
            }
        }
    }
    pv_text_remove(&object.text);
}

static void assert_program_works(bool beta)
{
    uint64_t flags = wrapped_irq_flags();
    uint64_t saved = wrapped_irq_save();

    assert_int_equal(flags, beta ? BETA(irq_flags) : ALPHA(irq_flags));
    assert_true(beta ? saved == 0x3b || saved == BETA(irq_save) : saved == ALPHA(irq_save));
    assert_int_equal(wrapped_clock_ns(), beta ? BETA(clock_ns) : ALPHA(clock_ns));
    assert_int_equal(wrapped_pte_set(77), 77);
}

/* Each run may ask for aliases so often; the n-th is refused, for every n that there is. */
static void without_an_alias_all_sites_work_and_a_later_run_repairs_them(void **state)
{
    (void)state;
    long needed = 0;
    for (long n = 0;; n++) {
        struct pv_error error = {0};
        assert_int_equal(pv_unpatch(NULL), PV_OK);
        host_aliases_left = n;
        int status = pv_patch(&error);
        host_aliases_left = -1;
        struct pv_site_counts counts = counts_now();
        assert_program_works(true);
        if (status == PV_OK) {
            assert_int_equal(counts.form[PV_SITE_INDIRECT], 0);
            needed = n;
            break;
        }
        assert_int_equal(status, PV_E_ALIAS);
        assert_int_not_equal(error.where, 0);
        assert_true(counts.form[PV_SITE_INDIRECT] > 0);
        assert_int_equal(pv_patch(NULL), PV_OK);
        assert_int_equal(counts_now().form[PV_SITE_INDIRECT], 0);
    }
    assert_true(needed > 0);
}

static void without_an_alias_a_switch_leaves_all_sites_working(void **state)
{
    (void)state;
    assert_int_equal(pv_patch(NULL), PV_OK);
    for (long n = 0; n < 1000; n++) {
        struct pv_error error = {0};
        assert_string_equal(pv_backend->name, "beta");
        host_aliases_left = n;
        int status = pv_switch("alpha", &error);
        host_aliases_left = -1;
        counts_now();
        assert_program_works(pv_backend != &pv_backend_alpha);
        if (status == PV_OK)
            break;
        assert_int_equal(status, PV_E_ALIAS);
        assert_int_equal(pv_patch(NULL), PV_OK);
        assert_program_works(pv_backend != &pv_backend_alpha);
        if (pv_backend == &pv_backend_alpha)
            assert_int_equal(pv_switch("beta", NULL), PV_OK);
    }
    assert_string_equal(pv_backend->name, "alpha");
}

static void *(*alias_of_host)(uintptr_t text, size_t bytes);
static int until_none;

static void *one_is_refused(uintptr_t text, size_t bytes)
{
    return until_none-- == 0 ? NULL : alias_of_host(text, bytes);
}

static void text_without_an_alias_is_compiled_again_and_can_be_added_later(void **state)
{
    (void)state;
    host_object_site_at(&object, 0, PV_OPID_irq_flags);
    host_object_site_at(&object, HOST_PAGE + 16, PV_OPID_irq_save);
    alias_of_host = host_platform.text_alias;
    host_platform.text_alias = one_is_refused;
    until_none = 1;
    remember();
    assert_int_equal(pv_text_add(&object.text, NULL), PV_E_ALIAS);
    assert_as_remembered();
    assert_int_equal(pv_switch("alpha", NULL), PV_OK);
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    pv_text_remove(&object.text);
}

static void text_cannot_be_removed_while_text_is_changed(void **state)
{
    (void)state;
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    assert_int_equal(pv_patch_claim(NULL), PV_OK);
    assert_int_equal(pv_text_remove(&object.text), PV_E_BUSY);
    pv_patch_release();
    assert_int_equal(pv_text_remove(&object.text), PV_OK);
}

static void one_alias_serves_all_sites_of_a_page(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        host_object_site(&object, PV_OPID_irq_flags);
    host_aliases = 0;
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    assert_int_equal(host_aliases, 1);
    pv_text_remove(&object.text);
}

static void before_early_init_everything_is_refused(void **state)
{
    (void)state;
    const struct pv_platform *platform = pv_platform;
    const struct pv_backend *backend = pv_backend;
    pv_platform = NULL;
    pv_backend = NULL;
    int patch = pv_patch(NULL);
    int unpatch = pv_unpatch(NULL);
    int add = pv_text_add(&object.text, NULL);
    int override = pv_op_override(PV_OPID_irq_flags, NULL, NULL);
    int change = pv_switch("alpha", NULL);
    int init = pv_init(NULL);
    pv_platform = platform;
    pv_backend = backend;
    assert_int_equal(patch, PV_E_ARGUMENT);
    assert_int_equal(unpatch, PV_E_ARGUMENT);
    assert_int_equal(add, PV_E_ARGUMENT);
    assert_int_equal(override, PV_E_ARGUMENT);
    assert_int_equal(change, PV_E_ARGUMENT);
    assert_int_equal(init, PV_E_ARGUMENT);
}

/* Every hot op of convention SAVE, in every form and on every backend. */
static void sites_of_convention_save_lose_only_rax(void **state)
{
    static const char *const backends[] = {"alpha", "beta", "gamma"};
    (void)state;
    for (unsigned op = 0; op < PV_OP_COUNT; op++)
        if (host_length((enum pv_op_id)op) != 0 && pv_op_facts[op].convention == PV_CONVENTION_SAVE)
            host_object_site(&object, (enum pv_op_id)op);
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    for (unsigned i = 0; i < 2 * sizeof(backends) / sizeof(backends[0]); i++) {
        (void)pv_switch(backends[i / 2], NULL);
        assert_int_equal(i % 2 ? pv_patch(NULL) : pv_unpatch(NULL), PV_OK);
        for (size_t j = 0; j < object.text.count; j++) {
            uint64_t word = 0;
            uint32_t bad = 0;
            uintptr_t site =
                (uintptr_t)&object.records[j] + (uintptr_t)(intptr_t)object.records[j].offset;
            host_call_keeps(site, (uint64_t)&word, 0x1234, &bad);
            if (bad != 0)
                fail_msg("%s in %s", pv_op_name(object.records[j].op), backends[i / 2]);
        }
    }
    pv_text_remove(&object.text);
}

static void a_padded_gs_access_reaches_the_same_word(void **state)
{
    (void)state;
    uintptr_t site = host_object_site(&object, PV_OPID_cpu_kernel_stack_set);
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    assert_int_equal(pv_site_recognise(site, PV_OPID_cpu_kernel_stack_set), PV_CONTENT_INLINE);
    host_call(site, 0x123456, 0);
    assert_int_equal(*host_cpu(0)->kernel_stack_slot, 0x123456);
    pv_text_remove(&object.text);
}

static void a_backend_on_top_hides_what_its_base_puts_inline(void **state)
{
    (void)state;
    assert_int_equal(pv_patch(NULL), PV_OK);
    assert_int_equal(pv_switch("gamma", NULL), PV_OK);
    assert_int_equal(wrapped_irq_flags(), ALPHA(irq_flags));
    assert_int_equal(wrapped_irq_save(), 0x3b);
}

#define WITH(backend, test) \
    cmocka_unit_test_setup_teardown(test, start_##backend, host_stop_and_free)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        WITH(alpha, every_byte_comes_back),
        WITH(beta, every_byte_comes_back),
        WITH(beta, patching_twice_is_patching_once),
        WITH(beta, no_mapping_is_writable_and_executable),
        WITH(alpha, an_op_without_a_sequence_is_called_directly),
        WITH(beta, an_op_with_a_sequence_is_inline),
        WITH(beta, an_unpatched_site_calls_through_the_table),
        WITH(beta, each_form_takes_the_same_arguments),
        WITH(beta, a_missing_op_traps_in_its_caller),
        WITH(beta, a_missing_op_traps_before_it_is_patched),
        WITH(alpha, a_direct_call_skips_endbr64),
        WITH(beta, a_direct_call_skips_nothing_else),
        WITH(alpha, a_target_out_of_reach_leaves_the_call_indirect),
        WITH(beta, a_site_may_cross_a_page),
        WITH(beta, a_site_may_end_with_the_text),
        WITH(alpha, text_added_later_follows_every_change),
        WITH(alpha, text_that_was_removed_is_left_alone),
        WITH(beta, text_is_not_added_twice),
        WITH(beta, text_that_overlaps_other_text_is_refused),
        WITH(beta, a_record_without_an_op_is_named),
        WITH(beta, a_record_of_a_cold_op_is_named),
        WITH(beta, a_record_with_another_length_is_named),
        WITH(beta, a_record_that_points_outside_is_named),
        WITH(beta, a_site_of_another_op_is_named),
        WITH(beta, a_site_in_the_breakpoint_path_is_refused),
        WITH(beta, a_site_that_cannot_reach_its_slot_is_refused),
        WITH(beta, every_corrupted_byte_is_detected),
        WITH(beta, without_an_alias_all_sites_work_and_a_later_run_repairs_them),
        WITH(beta, without_an_alias_a_switch_leaves_all_sites_working),
        WITH(beta, text_without_an_alias_is_compiled_again_and_can_be_added_later),
        WITH(beta, text_cannot_be_removed_while_text_is_changed),
        WITH(beta, one_alias_serves_all_sites_of_a_page),
        WITH(beta, before_early_init_everything_is_refused),
        WITH(alpha, sites_of_convention_save_lose_only_rax),
        WITH(beta, a_padded_gs_access_reaches_the_same_word),
        WITH(beta, a_backend_on_top_hides_what_its_base_puts_inline),
    };

    host_alias_maps = true;
    return cmocka_run_group_tests_name("the patcher", tests, NULL, NULL);
}
