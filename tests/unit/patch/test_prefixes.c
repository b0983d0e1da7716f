/* SPDX-License-Identifier: MIT */
/*
 * Sites with nothing to do, as prefixes of the instruction behind them.
 *
 * Theory: such a site costs no instruction where what is behind it takes prefixes, and one where it
 * does not. What is behind does the same in both cases, is never written, and is never another
 * site, whose contents change. Instructions are counted by the trap flag, here and of what is
 * behind alone.
 */
#include "host.h"

#define NOTHING_TO_DO PV_OPID_paging_batch_open
#define NOTHING_LONG  PV_OPID_lock_kick
#define CODE_MAX      12
#define LAST_BYTES    3 /* so many behind a site it wants to see */

struct follower {
    const char *name;
    uint8_t code[CODE_MAX];
    uint8_t length;
};

/* Each may lose rax, rcx, rdx and the flags; `ret` comes behind. */
static const struct follower takers[] = {
    {"mov %rdi, %rax", {0x48, 0x89, 0xf8}, 3},
    {"mov %esi, %eax", {0x8b, 0xc6}, 2},
    {"mov %dil, %al", {0x40, 0x88, 0xf8}, 3},
    {"add %rsi, %rdi; mov", {0x48, 0x01, 0xf7, 0x48, 0x89, 0xf8}, 6},
    {"or %esi, %edi; mov", {0x09, 0xf7, 0x89, 0xf8}, 4},
    {"xor %eax, %eax", {0x31, 0xc0}, 2},
    {"sub %rsi, %rdi; mov", {0x48, 0x29, 0xf7, 0x48, 0x89, 0xf8}, 6},
    {"test %rdi, %rdi; mov", {0x48, 0x85, 0xff, 0x48, 0x89, 0xf8}, 6},
    {"cmp $1, %edi; mov", {0x83, 0xff, 0x01, 0x89, 0xf8}, 5},
    {"add $0x1234, %rdi; mov", {0x48, 0x81, 0xc7, 0x34, 0x12, 0, 0, 0x48, 0x89, 0xf8}, 10},
    {"shl $4, %rdi; mov", {0x48, 0xc1, 0xe7, 0x04, 0x48, 0x89, 0xf8}, 7},
    {"shr %edi; mov", {0xd1, 0xef, 0x89, 0xf8}, 4},
    {"imul $3, %rdi, %rax", {0x48, 0x6b, 0xc7, 0x03}, 4},
    {"movslq %edi, %rax", {0x48, 0x63, 0xc7}, 3},
    {"mov $-2, %rax", {0x48, 0xc7, 0xc0, 0xfe, 0xff, 0xff, 0xff}, 7},
    {"mov $0x1234, %eax", {0xb8, 0x34, 0x12, 0, 0}, 5},
    {"mov $0x1234, %r8d; mov", {0x41, 0xb8, 0x34, 0x12, 0, 0, 0x44, 0x89, 0xc0}, 9},
    {"lea 0x12345(%rdi,%rsi,2), %rax", {0x48, 0x8d, 0x84, 0x77, 0x45, 0x23, 0x01, 0}, 8},
    {"lea (%rip), %rdx; mov", {0x48, 0x8d, 0x15, 0, 0, 0, 0, 0x89, 0xf8}, 9},
    {"push %rdi; pop %rax", {0x57, 0x58}, 2},
    {"push %r12; pop %r12; mov", {0x41, 0x54, 0x41, 0x5c, 0x89, 0xf8}, 6},
    {"cltq", {0x48, 0x98}, 2},
    {"cqto", {0x48, 0x99}, 2},
    {"ret", {0xc3}, 1},
    {"jmp, short", {0xeb, 0x01, 0xcc}, 3},
    {"jmp", {0xe9, 0x01, 0, 0, 0, 0xcc}, 6},
    {"call; pop", {0xe8, 0, 0, 0, 0, 0x58, 0x31, 0xc0}, 8},
};

/* These do not, and the last ones would harm who executes them here. */
static const struct follower refused[] = {
    {"nop", {0x90}, 1},
    {"nop of two bytes", {0x66, 0x90}, 2},
    {"nop of three bytes", {0x0f, 0x1f, 0x00}, 3},
    {"endbr64", {0xf3, 0x0f, 0x1e, 0xfa}, 4},
    {"mov with a prefix", {0x2e, 0x89, 0xf8}, 3},
    {"mov of 16 bits", {0x66, 0x89, 0xf8}, 3},
    {"mov (%rdi), %rax", {0x48, 0x8b, 0x07}, 3},
    {"mov %esi, (%rdi)", {0x89, 0x37}, 2},
    {"mov (%rip), %eax", {0x8b, 0x05, 0, 0, 0, 0}, 6},
    {"add 8(%rdi), %eax", {0x03, 0x47, 0x08}, 3},
    {"movb $0, (%rdi)", {0xc6, 0x07, 0x00}, 3},
    {"movl $0, (%rdi)", {0xc7, 0x07, 0, 0, 0, 0}, 6},
    {"addl $1, (%rdi)", {0x83, 0x07, 0x01}, 3},
    {"lock addl $1, (%rdi)", {0xf0, 0x83, 0x07, 0x01}, 4},
    {"push (%rdi); pop %rax", {0xff, 0x37, 0x58}, 3},
    {"mov of eight bytes", {0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}, 10},
    {"mov of eight bytes, %r8", {0x49, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}, 10},
    {"movzbl %dil, %eax", {0x40, 0x0f, 0xb6, 0xc7}, 4},
    {"jc", {0x72, 0x00}, 2},
    {"vzeroupper", {0xc5, 0xf8, 0x77}, 3},
};
static const struct follower refused_unseen[] = {
    {"int3", {0xcc}, 1},
    {"ud2", {0x0f, 0x0b}, 2},
    {"call *%rax", {0xff, 0xd0}, 2},
    {"jmp *%rax", {0xff, 0xe0}, 2},
    {"notrack jmp *%rax", {0x3e, 0xff, 0xe0}, 3},
    {"call *slot", {0xff, 0x15, 0, 0, 0, 0}, 6},
    {"jmp *slot", {0xff, 0x25, 0, 0, 0, 0}, 6},
    {"stosb", {0xaa}, 1},
    {"rep movsb", {0xf3, 0xa4}, 2},
    {"div %ecx", {0xf7, 0xf1}, 2},
    {"mov %eax, %ds", {0x8e, 0xd8}, 2},
    {"mov %gs:0, %rax", {0x65, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0}, 9},
    {"iretq", {0x48, 0xcf}, 2},
    {"wrmsr", {0x0f, 0x30}, 2},
    {"syscall", {0x0f, 0x05}, 2},
    {"cli", {0xfa}, 1},
    {"in", {0xec}, 1},
    {"popfq", {0x9d}, 1},
    {"EVEX", {0x62, 0xf1, 0x7c}, 3},
    {"REX2", {0xd5, 0x10, 0x89, 0xf8}, 4},
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static struct host_object object;

static int start_beta(void **state)
{
    *state = &object;
    host_start_patched("beta");
    host_object_make(&object, HOST_PAGE, 64);
    return 0;
}

/* One site at the start of the object, with this behind it, as compiled. */
static uintptr_t site_before(const struct follower *follower, enum pv_op_id op)
{
    object.text.count = 0;
    memset(object.range.rw, PV_INT3, object.range.bytes);
    uintptr_t site = host_object_site_at(&object, 0, op);
    uint8_t *behind = object.range.rw + host_length(op);
    memcpy(behind, follower->code, follower->length);
    behind[follower->length] = 0xc3;
    return site;
}

static void add(void)
{
    struct pv_error error = {0};

    if (pv_text_add(&object.text, &error) != PV_OK)
        fail_msg("%s", error.what);
}

static unsigned executed;

/* The trap comes before the instruction at rip. */
static void count_in_object(struct pv_regs *regs)
{
    executed += regs->rip - object.text.start < object.range.bytes;
}

struct run {
    unsigned instructions;
    uint64_t value;
    uint64_t word;
};

static struct run run_at(uintptr_t place)
{
    /* The last byte of their address is not that of a place, which may be in rax. */
    static uint64_t room[16] __attribute__((aligned(256)));
    uint64_t *words = &room[8];

    words[0] = words[1] = 0x1111222233334444;
    executed = 0;
    host_stepped = count_in_object;
    host_step_begin();
    uint64_t value = host_call(place, (uint64_t)(uintptr_t)words, 0x77);
    host_step_end();
    host_stepped = NULL;
    /* rax is where it was called if it did not become anything else. */
    return (struct run){executed, value == place ? 0 : value, words[0]};
}

/* rax is the address of what is called: cltq keeps some of it. */
static bool same_value(uint64_t one, uint64_t other, unsigned apart)
{
    return one == other || other - one == apart;
}

static void assert_costs(const struct follower *follower, enum pv_op_id op, unsigned more)
{
    uintptr_t site = site_before(follower, op);

    add();
    int held = pv_site_recognise(site, op);
    if (held != (more == 0 ? PV_CONTENT_PREFIXES : PV_CONTENT_INLINE))
        fail_msg("%s: content %d", follower->name, held);
    struct run alone = run_at(site + host_length(op)), with = run_at(site);
    if (with.instructions != alone.instructions + more)
        fail_msg("%s: %u instructions, and %u alone", follower->name, with.instructions,
                 alone.instructions);
    if (!same_value(with.value, alone.value, host_length(op)) || with.word != alone.word)
        fail_msg("%s: does something else", follower->name);
    pv_text_remove(&object.text);
}

static void a_site_costs_nothing_in_front_of_what_takes_prefixes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT(takers); i++) {
        assert_costs(&takers[i], NOTHING_TO_DO, 0);
        assert_costs(&takers[i], NOTHING_LONG, 0);
    }
}

static void a_site_costs_one_instruction_in_front_of_anything_else(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT(refused); i++)
        assert_costs(&refused[i], NOTHING_TO_DO, 1);
}

static void what_is_refused_is_not_tried(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT(refused_unseen); i++) {
        uintptr_t site = site_before(&refused_unseen[i], NOTHING_TO_DO);
        add();
        if (pv_site_recognise(site, NOTHING_TO_DO) != PV_CONTENT_INLINE)
            fail_msg("%s", refused_unseen[i].name);
        pv_text_remove(&object.text);
    }
}

static void every_byte_comes_back_and_none_behind_the_site_changes(void **state)
{
    static uint8_t before[HOST_PAGE];
    (void)state;
    for (unsigned i = 0; i < COUNT(takers); i++) {
        uintptr_t site = site_before(&takers[i], NOTHING_TO_DO);
        unsigned length = host_length(NOTHING_TO_DO);
        memcpy(before, object.range.rw, sizeof(before));
        add();
        assert_memory_equal(object.range.rw + length, before + length, sizeof(before) - length);
        assert_int_equal(pv_site_recognise(site, NOTHING_TO_DO), PV_CONTENT_PREFIXES);
        assert_int_equal(pv_unpatch(NULL), PV_OK);
        assert_memory_equal(object.range.rw, before, sizeof(before));
        assert_int_equal(pv_patch(NULL), PV_OK);
        pv_text_remove(&object.text);
    }
}

static void both_forms_count_as_inline(void **state)
{
    struct pv_site_counts none, prefixes, nop;
    (void)state;
    assert_int_equal(pv_sites_check(&none, NULL), PV_OK);
    site_before(&takers[0], NOTHING_TO_DO);
    add();
    assert_int_equal(pv_sites_check(&prefixes, NULL), PV_OK);
    pv_text_remove(&object.text);
    site_before(&refused[0], NOTHING_TO_DO);
    add();
    assert_int_equal(pv_sites_check(&nop, NULL), PV_OK);
    pv_text_remove(&object.text);
    assert_int_equal(prefixes.form[PV_SITE_INLINE], none.form[PV_SITE_INLINE] + 1);
    assert_int_equal(prefixes.total, none.total + 1);
    assert_memory_equal(&prefixes, &nop, sizeof(nop));
}

/* A debugger, or the kernel, may change what is behind a site later. */
static void a_breakpoint_behind_a_site_changes_nothing(void **state)
{
    (void)state;
    uintptr_t site = site_before(&takers[0], NOTHING_TO_DO);
    uint8_t *behind = object.range.rw + host_length(NOTHING_TO_DO);
    add();
    *behind = PV_INT3;
    assert_int_equal(pv_site_recognise(site, NOTHING_TO_DO), PV_CONTENT_PREFIXES);
    assert_int_equal(pv_switch("alpha", NULL), PV_OK);
    *behind = takers[0].code[0];
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    assert_int_equal(pv_site_recognise(site, NOTHING_TO_DO), PV_CONTENT_PREFIXES);
    pv_text_remove(&object.text);
}

/* Behind the object lies a page that cannot be read. */
static void nothing_behind_the_text_is_read(void **state)
{
    static const struct follower push = {"push, many times", {0x50, 0x50, 0x50, 0x50, 0x50}, 5};
    unsigned length = host_length(NOTHING_TO_DO);
    (void)state;
    for (unsigned left = 1; left <= LAST_BYTES; left++) {
        object.text.count = 0;
        memset(object.range.rw, 0x50, object.range.bytes);
        uintptr_t site =
            host_object_site_at(&object, object.range.bytes - length - left, NOTHING_TO_DO);
        memcpy(object.range.rw + object.range.bytes - left, push.code, left);
        add();
        assert_int_equal(pv_site_recognise(site, NOTHING_TO_DO),
                         left < LAST_BYTES ? PV_CONTENT_INLINE : PV_CONTENT_PREFIXES);
        pv_text_remove(&object.text);
    }
    /* What is behind the text's end is somebody else's, even if it could be read. */
    for (unsigned left = 0; left <= LAST_BYTES; left++) {
        uintptr_t end = object.text.end;
        uintptr_t site = site_before(&push, NOTHING_TO_DO);
        object.text.end = site + length + left;
        add();
        assert_int_equal(pv_site_recognise(site, NOTHING_TO_DO),
                         left < LAST_BYTES ? PV_CONTENT_INLINE : PV_CONTENT_PREFIXES);
        pv_text_remove(&object.text);
        object.text.end = end;
    }
}

/* Whatever that holds: it is written before or behind this one, and changes later. */
static void a_site_is_never_part_of_another_site(void **state)
{
    static const char *const backends[] = {"beta", "gamma", "beta"};
    static const struct follower ret = {"ret", {0xc3}, 0};
    (void)state;
    for (unsigned op = 0; op < PV_OP_COUNT; op++) {
        if (host_length((enum pv_op_id)op) == 0)
            continue;
        uintptr_t site = site_before(&ret, NOTHING_TO_DO);
        host_object_site_at(&object, host_length(NOTHING_TO_DO), (enum pv_op_id)op);
        add();
        for (unsigned i = 0; i < COUNT(backends); i++) {
            for (unsigned times = 0; times < 2; times++) {
                if (pv_site_recognise(site, NOTHING_TO_DO) != PV_CONTENT_INLINE)
                    fail_msg("in front of %s", pv_op_name((int)op));
                assert_int_equal(pv_patch(NULL), PV_OK);
            }
            assert_int_equal(pv_switch(backends[i], NULL), PV_OK);
        }
        pv_text_remove(&object.text);
    }
}

#define ALONE(test) cmocka_unit_test_setup_teardown(test, start_beta, host_stop_and_free)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        ALONE(a_site_costs_nothing_in_front_of_what_takes_prefixes),
        ALONE(a_site_costs_one_instruction_in_front_of_anything_else),
        ALONE(what_is_refused_is_not_tried),
        ALONE(every_byte_comes_back_and_none_behind_the_site_changes),
        ALONE(both_forms_count_as_inline),
        ALONE(a_breakpoint_behind_a_site_changes_nothing),
        ALONE(nothing_behind_the_text_is_read),
        ALONE(a_site_is_never_part_of_another_site),
    };

    return cmocka_run_group_tests_name("sites with nothing to do", tests, NULL, NULL);
}
