/* SPDX-License-Identifier: MIT */
/*
 * Spin locks (lib/lock.c) on the host: threads are CPUs. Each has a struct pv_cpu of its own with
 * %gs pointing at it, which user programs on Linux do not use; so the real call sites and the real
 * per-CPU accesses run.
 */
#include <asm/prctl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "backends/native/native.h"
#include "lib/lock.h"

#define CPUS   8
#define ROUNDS 4000

struct block {
    uint8_t head[PV_CONFIG_CPU_OFFSET];
    struct pv_cpu cpu;
} __attribute__((aligned(64)));

static struct block blocks[CPUS];

/* Threads outnumber processors here, so a waiter lets others run, as pv_lock_wait() may, and every
 * other time does as if it went to sleep: its mark is to bring a kick. */
static unsigned long waits;
static unsigned long kicks;

static void wait_by_yield(const uint8_t *byte, uint8_t value)
{
    uint8_t seen = value;

    if (__atomic_add_fetch(&waits, 1, __ATOMIC_RELAXED) % 2 == 0)
        __atomic_compare_exchange_n((uint8_t *)byte, &seen, value | PV_LOCK_ASLEEP, false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(byte, __ATOMIC_RELAXED) == seen)
        sched_yield();
}

static void count_kick(uint32_t cpu)
{
    if (cpu < CPUS)
        __atomic_fetch_add(&kicks, 1, __ATOMIC_RELAXED);
}

struct pv_ops pv_ops = {
    .cpu_relax = pv_native_cpu_relax,
    .lock_acquire = pv_native_lock_acquire,
    .lock_release = pv_native_lock_release,
    .lock_wait = wait_by_yield,
    .lock_kick = count_kick,
};

/* No CPU is up: who waits for a lock may be on its way in or out. */
static struct pv_cpu *cpu_of(unsigned number)
{
    (void)number;
    return NULL;
}

static const struct pv_platform platform = {.cpu = cpu_of};
const struct pv_platform *pv_platform = &platform;

/* Named by backends/native/ops.S, and not used here. */
volatile uint32_t *pv_native_eoi;

static void become_cpu(unsigned number)
{
    struct pv_cpu *cpu = &blocks[number].cpu;

    memset(cpu, 0, sizeof(*cpu));
    cpu->self = cpu;
    cpu->number = number;
    if (number < PV_CONFIG_MAX_CPUS)
        pv_lock_cpus[number] = cpu;
    if (syscall(SYS_arch_prctl, ARCH_SET_GS, &blocks[number]) != 0)
        fail_msg("arch_prctl");
}

static bool is_free(const struct pv_spinlock *lock)
{
    return lock->locked == 0 && lock->tail == 0 && lock->reserved == 0;
}

static void an_uncontended_lock_is_taken_and_given_back(void **state)
{
    struct pv_spinlock lock = PV_SPINLOCK_FREE;

    (void)state;
    become_cpu(0);
    pv_spin_lock(&lock);
    assert_int_equal(lock.locked, 1);
    assert_int_equal(lock.tail, 0);
    pv_spin_unlock(&lock);
    assert_true(is_free(&lock));
}

static void the_slow_path_takes_a_free_lock_too(void **state)
{
    struct pv_spinlock lock = PV_SPINLOCK_FREE;

    (void)state;
    become_cpu(3);
    pv_lock_acquire_slow(&lock);
    assert_int_equal(lock.locked, 1);
    assert_int_equal(lock.tail, 0);
    assert_int_equal(blocks[3].cpu.lock_depth, 0);
}

static void with_all_nodes_in_use_a_lock_is_still_taken(void **state)
{
    struct pv_spinlock lock = PV_SPINLOCK_FREE;

    (void)state;
    become_cpu(0);
    blocks[0].cpu.lock_depth = 4;
    pv_lock_acquire_slow(&lock);
    assert_int_equal(lock.locked, 1);
    assert_int_equal(lock.tail, 0);
    assert_int_equal(blocks[0].cpu.lock_depth, 4);
}

static void a_cpu_that_is_too_many_takes_a_lock_without_a_node(void **state)
{
    struct pv_spinlock lock = PV_SPINLOCK_FREE;

    (void)state;
    become_cpu(0);
    blocks[0].cpu.number = PV_CONFIG_MAX_CPUS;
    pv_lock_acquire_slow(&lock);
    assert_int_equal(lock.locked, 1);
    assert_int_equal(lock.tail, 0);
    assert_int_equal(blocks[0].cpu.lock_depth, 0);
}

struct shared {
    struct pv_spinlock lock;
    struct pv_spinlock other;
    unsigned long counter;
    unsigned inside;
    bool broken;
    unsigned nodes_taken; /* how many nodes each CPU pretends to have in use */
};

struct worker {
    struct shared *shared;
    unsigned number;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct shared *shared = worker->shared;

    become_cpu(worker->number);
    blocks[worker->number].cpu.lock_depth = worker->number % 2 ? shared->nodes_taken : 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        pv_spin_lock(&shared->lock);
        if (__atomic_fetch_add(&shared->inside, 1, __ATOMIC_RELAXED) != 0)
            shared->broken = true;
        shared->counter++;
        if (i % 16 == worker->number) {
            pv_spin_lock(&shared->other); /* two held at once, and time for others to queue up */
            sched_yield();
            pv_spin_unlock(&shared->other);
        }
        __atomic_fetch_sub(&shared->inside, 1, __ATOMIC_RELAXED);
        pv_spin_unlock(&shared->lock);
    }
    return NULL;
}

static void run_workers(struct shared *shared)
{
    pthread_t threads[CPUS];
    struct worker workers[CPUS];

    for (unsigned i = 0; i < CPUS; i++) {
        workers[i] = (struct worker){shared, i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < CPUS; i++)
        pthread_join(threads[i], NULL);
}

static void one_cpu_at_a_time_holds_a_lock(void **state)
{
    struct shared shared = {.nodes_taken = 0};

    (void)state;
    waits = 0;
    kicks = 0;
    run_workers(&shared);
    assert_false(shared.broken);
    assert_int_equal(shared.counter, (unsigned long)CPUS * ROUNDS);
    assert_true(is_free(&shared.lock));
    assert_true(waits != 0); /* or the slow path was not tested */
    assert_true(kicks != 0);
    for (unsigned i = 0; i < CPUS; i++)
        assert_int_equal(blocks[i].cpu.lock_depth, 0);
}

static void cpus_without_nodes_and_cpus_with_nodes_exclude_each_other(void **state)
{
    struct shared shared = {.nodes_taken = 4};

    (void)state;
    run_workers(&shared);
    assert_false(shared.broken);
    assert_int_equal(shared.counter, (unsigned long)CPUS * ROUNDS);
    assert_true(is_free(&shared.lock));
}

/* A queue built one by one: each CPU queues up only when the one before it is seen at the end. */
struct queue {
    struct pv_spinlock lock;
    unsigned order[CPUS];
    unsigned used;
};

struct waiter {
    struct queue *queue;
    unsigned number;
};

static void *queue_up(void *argument)
{
    struct waiter *waiter = argument;
    struct queue *queue = waiter->queue;

    become_cpu(waiter->number);
    pv_spin_lock(&queue->lock);
    queue->order[queue->used++] = waiter->number;
    pv_spin_unlock(&queue->lock);
    return NULL;
}

static uint16_t tail_of(unsigned number)
{
    return (uint16_t)((number << 2) + 1);
}

static void waiters_are_served_in_the_order_of_arrival(void **state)
{
    struct queue queue = {.used = 0};
    pthread_t threads[CPUS];
    struct waiter waiters[CPUS];

    (void)state;
    become_cpu(0);
    pv_spin_lock(&queue.lock);
    for (unsigned i = 1; i < CPUS; i++) {
        waiters[i] = (struct waiter){&queue, i};
        assert_int_equal(pthread_create(&threads[i], NULL, queue_up, &waiters[i]), 0);
        while (__atomic_load_n(&queue.lock.tail, __ATOMIC_ACQUIRE) != tail_of(i))
            sched_yield();
    }
    pv_spin_unlock(&queue.lock);
    for (unsigned i = 1; i < CPUS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(queue.used, CPUS - 1);
    for (unsigned i = 0; i + 1 < CPUS; i++)
        assert_int_equal(queue.order[i], i + 1);
    assert_true(is_free(&queue.lock));
}

/* What an interrupt handler does: it waits for a second lock while its thread waits for a first. */
static struct pv_spinlock *nested_lock;
static bool nested_done;

static void wait_and_nest(const uint8_t *byte, uint8_t value)
{
    if (pv_this_cpu()->number == 1 && !nested_done) {
        nested_done = true;
        pv_lock_acquire_slow(nested_lock);
        assert_int_equal(nested_lock->locked, 1);
        pv_lock_release(nested_lock);
    }
    wait_by_yield(byte, value);
}

static void a_handler_may_wait_for_a_lock_while_its_thread_waits(void **state)
{
    struct queue queue = {.used = 0};
    struct pv_spinlock second = PV_SPINLOCK_FREE;
    struct waiter waiter = {&queue, 1};
    pthread_t thread;

    (void)state;
    nested_lock = &second;
    nested_done = false;
    pv_ops.lock_wait = wait_and_nest;
    become_cpu(0);
    pv_spin_lock(&queue.lock);
    assert_int_equal(pthread_create(&thread, NULL, queue_up, &waiter), 0);
    while (!__atomic_load_n(&nested_done, __ATOMIC_ACQUIRE))
        sched_yield();
    pv_spin_unlock(&queue.lock);
    pthread_join(thread, NULL);
    pv_ops.lock_wait = wait_by_yield;
    nested_lock = NULL;
    assert_int_equal(queue.used, 1);
    assert_true(is_free(&queue.lock));
    assert_true(is_free(&second));
    assert_int_equal(blocks[1].cpu.lock_depth, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_uncontended_lock_is_taken_and_given_back),
        cmocka_unit_test(the_slow_path_takes_a_free_lock_too),
        cmocka_unit_test(with_all_nodes_in_use_a_lock_is_still_taken),
        cmocka_unit_test(a_cpu_that_is_too_many_takes_a_lock_without_a_node),
        cmocka_unit_test(one_cpu_at_a_time_holds_a_lock),
        cmocka_unit_test(cpus_without_nodes_and_cpus_with_nodes_exclude_each_other),
        cmocka_unit_test(waiters_are_served_in_the_order_of_arrival),
        cmocka_unit_test(a_handler_may_wait_for_a_lock_while_its_thread_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
