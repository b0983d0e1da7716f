/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a lock by halting (backends/kvm/lock.c, lib/asleep.c) on the host. The test is KVM
 * and the lock's owner at once: it lets things happen exactly in front of the halt, where an NMI
 * may still come. A kick before a halt ends it at once, and is used up by it.
 */
#include "fake.h"
#include "backends/kvm/lock.c"
#include "lib/asleep.h"

#define HELD    1u
#define SELF    3u
#define APIC_ID 30u

static bool kicked; /* the next halt ends at once */
static unsigned halts, kicks;
static void (*before_halt)(void); /* what comes between the last look and the halt */
static void (*while_halted)(void);
static struct pv_spinlock outer, inner;

static void halt(void)
{
    void (*comes)(void) = before_halt;

    before_halt = NULL;
    if (comes != NULL)
        comes();
    halts++;
    comes = while_halted;
    while_halted = NULL;
    if (!kicked && comes != NULL)
        comes();
    if (!kicked)
        fail_msg("nobody ends this halt");
    kicked = false;
}

static void kick(uint64_t number, uint64_t a)
{
    (void)a;
    assert_int_equal(number, PV_KVM_HC_KICK_CPU);
    kicks++;
    kicked = true;
}

static struct pv_irqflags irqs_on(void)
{
    return (struct pv_irqflags){UINT64_MAX};
}

static int begin(void **state)
{
    fake_begin(state);
    fake_have(SELF + 1, 0, 10);
    test_cpu = &fake_blocks[SELF];
    test_cpu->backend[PV_KVM_CAN_BE_KICKED] = 1;
    pv_lock_cpus[SELF] = test_cpu;
    fake_host = kick;
    kicked = false;
    halts = kicks = 0;
    before_halt = while_halted = NULL;
    outer.locked = inner.locked = HELD;
    pv_ops.irq_enable_halt = halt;
    pv_ops.irq_save = irqs_on;
    pv_ops.lock_kick = pv_kvm_lock_kick;
    return 0;
}

static void release(struct pv_spinlock *lock)
{
    if (__atomic_sub_fetch(&lock->locked, 1, __ATOMIC_SEQ_CST) != 0)
        pv_lock_released_asleep(lock);
}

static void release_outer(void)
{
    release(&outer);
}

static void release_inner(void)
{
    release(&inner);
}

static void who_waits_halts_and_its_owner_kicks_it(void **state)
{
    (void)state;
    while_halted = release_outer;
    pv_kvm_lock_wait(&outer.locked, HELD);
    assert_int_equal(outer.locked, 0);
    assert_true(halts == 1 && kicks == 1);
    assert_int_equal(fake_calls[0].b, APIC_ID);
}

/* It is asleep all the same: pv_platform::cpu does not know it any more. */
static void who_has_gone_for_the_kernel_is_still_kicked(void **state)
{
    (void)state;
    fake_cpus = 1;
    while_halted = release_outer;
    pv_kvm_lock_wait(&outer.locked, HELD);
    assert_int_equal(fake_calls[0].b, APIC_ID);
}

static void who_is_not_online_spins(void **state)
{
    (void)state;
    test_cpu->backend[PV_KVM_CAN_BE_KICKED] = 0;
    for (unsigned i = 0; i < 3; i++)
        pv_kvm_lock_wait(&outer.locked, outer.locked);
    assert_int_equal(halts, 0);
    release(&outer);
    assert_int_equal(outer.locked, 0);
}

static void both_are_released(void)
{
    release(&outer);
    release(&inner);
}

/* An NMI waits for another lock behind the last look of the wait that it interrupts. */
static void nmi_that_waits(void)
{
    pv_kvm_lock_wait(&inner.locked, HELD);
}

static void a_release_while_another_wait_is_named_is_not_lost(void **state)
{
    (void)state;
    before_halt = nmi_that_waits;
    while_halted = both_are_released;
    pv_kvm_lock_wait(&outer.locked, HELD);
    assert_true(outer.locked == 0 && inner.locked == 0);
    assert_int_equal(halts, 2);
}

static void nmi_behind_the_kick(void)
{
    release(&outer);
    while_halted = release_inner;
    pv_kvm_lock_wait(&inner.locked, HELD);
}

static void a_kick_that_another_wait_has_used_up_is_not_lost(void **state)
{
    (void)state;
    before_halt = nmi_behind_the_kick;
    pv_kvm_lock_wait(&outer.locked, HELD);
    assert_int_equal(outer.locked, 0);
    assert_int_equal(halts, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_waits_halts_and_its_owner_kicks_it, begin),
        cmocka_unit_test_setup(who_has_gone_for_the_kernel_is_still_kicked, begin),
        cmocka_unit_test_setup(who_is_not_online_spins, begin),
        cmocka_unit_test_setup(a_release_while_another_wait_is_named_is_not_lost, begin),
        cmocka_unit_test_setup(a_kick_that_another_wait_has_used_up_is_not_lost, begin),
    };

    return cmocka_run_group_tests_name("kvm lock", tests, NULL, NULL);
}
