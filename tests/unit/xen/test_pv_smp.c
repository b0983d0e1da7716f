/* SPDX-License-Identifier: MIT */
/*
 * Starting CPUs of a PV guest (backends/xen/pv/smp.c, smp_entry.S) on the host, by a Xen that
 * refuses, and with CPUs that come when nobody waits for them any more. CPUs are threads; what they
 * ask Xen for when they go down is, by the numbers of the host, to give the processor away.
 */
#include "fake.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/xen/pv/smp.c"

_Static_assert(SYS_sched_yield == PV_XEN_HC_VCPU_OP, "what a CPU does that goes down");

#define CPU      3u
#define OTHER    4u
#define EINVAL_X (-22)

static struct {
    struct pv_cpu cpu;
} blocks[2];

static struct pv_smp_start start;
static struct pv_error error;
static int64_t initialise_result, up_result;
static unsigned registered, initialised, brought_up;
static uint64_t now_ns;
static uint32_t landed; /* of threads, that had a stack */
static uint8_t stacks[1][65536] __attribute__((aligned(16)));

struct pv_ops pv_ops;

static uint64_t clock_ns(void)
{
    return now_ns += PATIENCE_NS / 4;
}

int64_t fake_pv_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b;
    (void)d;
    if (number != PV_XEN_HC_VCPU_OP)
        return 0;
    switch (a) {
    case PV_VCPUOP_REGISTER_VCPU_INFO:
        return registered++ == 0 ? 0 : EINVAL_X; /* once, says Xen */
    case PV_VCPUOP_INITIALISE:
        initialised++;
        assert_int_equal(((const struct pv_xen_vcpu_context *)(uintptr_t)c)->regs.general[3], CPU);
        return initialise_result;
    case PV_VCPUOP_UP:
        brought_up++;
        if (up_result == 0)
            __atomic_store_n(&arrived, 1, __ATOMIC_RELEASE);
        return up_result < 0 ? up_result : 0;
    default:
        return 0;
    }
}

struct pv_xen_mfn pv_xen_to_machine(uint64_t pfn)
{
    return (struct pv_xen_mfn){pfn + 1000};
}

void pv_xen_pv_c_cr3_write(uint64_t cr3)
{
    (void)cr3;
}

void pv_xen_pv_flush(void)
{
}

_Noreturn void pv_panic(const char *text)
{
    (void)text;
    abort();
}

static void entry(void *argument)
{
    (void)argument;
    __atomic_fetch_add(&landed, 1, __ATOMIC_SEQ_CST);
    for (;;)
        pause();
}

static int begin(void **state)
{
    (void)state;
    fake_reset();
    pv_ops.clock_ns = clock_ns;
    start = (struct pv_smp_start){
        .hardware_id = CPU,
        .gs_base = (uintptr_t)&blocks[0] - PV_CONFIG_CPU_OFFSET,
        .stack = (uintptr_t)(stacks[0] + sizeof(stacks[0])),
        .entry = entry,
    };
    memset(info_of, 0, sizeof(info_of));
    memset(is_initialised, 0, sizeof(is_initialised));
    initialise_result = up_result = 0;
    registered = initialised = brought_up = 0;
    return 0;
}

/* Nobody else is up. */
unsigned pv_other_cpus(void)
{
    return 0;
}

struct pv_cpu *pv_cpu_of(unsigned number)
{
    return number == pv_this_cpu()->number ? pv_this_cpu() : NULL;
}

static void a_cpu_whose_first_state_was_refused_can_be_started_later(void **state)
{
    (void)state;
    initialise_result = EINVAL_X;
    assert_int_equal(pv_xen_pv_smp_start(&start, &error), PV_E_HOST);
    assert_int_equal(brought_up, 0);
    initialise_result = 0;
    assert_int_equal(pv_xen_pv_smp_start(&start, &error), PV_OK);
    assert_int_equal(registered, 1);
    assert_int_equal(initialised, 2);
    assert_int_equal(pv_xen_pv_smp_start(&start, &error), PV_OK);
    assert_int_equal(initialised, 2);
}

static void a_cpu_must_come_back_to_its_own_block(void **state)
{
    (void)state;
    assert_int_equal(pv_xen_pv_smp_start(&start, &error), PV_OK);
    start.gs_base = (uintptr_t)&blocks[1] - PV_CONFIG_CPU_OFFSET;
    assert_int_equal(pv_xen_pv_smp_start(&start, &error), PV_E_ARGUMENT);
    assert_int_equal(brought_up, 1);
}

/* 1: it does not arrive; negative: Xen refuses. */
static void nobody_is_waited_for_when_a_start_has_failed(void **state)
{
    (void)state;
    up_result = 1;
    assert_int_equal(pv_xen_pv_smp_start(&start, &error), PV_E_TIMEOUT);
    assert_int_equal(pv_xen_pv_start_vcpu, NOBODY);
    up_result = EINVAL_X;
    assert_int_equal(pv_xen_pv_smp_start(&start, &error), PV_E_TIMEOUT);
    assert_int_equal(pv_xen_pv_start_vcpu, NOBODY);
}

/* Its number is where VCPUOP_initialise puts it. */
static void *come(void *number)
{
    __asm__ volatile("mov %0, %%r12\n\tjmp *%1"
                     :
                     : "r"((uint64_t)(uintptr_t)number), "r"(pv_xen_pv_landing)
                     : "memory");
    __builtin_unreachable();
}

static void let_them_run(void)
{
    for (unsigned i = 0; i < 1000; i++)
        sched_yield();
    usleep(20000);
}

/* Two CPUs come before they are asked for, and twice each number: one lands, on the one stack. */
static void a_cpu_that_nobody_waits_for_takes_no_stack(void **state)
{
    const uint32_t numbers[] = {CPU, OTHER, CPU, OTHER};
    pthread_t threads[4];

    (void)state;
    starting = start;
    pv_xen_pv_start_stack = start.stack;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come, (void *)(uintptr_t)numbers[i]), 0);
    let_them_run();
    assert_int_equal(__atomic_load_n(&landed, __ATOMIC_SEQ_CST), 0);
    __atomic_store_n(&arrived, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&pv_xen_pv_start_vcpu, OTHER, __ATOMIC_RELEASE);
    while (!has_arrived(OTHER))
        sched_yield();
    let_them_run();
    assert_int_equal(__atomic_load_n(&landed, __ATOMIC_SEQ_CST), 1);
    assert_int_equal(pv_xen_pv_start_vcpu, NOBODY);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_cpu_whose_first_state_was_refused_can_be_started_later, begin),
        cmocka_unit_test_setup(a_cpu_must_come_back_to_its_own_block, begin),
        cmocka_unit_test_setup(nobody_is_waited_for_when_a_start_has_failed, begin),
        /* Its threads never end: it comes last. */
        cmocka_unit_test_setup(a_cpu_that_nobody_waits_for_takes_no_stack, begin),
    };

    return cmocka_run_group_tests_name("CPUs of a PV guest", tests, NULL, NULL);
}
