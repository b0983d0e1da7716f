/* SPDX-License-Identifier: MIT */
/*
 * Changing backends, and refusing to.
 *
 * Theory: a backend is a stack (kvm on native), and a change leaves and enters only what the two
 * stacks do not share. Whatever fails, one backend is in force as a whole: its registrations, its
 * table, its contents. A change is refused while something is open that one backend began and
 * another would have to end.
 */
#include "host.h"
#include "lib/lock.h"

__attribute__((noinline)) static uint64_t irq_flags(void)
{
    return pv_irq_flags().raw;
}

static char log_text[512];

static void keep_log(const char *line)
{
    strncat(log_text, line, sizeof(log_text) - strlen(log_text) - 1);
}

static int start(void **state)
{
    (void)state;
    host_start_patched("alpha");
    log_text[0] = '\0';
    host_platform.log = keep_log;
    return 0;
}

static int start_beta(void **state)
{
    (void)state;
    host_start_patched("beta");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    host_stop();
    return 0;
}

static void assert_alpha_is_whole(void)
{
    assert_string_equal(pv_backend->name, "alpha");
    assert_int_equal(host_alpha.entered, 1);
    assert_int_equal(host_beta.entered, 0);
    assert_int_equal(host_gamma.entered, 0);
    assert_int_equal(pv_sites_check(NULL, NULL), PV_OK);
    assert_int_equal(irq_flags(), ALPHA(irq_flags));
}

static void assert_refused(const char *backend, int status)
{
    struct pv_error error = {0};

    assert_int_equal(pv_switch(backend, &error), status);
    assert_int_equal(error.status, status);
    assert_true(error.what != NULL && error.what[0] != '\0');
    assert_alpha_is_whole();
}

static void a_change_makes_the_other_backend_whole(void **state)
{
    (void)state;
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    assert_int_equal(host_alpha.entered, 0);
    assert_int_equal(host_beta.entered, 1);
    assert_int_equal(irq_flags(), BETA(irq_flags));
}

static void a_change_to_the_backend_in_force_does_nothing(void **state)
{
    (void)state;
    assert_int_equal(pv_switch("alpha", NULL), PV_OK);
    assert_int_equal(host_alpha.enters, 1);
    assert_int_equal(host_alpha.leaves, 0);
}

static void a_cpu_comes_and_goes_through_all_that_its_backend_stands_on(void **state)
{
    (void)state;
    struct pv_error error = {0};
    assert_int_equal(pv_switch("gamma", NULL), PV_OK);
    host_become_cpu(1);
    assert_int_equal(pv_cpu_online(NULL), PV_OK);
    assert_int_equal(host_beta.cpu_entered[1], 1);
    assert_int_equal(host_gamma.cpu_entered[1], 1);
    pv_cpu_offline();
    assert_int_equal(host_beta.cpus_entered, 0);
    assert_int_equal(host_gamma.cpus_entered, 0);
    host_gamma.fail_cpu = 1;
    assert_int_equal(pv_cpu_online(&error), PV_E_HOST);
    assert_int_equal(error.where, 1);
    assert_int_equal(host_beta.cpus_entered, 0);
    host_become_cpu(0);
}

static void a_cpu_beyond_all_bookkeeping_does_not_come(void **state)
{
    (void)state;
    pv_this_cpu()->number = PV_CONFIG_MAX_CPUS;
    assert_int_equal(pv_cpu_online(NULL), PV_E_RANGE);
    pv_this_cpu()->number = 0;
}

static void what_two_backends_share_stays(void **state)
{
    (void)state;
    assert_int_equal(pv_switch("gamma", NULL), PV_OK);
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    assert_int_equal(host_beta.enters, 1);
    assert_int_equal(host_beta.leaves, 0);
    assert_int_equal(host_gamma.entered, 0);
}

static void an_unknown_backend_is_refused(void **state)
{
    (void)state;
    assert_refused("omega", PV_E_BACKEND);
}

static void part_of_a_name_is_refused(void **state)
{
    (void)state;
    assert_refused("be", PV_E_BACKEND);
    assert_refused("", PV_E_BACKEND);
    assert_refused("betamax", PV_E_BACKEND);
}

static void no_name_is_refused(void **state)
{
    (void)state;
    assert_refused(NULL, PV_E_ARGUMENT);
}

static void a_backend_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    assert_refused("unfit", PV_E_BACKEND);
}

static void a_change_under_way_refuses_another(void **state)
{
    (void)state;
    assert_int_equal(pv_patch_claim(NULL), PV_OK);
    assert_refused("beta", PV_E_BUSY);
    assert_int_equal(pv_patch(NULL), PV_E_BUSY);
    assert_int_equal(pv_op_override(PV_OPID_irq_flags, NULL, NULL), PV_E_BUSY);
    pv_patch_release();
}

static void a_batch_open_refuses(void **state)
{
    (void)state;
    pv_mmu_batch_begin();
    assert_refused("beta", PV_E_BUSY);
    pv_mmu_batch_end();
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
}

static void wait_for_the_end(unsigned number)
{
    (void)number;
    while (!host_asked_to_end())
        pv_raw_pause();
}

static void another_cpu_that_waits_for_a_lock_refuses(void **state)
{
    (void)state;
    host_start_cpu(1, wait_for_the_end);
    host_cpu(1)->lock_depth = 1;
    assert_refused("beta", PV_E_BUSY);
    host_cpu(1)->lock_depth = 0;
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    host_join_cpus();
}

static void (*run_on_others)(void (*)(void *, const struct pv_regs *), void *);

static void wait_meanwhile(void (*function)(void *, const struct pv_regs *), void *argument)
{
    host_cpu(1)->lock_depth = 1;
    run_on_others(function, argument);
}

static void a_wait_for_a_lock_that_began_while_cpus_were_stopping_refuses(void **state)
{
    (void)state;
    host_start_cpu(1, wait_for_the_end);
    run_on_others = host_platform.run_on_others;
    host_platform.run_on_others = wait_meanwhile;
    assert_refused("beta", PV_E_BUSY);
    host_cpu(1)->lock_depth = 0;
    host_join_cpus();
}

static void a_lock_that_is_held_is_given_back_in_the_new_backends_way(void **state)
{
    struct pv_spinlock lock = PV_SPINLOCK_FREE;

    (void)state;
    pv_spin_lock(&lock);
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    assert_int_equal(lock.locked, 1);
    pv_spin_unlock(&lock);
    assert_int_equal(lock.locked, 0);
    pv_spin_lock(&lock);
    assert_int_equal(pv_switch("alpha", NULL), PV_OK);
    pv_spin_unlock(&lock);
    assert_int_equal(lock.locked, 0);
}

static uintptr_t stopped_at;

static void each_stopped(bool (*visit)(uintptr_t ip, void *argument), void *argument)
{
    (void)visit(stopped_at, argument);
}

/* Each op has a site of its own here, and a context stands at each of its bytes. */
static void a_context_is_in_the_way_exactly_inside_of_a_site(void **state)
{
    struct host_object object;
    unsigned ops = 0;

    (void)state;
    host_object_make(&object, HOST_PAGE, PV_OP_COUNT);
    uintptr_t site[PV_OP_COUNT] = {0};
    for (unsigned op = 0; op < PV_OP_COUNT; op++)
        if (host_length((enum pv_op_id)op) != 0)
            site[op] = host_object_site(&object, (enum pv_op_id)op);
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    host_platform.each_saved_ip = each_stopped;
    for (unsigned op = 0; op < PV_OP_COUNT; op++) {
        unsigned length = host_length((enum pv_op_id)op);
        for (unsigned at = 0; length != 0 && at <= length; at++) {
            struct pv_error error = {0};
            const char *from = pv_backend->name;
            stopped_at = site[op] + at;
            int status = pv_switch(from[0] == 'a' ? "beta" : "alpha", &error);
            bool inside = at > 0 && at < length;
            if (status != (inside ? PV_E_RENDEZVOUS : PV_OK) ||
                (inside && (error.where != stopped_at || pv_backend->name != from)))
                fail_msg("%s at +%u of %u: status %d", pv_op_name((int)op), at, length, status);
        }
        ops += length != 0;
    }
    assert_int_equal(pv_sites_check(NULL, NULL), PV_OK);
    assert_true(ops > 20);
    host_platform.each_saved_ip = NULL;
    host_stop();
    assert_int_equal(pv_text_remove(&object.text), PV_OK);
    host_object_free(&object);
    host_start_patched("alpha");
}

/* Where sites are calls: the store that is still to come would be the old backend's. */
static void who_is_about_to_give_a_lock_back_by_a_call_is_inside_of_it(void **state)
{
    (void)state;
    host_platform.each_saved_ip = each_stopped;
    for (unsigned at = 0; at < 7; at++) { /* endbr64 and a store */
        stopped_at = (uintptr_t)pv_ops.lock_release + at;
        assert_refused("beta", PV_E_RENDEZVOUS);
    }
    stopped_at = (uintptr_t)pv_ops.lock_release - 1;
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    host_platform.each_saved_ip = NULL;
}

static void a_backend_that_does_not_start_leaves_the_old_one_in_force(void **state)
{
    (void)state;
    host_beta.fail_next = 1;
    assert_refused("beta", PV_E_HOST);
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
}

static void a_stack_that_starts_in_part_is_left_as_a_whole(void **state)
{
    (void)state;
    host_gamma.fail_next = 1;
    assert_refused("gamma", PV_E_HOST);
    assert_int_equal(host_beta.enters, 1);
}

static void a_base_that_was_there_before_stays_when_the_top_fails(void **state)
{
    (void)state;
    host_gamma.fail_next = 1;
    assert_int_equal(pv_switch("gamma", NULL), PV_E_HOST);
    assert_string_equal(pv_backend->name, "beta");
    assert_int_equal(host_beta.entered, 1);
    assert_int_equal(host_beta.leaves, 0);
}

static void an_old_backend_that_does_not_start_again_is_told(void **state)
{
    (void)state;
    host_beta.fail_next = 1;
    host_alpha.fail_next = 1;
    struct pv_error error = {0};
    assert_int_equal(pv_switch("beta", &error), PV_E_HOST);
    assert_non_null(strstr(log_text, "not yet registered with the old backend again"));
    assert_int_equal(irq_flags(), ALPHA(irq_flags));
}

static void an_init_that_fails_leaves_nothing_entered(void **state)
{
    (void)state;
    assert_int_equal(pv_unpatch(NULL), PV_OK);
    host_start("gamma");
    host_gamma.fail_next = 1;
    struct pv_error error = {0};
    assert_int_equal(pv_init(&error), PV_E_HOST);
    assert_int_equal(host_beta.entered, 0);
    assert_int_equal(irq_flags(), ALPHA(irq_flags));
    assert_int_equal(pv_init(&error), PV_OK);
}

static void shutdown_leaves_the_whole_stack(void **state)
{
    (void)state;
    assert_int_equal(pv_switch("gamma", NULL), PV_OK);
    pv_shutdown();
    assert_int_equal(host_beta.entered, 0);
    assert_int_equal(host_gamma.entered, 0);
}

/* ---- a backend that only uses the ops of another -------------------------------------------- */

static void assert_delta_is_alone(void)
{
    assert_string_equal(pv_backend->name, "delta");
    assert_int_equal(host_delta.entered, 1);
    assert_int_equal(host_alpha.entered, 0);
    assert_int_equal(host_beta.entered, 0);
    assert_int_equal(irq_flags(), BETA(irq_flags));
}

static void a_base_of_ops_only_is_neither_entered_nor_left(void **state)
{
    (void)state;
    assert_int_equal(pv_switch("delta", NULL), PV_OK);
    assert_delta_is_alone();
    assert_int_equal(pv_switch("alpha", NULL), PV_OK);
    assert_alpha_is_whole();
    assert_int_equal(host_delta.entered, 0);
    assert_int_equal(host_beta.enters + host_beta.leaves, 0);
}

static void a_base_of_ops_only_is_left_and_entered_where_it_was_in_force(void **state)
{
    (void)state;
    assert_int_equal(pv_switch("delta", NULL), PV_OK);
    assert_delta_is_alone();
    assert_int_equal(host_beta.leaves, 1);
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    assert_int_equal(host_beta.entered, 1);
    assert_int_equal(host_delta.entered, 0);
}

static void a_backend_that_fails_does_not_leave_a_base_of_ops_only(void **state)
{
    (void)state;
    host_delta.fail_next = 1;
    assert_refused("delta", PV_E_HOST);
    assert_int_equal(host_beta.enters + host_beta.leaves, 0);
}

static void shutdown_does_not_leave_a_base_of_ops_only(void **state)
{
    (void)state;
    assert_int_equal(pv_switch("delta", NULL), PV_OK);
    pv_shutdown();
    assert_int_equal(host_delta.entered, 0);
    assert_int_equal(host_beta.leaves, 0);
}

static void a_base_of_ops_only_has_no_features_and_no_clock(void **state)
{
    struct pv_facts facts;

    (void)state;
    pv_tsc_khz_value = 1; /* there is a clock */
    assert_int_equal(pv_switch("gamma", NULL), PV_OK);
    pv_facts(&facts);
    assert_string_equal(facts.features[0], "beta's");
    assert_string_equal(facts.clock, "beta's");
    assert_int_equal(pv_switch("delta", NULL), PV_OK);
    pv_facts(&facts);
    pv_tsc_khz_value = 0;
    assert_null(facts.features[0]);
    assert_string_equal(facts.clock, "none");
}

/* An op may need it: a register of the processor that does not exist is found by its #GP. */
static void a_base_of_ops_only_is_offered_traps(void **state)
{
    struct pv_regs regs = {0};

    (void)state;
    assert_false(pv_trap(PV_TRAP_PROTECTION, &regs));
    assert_int_equal(pv_switch("delta", NULL), PV_OK);
    assert_true(pv_trap(PV_TRAP_PROTECTION, &regs));
}

/* ---- what the boot chooses ------------------------------------------------------------------ */

static void a_backend_begins_with_its_table_in_force_and_no_other_does(void **state)
{
    static struct pv_boot_info told = {.cmdline = "backend=delta"};

    (void)state;
    assert_int_equal(pv_unpatch(NULL), PV_OK);
    host_alpha.begins = 0;
    assert_int_equal(pv_early_init(&host_platform, &told, NULL), PV_OK);
    assert_int_equal(host_delta.begins, 1);
    assert_ptr_equal(host_delta.begun_with, &told);
    assert_ptr_equal(host_delta.in_force, &pv_backend_delta);
    assert_int_equal(host_alpha.begins + host_beta.begins + host_gamma.begins, 0);
    assert_int_equal(pv_init(NULL), PV_OK);
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    assert_int_equal(host_beta.begins, 0);
}

static void an_early_init_whose_backend_cannot_begin_fails(void **state)
{
    static struct pv_boot_info told = {.cmdline = "backend=delta"};
    struct pv_error error = {0};

    (void)state;
    assert_int_equal(pv_unpatch(NULL), PV_OK);
    host_delta.fail_begin = true;
    assert_int_equal(pv_early_init(&host_platform, &told, &error), PV_E_HOST);
    assert_string_equal(error.what, "the test's backend cannot begin");
    assert_int_equal(host_delta.entered, 0);
}

/* What the command line asks for. */
static const char *chosen(const char *cmdline)
{
    static struct pv_boot_info told; /* the library keeps it */

    told = (struct pv_boot_info){0};
    strncpy(told.cmdline, cmdline, sizeof(told.cmdline) - 1);
    log_text[0] = '\0';
    assert_int_equal(pv_unpatch(NULL), PV_OK);
    assert_int_equal(pv_early_init(&host_platform, &told, NULL), PV_OK);
    return pv_backend->name;
}

static void the_last_backend_asked_for_counts(void **state)
{
    (void)state;
    assert_string_equal(chosen("backend=gamma quiet  backend=beta\tx"), "beta");
    assert_string_equal(log_text, "");
}

static void an_impossible_backend_is_one_line_and_the_boot_goes_on(void **state)
{
    (void)state;
    assert_string_equal(chosen("backend=omega"), "alpha");
    assert_non_null(strstr(log_text, "no backend"));
    assert_string_equal(chosen("backend=unfit"), "alpha");
    assert_non_null(strstr(log_text, "cannot serve"));
    assert_string_equal(chosen("nopv"), "alpha");
    assert_non_null(strstr(log_text, "no backend"));
}

static void the_reason_for_the_choice_is_a_fact(void **state)
{
    struct pv_facts facts;

    (void)state;
    chosen("backend=beta");
    pv_facts(&facts);
    assert_string_equal(facts.why, "asked for on the command line");
    assert_null(facts.chosen);
    chosen("backend=omega");
    pv_facts(&facts);
    assert_null(strstr(facts.why, "asked"));
    assert_int_not_equal(facts.why[0], '\0');
}

static void detect_takes_no_other_value_than_all(void **state)
{
    (void)state;
    assert_string_equal(chosen("detect=all"), "alpha");
    assert_string_equal(log_text, "");
    static const char *const wrong[] = {"detect=", "detect=al", "detect=allx", "detect=none"};
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_string_equal(chosen(wrong[i]), "alpha");
        assert_non_null(strstr(log_text, "detect="));
    }
}

static void words_that_only_look_alike_ask_for_nothing(void **state)
{
    (void)state;
    assert_string_equal(chosen("nopvx mybackend=beta backend beta"), "alpha");
    assert_string_equal(log_text, "");
}

#define ALONE(test) cmocka_unit_test_setup_teardown(test, start, stop)

/* Who waits for a lock need not be up: pv_platform::cpu may not know it. */
static void a_block_is_found_by_its_number_from_when_it_is_set_up(void **state)
{
    static struct pv_cpu block;

    (void)state;
    pv_cpu_setup(&block, PV_CONFIG_MAX_CPUS - 1);
    assert_ptr_equal(pv_lock_cpus[PV_CONFIG_MAX_CPUS - 1], &block);
    assert_int_equal(block.number, PV_CONFIG_MAX_CPUS - 1);
    pv_cpu_setup(&block, PV_CONFIG_MAX_CPUS); /* there is no room for it, and no harm */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        ALONE(a_block_is_found_by_its_number_from_when_it_is_set_up),
        ALONE(a_change_makes_the_other_backend_whole),
        ALONE(a_change_to_the_backend_in_force_does_nothing),
        ALONE(a_cpu_comes_and_goes_through_all_that_its_backend_stands_on),
        ALONE(a_cpu_beyond_all_bookkeeping_does_not_come),
        ALONE(what_two_backends_share_stays),
        ALONE(an_unknown_backend_is_refused),
        ALONE(part_of_a_name_is_refused),
        ALONE(no_name_is_refused),
        ALONE(a_backend_that_does_not_fit_is_refused),
        ALONE(a_change_under_way_refuses_another),
        ALONE(a_batch_open_refuses),
        ALONE(another_cpu_that_waits_for_a_lock_refuses),
        ALONE(a_wait_for_a_lock_that_began_while_cpus_were_stopping_refuses),
        ALONE(a_lock_that_is_held_is_given_back_in_the_new_backends_way),
        ALONE(a_context_is_in_the_way_exactly_inside_of_a_site),
        ALONE(who_is_about_to_give_a_lock_back_by_a_call_is_inside_of_it),
        ALONE(a_backend_that_does_not_start_leaves_the_old_one_in_force),
        ALONE(a_stack_that_starts_in_part_is_left_as_a_whole),
        cmocka_unit_test_setup_teardown(a_base_that_was_there_before_stays_when_the_top_fails,
                                        start_beta, stop),
        ALONE(an_old_backend_that_does_not_start_again_is_told),
        ALONE(an_init_that_fails_leaves_nothing_entered),
        ALONE(shutdown_leaves_the_whole_stack),
        ALONE(a_base_of_ops_only_is_neither_entered_nor_left),
        cmocka_unit_test_setup_teardown(
            a_base_of_ops_only_is_left_and_entered_where_it_was_in_force, start_beta, stop),
        ALONE(a_backend_that_fails_does_not_leave_a_base_of_ops_only),
        ALONE(shutdown_does_not_leave_a_base_of_ops_only),
        ALONE(a_base_of_ops_only_has_no_features_and_no_clock),
        ALONE(a_base_of_ops_only_is_offered_traps),
        ALONE(a_backend_begins_with_its_table_in_force_and_no_other_does),
        ALONE(an_early_init_whose_backend_cannot_begin_fails),
        ALONE(the_last_backend_asked_for_counts),
        ALONE(an_impossible_backend_is_one_line_and_the_boot_goes_on),
        ALONE(the_reason_for_the_choice_is_a_fact),
        ALONE(detect_takes_no_other_value_than_all),
        ALONE(words_that_only_look_alike_ask_for_nothing),
    };

    return cmocka_run_group_tests_name("changing backends", tests, NULL, NULL);
}
