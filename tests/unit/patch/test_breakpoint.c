/* SPDX-License-Identifier: MIT */
/*
 * The handler of breakpoints, and changes of an op by way of them, step by step.
 *
 * Theory: while an op is changed its sites begin with `int3`. A CPU that meets one is given the
 * op's call by the handler. Everybody else's breakpoint must be declined: a debugger's, one in
 * text without sites, one at another privilege. A change that fails half way may leave breakpoints
 * behind, never unanswered ones.
 */
#include "host.h"

__attribute__((noinline)) static uint64_t irq_flags(void)
{
    return pv_irq_flags().raw;
}

static struct host_object object;
static uintptr_t site;

static int start(void **state)
{
    (void)state;
    host_start_patched("alpha");
    host_object_make(&object, HOST_PAGE, 64);
    site = host_object_site(&object, PV_OPID_irq_flags);
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    host_stop();
    pv_text_remove(&object.text);
    host_object_free(&object);
    return 0;
}

/* A breakpoint's frame, far from the stack that it interrupted. */
static uint64_t stack[8];

static struct pv_regs breakpoint_at(uintptr_t address)
{
    unsigned long cs;
    struct pv_regs regs = {0};

    __asm__("mov %%cs, %0" : "=r"(cs));
    memset(stack, 0, sizeof(stack));
    regs.vector = PV_TRAP_BREAKPOINT;
    regs.rip = address + 1;
    regs.cs = cs;
    regs.rsp = (uintptr_t)&stack[8];
    return regs;
}

static void write_byte(uintptr_t at, uint8_t value)
{
    object.range.rw[at - object.text.start] = value;
}

static void assert_declined(struct pv_regs regs)
{
    struct pv_regs before = regs;

    assert_false(pv_trap(PV_TRAP_BREAKPOINT, &regs));
    assert_memory_equal(&regs, &before, sizeof(regs));
    assert_int_equal(stack[7], 0);
}

static void a_breakpoint_outside_of_text_is_declined(void **state)
{
    (void)state;
    assert_declined(breakpoint_at((uintptr_t)stack));
}

static void a_breakpoint_between_sites_is_declined(void **state)
{
    (void)state;
    assert_declined(breakpoint_at(site + host_length(PV_OPID_irq_flags)));
    assert_declined(breakpoint_at(object.text.start - 1));
    assert_declined(breakpoint_at(object.text.end - 1));
}

static void a_breakpoint_inside_a_site_is_declined(void **state)
{
    (void)state;
    for (unsigned i = 1; i < host_length(PV_OPID_irq_flags); i++)
        assert_declined(breakpoint_at(site + i));
}

static void a_debuggers_breakpoint_on_a_site_is_declined(void **state)
{
    (void)state;
    uint8_t before = *(const uint8_t *)site;
    write_byte(site, PV_INT3);
    struct pv_regs regs = breakpoint_at(site);
    bool handled = pv_trap(PV_TRAP_BREAKPOINT, &regs);
    write_byte(site, before);
    assert_false(handled);
}

static void a_debuggers_breakpoint_on_a_site_refuses_a_change(void **state)
{
    (void)state;
    struct pv_error error = {0};
    uint8_t before = *(const uint8_t *)site;
    write_byte(site, PV_INT3);
    int status = pv_op_override(PV_OPID_irq_flags, host_override, &error);
    uint8_t after = *(const uint8_t *)site;
    write_byte(site, before);
    assert_int_equal(status, PV_E_SITE);
    assert_int_equal(error.where, site);
    assert_int_equal(after, PV_INT3);
}

static void another_privilege_is_declined(void **state)
{
    (void)state;
    struct pv_regs regs = breakpoint_at(site);
    regs.cs ^= 3;
    assert_declined(regs);
}

/* As for a Xen PV guest: it runs in ring 3, and frames of its kernel show ring 0. */
static void the_kernels_privilege_is_that_of_its_frames(void **state)
{
    (void)state;
    struct pv_regs kernel = breakpoint_at(site), user = kernel;
    unsigned before = host_kernel_rpl;
    kernel.cs &= ~3ull;
    host_kernel_rpl = 0;
    bool from_kernel = pv_trap(PV_TRAP_BREAKPOINT, &kernel);
    bool from_user = pv_trap(PV_TRAP_BREAKPOINT, &user);
    host_kernel_rpl = before;
    assert_true(from_kernel);
    assert_false(from_user);
}

static void a_stale_breakpoint_is_run_again(void **state)
{
    (void)state;
    struct pv_regs regs = breakpoint_at(site);
    assert_true(pv_trap(PV_TRAP_BREAKPOINT, &regs));
    assert_int_equal(regs.rip, site);
    assert_int_equal(regs.rsp, (uintptr_t)&stack[8]);
}

static bool seen_by_debugger;

static bool debugger(struct pv_regs *regs)
{
    (void)regs;
    seen_by_debugger = true;
    return true;
}

static void an_int3_in_the_program_reaches_the_kernel(void **state)
{
    (void)state;
    host_declined = debugger;
    seen_by_debugger = false;
    __asm__ volatile("int3");
    assert_true(seen_by_debugger);
}

static void other_vectors_without_a_taker_are_declined(void **state)
{
    (void)state;
    struct pv_regs regs = breakpoint_at(site);
    assert_false(pv_trap(PV_TRAP_NMI, &regs));
    assert_false(pv_trap(PV_TRAP_PROTECTION, &regs));
    assert_false(pv_trap(PV_TRAP_PAGE_FAULT, &regs));
    assert_false(pv_trap(77, &regs));
    assert_false(pv_trap(100000, &regs));
}

/* ---- in the middle of a change -------------------------------------------------------------- */

static unsigned steps_seen;
static void (*at_each_step)(void);
static unsigned last_to_answer;

/* CPU 1 answers at once; what the change looks like meanwhile is looked at here. */
static void answer_at_once(void (*function)(void *, const struct pv_regs *), void *argument)
{
    struct pv_regs regs = breakpoint_at(0);

    steps_seen++;
    if (at_each_step != NULL)
        at_each_step();
    if (steps_seen <= last_to_answer)
        host_pretend_cpu(1, function, argument, &regs);
}

static void pretend_two_cpus(void (*look)(void))
{
    host_cpu_count = 2;
    host_platform.run_on_others = answer_at_once;
    at_each_step = look;
    steps_seen = 0;
    last_to_answer = ~0u;
}

static void call_is_made_for_a_breakpoint(void)
{
    struct pv_regs regs = breakpoint_at(site);

    if (*(const uint8_t *)site != PV_INT3)
        return;
    assert_true(pv_trap(PV_TRAP_BREAKPOINT, &regs));
    assert_int_equal(regs.rip, (uintptr_t)host_override);
    assert_int_equal(regs.rsp, (uintptr_t)&stack[7]);
    assert_int_equal(stack[7], site + host_length(PV_OPID_irq_flags));
}

static void a_breakpoint_of_a_change_is_given_the_call(void **state)
{
    (void)state;
    pretend_two_cpus(call_is_made_for_a_breakpoint);
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, host_override, NULL), PV_OK);
    assert_int_equal(steps_seen, 3);
    assert_int_equal(irq_flags(), OVERRIDE);
}

static void call_of_the_old_or_new_function(void)
{
    uint64_t value = host_call(site, 0, 0);

    assert_true(value == OVERRIDE || value == ALPHA(irq_flags));
    value = irq_flags();
    assert_true(value == OVERRIDE || value == ALPHA(irq_flags));
}

static void at_every_step_the_site_works(void **state)
{
    (void)state;
    pretend_two_cpus(call_of_the_old_or_new_function);
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, host_override, NULL), PV_OK);
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, NULL, NULL), PV_OK);
    assert_int_equal(steps_seen, 6);
}

static const char *why;

static void trap_on_the_interrupted_stack(void)
{
    static struct pv_regs regs[2];

    regs[0] = breakpoint_at(site);
    regs[0].rsp = (uintptr_t)&regs[1];
    pv_trap(PV_TRAP_BREAKPOINT, regs);
}

static void look_for_a_panic(void)
{
    if (steps_seen == 1)
        why = host_panic_of(trap_on_the_interrupted_stack);
}

static void a_breakpoint_without_a_stack_of_its_own_panics(void **state)
{
    (void)state;
    why = NULL;
    pretend_two_cpus(look_for_a_panic);
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, host_override, NULL), PV_OK);
    assert_non_null(why);
    assert_string_equal(why, "breakpoint in a call site: the trap must have a stack of its own");
}

static bool another_op_handled;
static uintptr_t other;

static void breakpoint_of_another_op(void)
{
    struct pv_regs regs = breakpoint_at(other);
    uint8_t before = *(const uint8_t *)other;

    write_byte(other, PV_INT3);
    another_op_handled |= pv_trap(PV_TRAP_BREAKPOINT, &regs);
    write_byte(other, before);
}

static void a_breakpoint_on_another_ops_site_is_declined_meanwhile(void **state)
{
    (void)state;
    assert_int_equal(pv_text_remove(&object.text), PV_OK);
    other = host_object_site(&object, PV_OPID_irq_save);
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    another_op_handled = false;
    pretend_two_cpus(breakpoint_of_another_op);
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, host_override, NULL), PV_OK);
    assert_false(another_op_handled);
}

/* ---- changes that fail ---------------------------------------------------------------------- */

static void assert_a_later_change_completes(void)
{
    pretend_two_cpus(NULL);
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, host_override_slow, NULL), PV_OK);
    assert_int_equal(irq_flags(), OVERRIDE_SLOW);
    assert_int_equal(host_call(site, 0, 0), OVERRIDE_SLOW);
    assert_int_equal(pv_sites_check(NULL, NULL), PV_OK);
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, NULL, NULL), PV_OK);
    assert_int_equal(irq_flags(), ALPHA(irq_flags));
    assert_int_equal(host_call(site, 0, 0), ALPHA(irq_flags));
}

static void without_an_alias_at_any_time_sites_work_and_a_later_change_completes(void **state)
{
    int status = PV_E_ALIAS;
    (void)state;
    for (long n = 0; status != PV_OK; n++) {
        struct pv_error error = {0};
        pretend_two_cpus(NULL);
        host_aliases_left = n;
        status = pv_op_override(PV_OPID_irq_flags, host_override, &error);
        host_aliases_left = -1;
        assert_true(status == PV_OK || status == PV_E_ALIAS);
        call_of_the_old_or_new_function();
        assert_a_later_change_completes();
        assert_true(n < 1000);
    }
}

static void *(*alias_of_host)(uintptr_t text, size_t bytes);
static long until_none;

static void *one_is_refused(uintptr_t text, size_t bytes)
{
    return until_none-- == 0 ? NULL : alias_of_host(text, bytes);
}

static void one_refused_alias_is_taken_back_or_made_good(void **state)
{
    (void)state;
    alias_of_host = host_platform.text_alias;
    host_platform.text_alias = one_is_refused;
    int status = PV_E_ALIAS;
    for (long n = 0; status != PV_OK; n++) {
        pretend_two_cpus(NULL);
        until_none = n;
        status = pv_op_override(PV_OPID_irq_flags, host_override, NULL);
        until_none = -1;
        call_of_the_old_or_new_function();
        assert_a_later_change_completes();
        assert_true(n < 1000);
    }
}

static void a_cpu_that_never_serialises_leaves_the_op_as_it_was(void **state)
{
    (void)state;
    pretend_two_cpus(NULL);
    last_to_answer = 0;
    struct pv_error error = {0};
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, host_override, &error), PV_E_RENDEZVOUS);
    assert_int_equal(pv_sites_check(NULL, NULL), PV_OK);
    assert_int_equal(irq_flags(), ALPHA(irq_flags));
    assert_a_later_change_completes();
}

static void a_cpu_lost_before_the_tails_leaves_breakpoints_that_are_answered(void **state)
{
    (void)state;
    pretend_two_cpus(NULL);
    last_to_answer = 1;
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, host_override, NULL), PV_E_RENDEZVOUS);
    unsigned long before = host_breakpoints;
    assert_int_equal(host_call(site, 0, 0), OVERRIDE);
    assert_true(host_breakpoints > before);
    assert_a_later_change_completes();
}

static void breakpoints_left_behind_are_removed_by_a_switch(void **state)
{
    (void)state;
    pretend_two_cpus(NULL);
    last_to_answer = 1;
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, host_override, NULL), PV_E_RENDEZVOUS);
    host_cpu_count = 1;
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    assert_int_equal(pv_sites_check(NULL, NULL), PV_OK);
    assert_int_equal(host_call(site, 0, 0), BETA(irq_flags));
}

static void a_cpu_lost_at_the_end_does_not_matter(void **state)
{
    (void)state;
    pretend_two_cpus(NULL);
    last_to_answer = 2;
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, host_override, NULL), PV_OK);
    assert_int_equal(pv_sites_check(NULL, NULL), PV_OK);
    assert_int_equal(irq_flags(), OVERRIDE);
}

static void an_op_that_does_not_exist_is_refused(void **state)
{
    (void)state;
    assert_int_equal(pv_op_override((enum pv_op_id)PV_OP_COUNT, host_override, NULL),
                     PV_E_ARGUMENT);
}

static void a_cold_op_changes_its_slot(void **state)
{
    (void)state;
    assert_int_equal(pv_op_override(PV_OPID_cpu_cr4_read, host_override, NULL), PV_OK);
    assert_int_equal(pv_cpu_cr4_read(), OVERRIDE);
    assert_int_equal(pv_op_override(PV_OPID_cpu_cr4_read, NULL, NULL), PV_OK);
    assert_ptr_equal(pv_slot_of(&pv_ops, PV_OPID_cpu_cr4_read), pv_op_missing);
}

#define ALONE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        ALONE(a_breakpoint_outside_of_text_is_declined),
        ALONE(a_breakpoint_between_sites_is_declined),
        ALONE(a_breakpoint_inside_a_site_is_declined),
        ALONE(a_debuggers_breakpoint_on_a_site_is_declined),
        ALONE(a_debuggers_breakpoint_on_a_site_refuses_a_change),
        ALONE(another_privilege_is_declined),
        ALONE(the_kernels_privilege_is_that_of_its_frames),
        ALONE(a_stale_breakpoint_is_run_again),
        ALONE(an_int3_in_the_program_reaches_the_kernel),
        ALONE(other_vectors_without_a_taker_are_declined),
        ALONE(a_breakpoint_of_a_change_is_given_the_call),
        ALONE(at_every_step_the_site_works),
        ALONE(a_breakpoint_without_a_stack_of_its_own_panics),
        ALONE(a_breakpoint_on_another_ops_site_is_declined_meanwhile),
        ALONE(without_an_alias_at_any_time_sites_work_and_a_later_change_completes),
        ALONE(one_refused_alias_is_taken_back_or_made_good),
        ALONE(a_cpu_that_never_serialises_leaves_the_op_as_it_was),
        ALONE(a_cpu_lost_before_the_tails_leaves_breakpoints_that_are_answered),
        ALONE(breakpoints_left_behind_are_removed_by_a_switch),
        ALONE(a_cpu_lost_at_the_end_does_not_matter),
        ALONE(an_op_that_does_not_exist_is_refused),
        ALONE(a_cold_op_changes_its_slot),
    };

    return cmocka_run_group_tests_name("breakpoints", tests, NULL, NULL);
}
