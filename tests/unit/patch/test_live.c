/* SPDX-License-Identifier: MIT */
/*
 * Text changed ten thousand times while other CPUs run it.
 *
 * Theory: between two single instructions a CPU may meet the old one, the new one or a breakpoint,
 * and all three make a call or its equal. Where there are several, all CPUs stand outside of sites
 * while text changes. So no caller ever gets anything but what one of the two gives, whole; a torn
 * sequence leaves its stack one word off, or a register undefined.
 */
#include "host.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

/*
 * So many changes, in no more than so many seconds: a quiet machine of two processors needs four.
 * PV_CHANGES in the environment asks for another number, for builds that only repeat the test.
 */
#define CHANGES "10000"
#define SECONDS 200

static unsigned long calls[HOST_CPUS];

/*
 * A thread that sleeps now and then is given a processor soon when it is to be interrupted, also on
 * a machine that is busy with something else.
 */
static void count_call(unsigned number)
{
    __atomic_store_n(&calls[number], calls[number] + 1, __ATOMIC_RELAXED);
    if (calls[number] % 8 == 0)
        host_sleep_us(50);
}

static bool one_of(uint64_t value, uint64_t a, uint64_t b)
{
    return value == a || value == b;
}

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* Only sites of one op change, and only between single instructions. */
static void call_one(unsigned number)
{
    while (!host_asked_to_end()) {
        uint64_t value = pv_irq_flags().raw;
        require(value == ALPHA(irq_flags) || value == BETA(irq_flags) || value == OVERRIDE ||
                value == OVERRIDE_SLOW);
        count_call(number);
    }
}

/* Sites of one op in turn part of the instruction behind them, and calls. */
__attribute__((noinline)) static uint64_t one_more(uint64_t value)
{
    pv_paging_batch_open();
    __asm__ volatile("add $1, %0" : "+r"(value) : : "cc");
    pv_paging_batch_open();
    __asm__ volatile("lea 1(%0, %0), %0" : "+r"(value));
    return value;
}

static void call_prefixes(unsigned number)
{
    for (uint64_t i = 0; !host_asked_to_end(); i++) {
        require(one_more(i) == 2 * i + 3);
        count_call(number);
        host_sleep_us(20); /* a breakpoint costs the host far more than a sleep */
    }
}

static int find_in_one_more(uintptr_t site, const struct pv_site *record, void *argument)
{
    unsigned *found = argument;

    if (site - (uintptr_t)one_more < 64)
        *found += pv_site_recognise(site, (enum pv_op_id)record->op) == PV_CONTENT_PREFIXES;
    return PV_OK;
}

/* How many of its two sites cost nothing at the moment. */
static unsigned prefixes_in_one_more(void)
{
    unsigned found = 0;

    assert_int_equal(pv_sites_visit(PV_OPID_paging_batch_open, find_in_one_more, &found), PV_OK);
    return found;
}

/* Every form and convention, with arguments and results. */
static void call_all(unsigned number)
{
    struct pv_spinlock lock = PV_SPINLOCK_FREE;
    struct pv_pte entry = {0};
    uint64_t i = 0;

    while (!host_asked_to_end()) {
        i++;
        require(one_of(pv_irq_save().raw, ALPHA(irq_save), 0x3b));
        require(one_of(pv_irq_flags().raw, ALPHA(irq_flags), BETA(irq_flags)));
        pv_irq_restore((struct pv_irqflags){i});
        pv_pte_set(&entry, (struct pv_pte){i});
        require(entry.raw == i);
        pv_pte_clear(&entry);
        require(entry.raw == 0);
        pv_cpu_tls_set(i);
        pv_irq_eoi();
        pv_cpu_kernel_stack_set(i);
        require(*host_cpu(number)->kernel_stack_slot == i);
        pv_lock_acquire(&lock);
        require(lock.locked == 1);
        pv_lock_release(&lock);
        require(lock.locked == 0);
        pv_paging_batch_open();
        pv_tlb_flush();
        require(one_more(i) == 2 * i + 3);
        (void)pv_vcpu_is_preempted(0);
        require(one_of(pv_clock_ns(), ALPHA(clock_ns), BETA(clock_ns)));
        count_call(number);
    }
}

static void begin(const char *backend, void (*run)(unsigned number))
{
    host_start_patched(backend);
    memset(calls, 0, sizeof(calls));
    host_start_cpu(1, run);
    host_start_cpu(2, run);
}

static int end(void **state)
{
    (void)state;
    host_join_cpus();
    host_stop();
    assert_true(calls[1] > 0);
    assert_true(calls[2] > 0);
    return 0;
}

/* Every thread runs sites between any two changes; if it gets no processor, the limit tells. */
static void let_run(void)
{
    for (unsigned number = 1; number <= 2; number++) {
        unsigned long before = __atomic_load_n(&calls[number], __ATOMIC_RELAXED);
        for (unsigned tries = 0; tries < 100000; tries++) {
            if (__atomic_load_n(&calls[number], __ATOMIC_RELAXED) != before)
                break;
            sched_yield();
        }
    }
}

/* A CPU can be late; it is then asked again. */
static void insist(int (*change)(unsigned round), unsigned round)
{
    int status = PV_E_RENDEZVOUS;

    for (unsigned tries = 0; tries < 20 && status == PV_E_RENDEZVOUS; tries++)
        status = change(round);
    assert_int_equal(status, PV_OK);
}

static void change_for_long(int (*change)(unsigned round))
{
    const char *asked = getenv("PV_CHANGES");
    unsigned changes = (unsigned)strtoul(asked != NULL ? asked : CHANGES, NULL, 10);
    time_t end = time(NULL) + SECONDS;
    unsigned done = 0;

    assert_true(changes > 0);
    while (done < changes && time(NULL) < end) {
        insist(change, done++);
        let_run();
    }
    print_message("# %u changes, %lu interrupts, %lu breakpoints\n", done, host_interrupts,
                  host_breakpoints);
    assert_int_equal(done, changes);
}

static int override(unsigned round)
{
    static void (*const functions[])(void) = {host_override, NULL, host_override_slow, NULL};

    return pv_op_override(PV_OPID_irq_flags, functions[round % 4], NULL);
}

static int change_backend(unsigned round)
{
    return pv_switch(round % 2 ? "alpha" : "beta", NULL);
}

static void between_direct_calls_by_breakpoints(void **state)
{
    (void)state;
    begin("alpha", call_one);
    change_for_long(override);
}

static void between_a_call_and_an_instruction_by_breakpoints(void **state)
{
    (void)state;
    begin("beta", call_one);
    change_for_long(override);
}

static void between_backends_by_rendezvous(void **state)
{
    (void)state;
    begin("alpha", call_all);
    change_for_long(change_backend);
    assert_int_equal(pv_sites_check(NULL, NULL), PV_OK);
    assert_int_equal(pv_switch("beta", NULL), PV_OK);
    assert_int_equal(prefixes_in_one_more(), 2);
}

static int override_nothing(unsigned round)
{
    int status = pv_op_override(PV_OPID_paging_batch_open, round % 2 ? NULL : host_override, NULL);

    if (status == PV_OK)
        assert_int_equal(prefixes_in_one_more(), round % 2 ? 2 : 0);
    return status;
}

static void between_a_call_and_prefixes_by_breakpoints(void **state)
{
    (void)state;
    begin("beta", call_prefixes);
    assert_int_equal(prefixes_in_one_more(), 2);
    change_for_long(override_nothing);
}

static int override_many(unsigned round)
{
    return pv_op_override(PV_OPID_tlb_flush, round % 2 ? NULL : host_override, NULL);
}

static void a_sequence_of_several_instructions_by_rendezvous(void **state)
{
    (void)state;
    begin("beta", call_all);
    change_for_long(override_many);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(between_direct_calls_by_breakpoints, end),
        cmocka_unit_test_teardown(between_a_call_and_an_instruction_by_breakpoints, end),
        cmocka_unit_test_teardown(between_a_call_and_prefixes_by_breakpoints, end),
        cmocka_unit_test_teardown(between_backends_by_rendezvous, end),
        cmocka_unit_test_teardown(a_sequence_of_several_instructions_by_rendezvous, end),
    };

    return cmocka_run_group_tests_name("live changes", tests, NULL, NULL);
}
