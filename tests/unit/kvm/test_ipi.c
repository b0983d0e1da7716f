/* SPDX-License-Identifier: MIT */
/*
 * Interrupts to many CPUs by hypercalls that reach 128 neighbouring APIC IDs, and flushes that are
 * put off, on the host: machines of every size and of scattered APIC IDs.
 */
#include "fake.h"
#include "backends/kvm/ipi.h"

#define VECTOR 0x51

static struct pv_kvm_steal_time records[PV_CONFIG_MAX_CPUS];

static struct pv_cpu_set all(void)
{
    struct pv_cpu_set set;

    memset(&set, 0xff, sizeof(set));
    return set;
}

/* The CPUs that the calls made reached; each once. */
static void expect_all_reached(unsigned calls)
{
    unsigned reached = 0;

    assert_int_equal(fake_called, calls);
    for (unsigned i = 0; i < calls; i++) {
        const struct fake_call *call = &fake_calls[i];
        assert_int_equal(call->number, PV_KVM_HC_SEND_IPI);
        assert_int_equal(call->d, VECTOR);
        for (unsigned cpu = 0; cpu < fake_cpus; cpu++) {
            uint64_t bit = fake_blocks[cpu].apic_id - call->c;
            if (bit < 128 && ((bit < 64 ? call->a >> bit : call->b >> (bit - 64)) & 1))
                reached++;
        }
    }
    assert_int_equal(reached, fake_cpus);
}

static void every_size_takes_one_call_for_128_neighbours(void **state)
{
    for (unsigned cpus = 1; cpus <= PV_CONFIG_MAX_CPUS; cpus++) {
        struct pv_cpu_set set = all();
        fake_begin(state);
        fake_have(cpus, 0, 1);
        pv_kvm_smp_ipi_many(&set, VECTOR);
        expect_all_reached((cpus + 127) / 128);
    }
}

static void windows_begin_with_a_member(void **state)
{
    struct pv_cpu_set set = all();

    (void)state;
    fake_have(128, 1000, 1);
    pv_kvm_smp_ipi_many(&set, VECTOR);
    expect_all_reached(1);
    assert_int_equal(fake_calls[0].c, 1000);
    assert_true(fake_calls[0].a == UINT64_MAX && fake_calls[0].b == UINT64_MAX);
}

static void gaps_between_apic_ids_cost_calls_only_from_128_on(void **state)
{
    struct pv_cpu_set set = all();

    fake_have(8, 0, 16); /* 0 to 112 */
    pv_kvm_smp_ipi_many(&set, VECTOR);
    expect_all_reached(1);
    fake_begin(state);
    fake_have(9, 0, 16); /* 0 to 128 */
    pv_kvm_smp_ipi_many(&set, VECTOR);
    expect_all_reached(2);
    fake_begin(state);
    fake_have(5, 0, 128);
    pv_kvm_smp_ipi_many(&set, VECTOR);
    expect_all_reached(5);
}

static void the_order_of_apic_ids_does_not_matter(void **state)
{
    struct pv_cpu_set set = all();

    (void)state;
    fake_have(200, 0, 1);
    for (unsigned i = 0; i < 200; i++)
        fake_blocks[i].apic_id = (i * 77) % 200; /* 77 and 200 have no common factor */
    pv_kvm_smp_ipi_many(&set, VECTOR);
    expect_all_reached(2);
}

static void the_highest_apic_ids_end_the_search(void **state)
{
    struct pv_cpu_set set = all();

    (void)state;
    fake_have(3, UINT32_MAX - 2, 1);
    pv_kvm_smp_ipi_many(&set, VECTOR);
    expect_all_reached(1);
}

static void who_is_not_in_the_set_is_not_reached(void **state)
{
    struct pv_cpu_set set = {{0}};

    (void)state;
    fake_have(100, 0, 1);
    pv_kvm_smp_ipi_many(&set, VECTOR);
    assert_int_equal(fake_called, 0);
    pv_cpu_set_add(&set, 70);
    pv_cpu_set_add(&set, 3);
    pv_kvm_smp_ipi_many(&set, VECTOR);
    assert_int_equal(fake_called, 1);
    assert_true(fake_calls[0].a == 1 && fake_calls[0].b == 8 && fake_calls[0].c == 3);
}

static void what_kvm_refuses_is_sent_natively(void **state)
{
    struct pv_cpu_set set = all();

    (void)state;
    fake_have(300, 0, 1);
    fake_status = -PV_KVM_ENOSYS;
    pv_kvm_smp_ipi_many(&set, VECTOR);
    assert_int_equal(fake_natively, 300);
    pv_kvm_smp_ipi(7, VECTOR);
    assert_int_equal(fake_natively, 301);
}

static void one_cpu_is_one_call(void **state)
{
    (void)state;
    fake_have(4, 10, 2);
    pv_kvm_smp_ipi(3, VECTOR);
    assert_int_equal(fake_called, 1);
    assert_true(fake_calls[0].a == 1 && fake_calls[0].b == 0 && fake_calls[0].c == 16);
    pv_kvm_smp_ipi(4, VECTOR); /* there is none: the native way says so */
    assert_int_equal(fake_called, 1);
    assert_int_equal(fake_natively, 1);
}

static void have_records(void)
{
    memset(records, 0, sizeof(records));
    for (unsigned i = 0; i < fake_cpus; i++)
        pv_kvm_steal_records[i] = &records[i];
}

static void preempted_cpus_flush_later_and_are_not_asked(void **state)
{
    struct pv_cpu_set set = all();

    (void)state;
    fake_have(4, 0, 1);
    have_records();
    for (unsigned cpu = fake_cpus; cpu < PV_CONFIG_MAX_CPUS; cpu++)
        pv_cpu_set_remove(&set, cpu);
    records[1].preempted = PV_KVM_VCPU_PREEMPTED;
    records[2].preempted = PV_KVM_VCPU_PREEMPTED | PV_KVM_VCPU_FLUSH_TLB;
    pv_cpu_set_remove(&set, 3);
    records[3].preempted = PV_KVM_VCPU_PREEMPTED;
    assert_int_equal(pv_kvm_tlb_flush_others(&set, 0, UINT64_MAX), 1);
    assert_int_equal(records[0].preempted, 0);
    assert_int_equal(records[1].preempted, PV_KVM_VCPU_PREEMPTED | PV_KVM_VCPU_FLUSH_TLB);
    assert_int_equal(records[2].preempted, PV_KVM_VCPU_PREEMPTED | PV_KVM_VCPU_FLUSH_TLB);
    assert_int_equal(records[3].preempted, PV_KVM_VCPU_PREEMPTED);
}

static void cpus_without_a_record_are_asked(void **state)
{
    struct pv_cpu_set set = {{7}};

    (void)state;
    fake_have(3, 0, 1);
    assert_int_equal(pv_kvm_tlb_flush_others(&set, 0, UINT64_MAX), 3);
}

static void the_first_that_was_preempted_gets_the_processor(void **state)
{
    struct pv_cpu_set set = all();

    (void)state;
    fake_have(5, 20, 1);
    have_records();
    pv_kvm_smp_ipi_many(&set, VECTOR);
    assert_int_equal(fake_called, 1);
    records[3].preempted = PV_KVM_VCPU_PREEMPTED;
    records[4].preempted = PV_KVM_VCPU_PREEMPTED;
    pv_kvm_smp_ipi_many(&set, VECTOR);
    assert_int_equal(fake_called, 3);
    assert_int_equal(fake_calls[2].number, PV_KVM_HC_SCHED_YIELD);
    assert_int_equal(fake_calls[2].a, 23);
    pv_kvm_smp_yield_to(1); /* it runs */
    pv_kvm_smp_yield_to(5); /* it is not there */
    assert_int_equal(fake_called, 3);
}

/* Where nobody tells who was preempted, or no longer, it is KVM that knows. */
static void a_cpu_without_a_record_may_have_been_preempted(void **state)
{
    (void)state;
    fake_have(2, 20, 1);
    pv_kvm_smp_yield_to(1);
    assert_int_equal(fake_called, 1);
    assert_int_equal(fake_calls[0].number, PV_KVM_HC_SCHED_YIELD);
    assert_int_equal(fake_calls[0].a, 21);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_size_takes_one_call_for_128_neighbours, fake_begin),
        cmocka_unit_test_setup(windows_begin_with_a_member, fake_begin),
        cmocka_unit_test_setup(gaps_between_apic_ids_cost_calls_only_from_128_on, fake_begin),
        cmocka_unit_test_setup(the_order_of_apic_ids_does_not_matter, fake_begin),
        cmocka_unit_test_setup(the_highest_apic_ids_end_the_search, fake_begin),
        cmocka_unit_test_setup(who_is_not_in_the_set_is_not_reached, fake_begin),
        cmocka_unit_test_setup(what_kvm_refuses_is_sent_natively, fake_begin),
        cmocka_unit_test_setup(one_cpu_is_one_call, fake_begin),
        cmocka_unit_test_setup(preempted_cpus_flush_later_and_are_not_asked, fake_begin),
        cmocka_unit_test_setup(cpus_without_a_record_are_asked, fake_begin),
        cmocka_unit_test_setup(the_first_that_was_preempted_gets_the_processor, fake_begin),
        cmocka_unit_test_setup(a_cpu_without_a_record_may_have_been_preempted, fake_begin),
    };

    return cmocka_run_group_tests_name("kvm ipi", tests, NULL, NULL);
}
