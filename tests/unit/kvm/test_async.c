/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous page faults on the host: the table of tokens, and a KVM that announces pages to the
 * kernel itself, in any order, more than there is room for, twice, and never. The file is included,
 * so that each test finds the table empty.
 */
#include "fake.h"
#include "backends/kvm/async.c"

#define USER_CS   0x2b
#define KERNEL_CS 0x08

static unsigned waited;
static bool arrived_at_once;
static uint32_t ready_while_waiting;

/* That of kvm.c, to which it is passed on. */
bool pv_kvm_nmi(void)
{
    return false;
}

static struct pv_kvm_async_pf *area(void)
{
    return (struct pv_kvm_async_pf *)&areas[test_cpu->number];
}

static void tell_ready(uint32_t token)
{
    area()->token = token;
    page_ready(NULL, NULL);
}

static void wait_here(const volatile bool *arrived)
{
    waited++;
    arrived_at_once = *arrived;
    if (ready_while_waiting != 0)
        tell_ready(ready_while_waiting);
    if (ready_while_waiting != 0)
        assert_true(*arrived);
}

static void refuse_to_wait(struct pv_spinlock *taken)
{
    (void)taken;
    fail_msg("somebody waits for a lock that nobody gives back");
}

static void take_lock(struct pv_spinlock *taken)
{
    taken->locked = 1;
}

static int begin(void **state)
{
    static struct pv_platform platform = {.page_wait = wait_here};

    fake_begin(state);
    pv_platform = &platform;
    memset(waits, 0, sizeof(waits));
    lock = (struct pv_spinlock)PV_SPINLOCK_FREE;
    memset((void *)areas, 0, sizeof(areas));
    vector = -1;
    waited = 0;
    ready_while_waiting = 0;
    assert_true(pv_kvm_async_begin());
    return 0;
}

static bool announce_in(uint32_t token, uint64_t cs, uint64_t flags)
{
    struct pv_regs regs = {.cs = cs, .rflags = flags};

    area()->flags = PV_KVM_PAGE_NOT_PRESENT;
    fake_cr2 = token;
    return pv_kvm_trap(PV_TRAP_PAGE_FAULT, &regs);
}

static bool announce(uint32_t token)
{
    return announce_in(token, USER_CS, RFLAGS_IF);
}

static unsigned places_taken(void)
{
    unsigned taken = 0;

    for (unsigned i = 0; i < WAITS; i++)
        taken += waits[i].state != FREE;
    return taken;
}

static void the_vector_is_told_before_anything_else(void **state)
{
    (void)state;
    assert_int_equal(fake_msr, PV_KVM_MSR_ASYNC_PF_INT);
    assert_int_equal(fake_value, 77);
}

static void a_kernel_that_cannot_wait_has_no_such_faults(void **state)
{
    static const struct pv_platform without = {.page_wait = NULL};

    (void)state;
    pv_platform = &without;
    assert_false(pv_kvm_async_begin());
}

static void ordinary_page_faults_are_the_kernel_s(void **state)
{
    struct pv_regs regs = {.cs = USER_CS, .rflags = RFLAGS_IF};

    (void)state;
    assert_false(pv_kvm_trap(PV_TRAP_PAGE_FAULT, &regs));
    assert_false(pv_kvm_trap(PV_TRAP_PROTECTION, &regs));
    assert_false(pv_kvm_trap(PV_TRAP_NMI, &regs));
    assert_int_equal(waited, 0);
}

static void a_wait_ends_when_its_page_is_ready(void **state)
{
    (void)state;
    ready_while_waiting = 0x1001;
    assert_true(announce(0x1001));
    assert_int_equal(waited, 1);
    assert_false(arrived_at_once);
    assert_int_equal(area()->flags, 0);
    assert_int_equal(area()->token, 0);
    assert_int_equal(fake_msr, PV_KVM_MSR_ASYNC_PF_ACK);
    assert_int_equal(fake_value, 1);
    assert_int_equal(places_taken(), 0);
}

static void a_page_that_is_ready_first_is_not_waited_for(void **state)
{
    (void)state;
    tell_ready(0x2001);
    assert_int_equal(places_taken(), 1);
    assert_true(announce(0x2001));
    assert_int_equal(waited, 0);
    assert_int_equal(places_taken(), 0);
}

static void a_wait_that_the_kernel_gives_up_leaves_nothing_behind(void **state)
{
    (void)state;
    assert_true(announce(0x3001));
    assert_int_equal(waited, 1);
    assert_int_equal(places_taken(), 1);
    tell_ready(0x3001);
    assert_int_equal(places_taken(), 0);
}

static void an_announcement_to_the_kernel_is_tried_again_and_told_once(void **state)
{
    (void)state;
    assert_true(announce_in(0x4001, KERNEL_CS, RFLAGS_IF));
    assert_true(announce_in(0x5001, USER_CS, 0));
    assert_int_equal(waited, 0);
    assert_int_equal(area()->flags, 0);
    assert_int_equal(fake_lines, 1);
    tell_ready(0x4001);
    tell_ready(0x5001);
    assert_int_equal(places_taken(), 0);
}

static void the_token_for_all_ends_the_waits_of_its_cpu_only(void **state)
{
    (void)state;
    fake_have(2, 0, 1);
    assert_true(announce(0x6001));
    test_cpu = &fake_blocks[1];
    assert_true(announce(0x6002));
    assert_int_equal(places_taken(), 2);
    tell_ready(PV_KVM_ASYNC_PF_ALL);
    assert_int_equal(places_taken(), 1);
    test_cpu = &fake_blocks[0];
    pv_kvm_async_end(false);
    assert_int_equal(places_taken(), 0);
}

static void a_page_that_is_ready_on_another_cpu_ends_the_wait(void **state)
{
    (void)state;
    fake_have(2, 0, 1);
    assert_true(announce(0x7001));
    test_cpu = &fake_blocks[1];
    tell_ready(0x7001);
    assert_int_equal(places_taken(), 0);
}

static void more_pages_than_there_is_room_for_are_not_waited_for(void **state)
{
    (void)state;
    for (uint32_t token = 1; token <= 2 * WAITS; token++)
        assert_true(announce(token));
    assert_int_equal(waited, WAITS);
    assert_int_equal(places_taken(), WAITS);
    for (uint32_t token = 1000; token < 1000 + 2 * WAITS; token++)
        tell_ready(token); /* nor are those remembered */
    for (uint32_t token = 1; token <= WAITS; token++)
        tell_ready(token);
    assert_int_equal(places_taken(), 0);
}

/* What comes for a wait that there was no room for comes when there may be room again, and nobody
 * will ask for it. */
static void what_came_early_and_is_not_asked_for_takes_nobody_s_place(void **state)
{
    (void)state;
    for (uint32_t token = 1; token <= 2 * WAITS; token++)
        tell_ready(token);
    ready_while_waiting = 0x9001;
    assert_true(announce(0x9001));
    assert_int_equal(waited, 1);
    ready_while_waiting = 0;
    for (uint32_t token = 1000; token < 1000 + WAITS; token++)
        assert_true(announce(token));
    assert_int_equal(waited, 1 + WAITS);
    assert_int_equal(places_taken(), WAITS);
    for (uint32_t token = 1000; token < 1000 + WAITS; token++)
        tell_ready(token);
    assert_int_equal(places_taken(), 0);
}

/* pv_shutdown() may have interrupted who holds the lock, or that CPU has been stopped. */
static void the_end_of_the_kernel_does_not_wait_for_a_lock(void **state)
{
    (void)state;
    assert_true(announce(0xa001));
    lock.locked = 1;
    pv_ops.lock_acquire = refuse_to_wait;
    pv_kvm_async_end(true);
    lock.tail = 5;
    lock.locked = 0;
    pv_kvm_async_end(true);
    lock.tail = 0;
    pv_ops.lock_acquire = take_lock;
    pv_kvm_async_end(true);
    assert_int_equal(places_taken(), 0);
}

static void a_token_that_is_announced_twice_is_waited_for_once(void **state)
{
    (void)state;
    assert_true(announce(0x8001));
    assert_true(announce(0x8001));
    assert_int_equal(waited, 1);
    assert_int_equal(places_taken(), 1);
}

static void an_interrupt_without_a_token_changes_nothing(void **state)
{
    (void)state;
    fake_writes = 0;
    tell_ready(0);
    assert_int_equal(fake_writes, 0);
    assert_int_equal(places_taken(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_vector_is_told_before_anything_else, begin),
        cmocka_unit_test_setup(a_kernel_that_cannot_wait_has_no_such_faults, begin),
        cmocka_unit_test_setup(ordinary_page_faults_are_the_kernel_s, begin),
        cmocka_unit_test_setup(a_wait_ends_when_its_page_is_ready, begin),
        cmocka_unit_test_setup(a_page_that_is_ready_first_is_not_waited_for, begin),
        cmocka_unit_test_setup(a_wait_that_the_kernel_gives_up_leaves_nothing_behind, begin),
        cmocka_unit_test_setup(an_announcement_to_the_kernel_is_tried_again_and_told_once, begin),
        cmocka_unit_test_setup(the_token_for_all_ends_the_waits_of_its_cpu_only, begin),
        cmocka_unit_test_setup(a_page_that_is_ready_on_another_cpu_ends_the_wait, begin),
        cmocka_unit_test_setup(more_pages_than_there_is_room_for_are_not_waited_for, begin),
        cmocka_unit_test_setup(what_came_early_and_is_not_asked_for_takes_nobody_s_place, begin),
        cmocka_unit_test_setup(the_end_of_the_kernel_does_not_wait_for_a_lock, begin),
        cmocka_unit_test_setup(a_token_that_is_announced_twice_is_waited_for_once, begin),
        cmocka_unit_test_setup(an_interrupt_without_a_token_changes_nothing, begin),
    };

    return cmocka_run_group_tests_name("kvm async", tests, NULL, NULL);
}
