/* SPDX-License-Identifier: MIT */
/*
 * What KVM is told of each CPU's memory, and what becomes of it when KVM refuses, when the CPU
 * goes, and when the backend is left: a page that KVM still writes to when somebody else owns it is
 * the worst that a registration can do. The file is included; the rest of the backend is the
 * test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <asm/prctl.h>
#include <cmocka.h>

#include "backends/kvm/kvm.c"

#define CPUS 3
#define ALL                                                                              \
    (PV_KVM_FEATURE_ASYNC_PF | PV_KVM_FEATURE_ASYNC_PF_INT | PV_KVM_FEATURE_STEAL_TIME | \
     PV_KVM_FEATURE_PV_EOI | PV_KVM_FEATURE_PV_UNHALT | PV_KVM_FEATURE_PV_TLB_FLUSH |    \
     PV_KVM_FEATURE_PV_SEND_IPI | PV_KVM_FEATURE_POLL_CONTROL | PV_KVM_FEATURE_PV_SCHED_YIELD)

static struct pv_cpu *test_cpu;
uint32_t pv_kvm_features;
uint32_t pv_x86_most_destination;

static struct pv_cpu cpus[CPUS];
static uint64_t msrs[CPUS][8]; /* from PV_KVM_MSR_WALL_CLOCK on */
static uint32_t refused_msr;
static unsigned lines, clocks_stopped, cpu_clocks_stopped;
static bool async_works;
static volatile struct pv_kvm_async_pf areas[CPUS] __attribute__((aligned(64)));

static uint64_t held(unsigned cpu, uint32_t msr)
{
    return msrs[cpu][msr - PV_KVM_MSR_WALL_CLOCK];
}

/* %gs leads to the block, as in a kernel. */
static void become(unsigned number)
{
    test_cpu = &cpus[number];
    test_cpu->self = test_cpu;
    syscall(SYS_arch_prctl, ARCH_SET_GS, (uintptr_t)test_cpu - PV_CONFIG_CPU_OFFSET);
}

static int write_msr(uint32_t msr, uint64_t value)
{
    if (msr == refused_msr)
        return PV_E_MSR;
    assert_in_range(msr, PV_KVM_MSR_WALL_CLOCK, PV_KVM_MSR_WALL_CLOCK + 7);
    msrs[test_cpu->number][msr - PV_KVM_MSR_WALL_CLOCK] = value;
    return PV_OK;
}

static unsigned nmis, clocks_removed;
static bool nmi_arrives;

/* Taken by the CPU that booted while the other one waits. */
static int send_nmi(uint32_t cpu)
{
    unsigned sender = test_cpu->number;

    assert_int_equal(cpu, 0);
    nmis++;
    if (nmi_arrives) {
        become(0);
        assert_true(pv_kvm_nmi());
        assert_false(pv_kvm_nmi());
        become(sender);
    }
    return PV_OK;
}

struct pv_ops pv_ops = {.cpu_msr_write = write_msr, .smp_nmi = send_nmi};
const struct pv_backend *pv_backend = &pv_backend_kvm;

void pv_kvm_clock_remove(struct pv_cpu *cpu)
{
    assert_int_equal(cpu->number, 0);
    clocks_removed++;
}

int pv_who_is_missing(bool (*has)(unsigned cpu))
{
    assert_int_equal(has(0), nmi_arrives);
    return -1;
}

static const struct pv_platform platform;
const struct pv_platform *pv_platform = &platform;
const struct pv_backend pv_backend_native = {.name = "native", .ops = &pv_ops};
static void base_eoi(void)
{
}

pv_function pv_backend_function(const struct pv_backend *backend, enum pv_op_id op)
{
    (void)backend;
    (void)op;
    return base_eoi;
}

void pv_ops_fill(const struct pv_backend *backend)
{
    (void)backend;
}

void pv_log_number(const char *text, uint64_t number)
{
    (void)text;
    assert_int_equal(number, refused_msr);
    lines++;
}

const struct pv_interface *pv_detected_interface(const struct pv_detection *found,
                                                 const char *signature)
{
    (void)found;
    (void)signature;
    return NULL;
}

bool pv_x86_has_vmmcall(void)
{
    return true;
}

void pv_kvm_negotiate(void)
{
}

unsigned pv_kvm_features_named(const char **list, unsigned room)
{
    (void)list;
    (void)room;
    return 0;
}

void pv_kvm_clock_enter(void)
{
}

uint64_t pv_kvm_clock_tsc_hz(void)
{
    return 0;
}

void pv_pvclock_stop(void)
{
    clocks_stopped++;
}

void pv_pvclock_cpu_stop(void)
{
    cpu_clocks_stopped++;
}

uint64_t pv_pvclock_ns(void)
{
    return 0;
}

char pv_pvclock_name[16];

volatile void *pv_kvm_async_area(const struct pv_cpu *cpu)
{
    return &areas[cpu->number];
}

bool pv_kvm_async_begin(void)
{
    return async_works;
}

static unsigned waits_ended, ended_for_good;

void pv_kvm_async_end(bool last)
{
    waits_ended++;
    ended_for_good += last;
}

/* What KVM writes to from now on, and the others believe. */
static bool has_steal_record[CPUS];

void pv_kvm_steal_begin(struct pv_cpu *cpu)
{
    assert_int_equal(held(cpu->number, PV_KVM_MSR_STEAL_TIME) & PV_KVM_MSR_ENABLED, 1);
    has_steal_record[cpu->number] = true;
}

void pv_kvm_steal_end(struct pv_cpu *cpu)
{
    has_steal_record[cpu->number] = false;
}

/* As feature.c: what is told in the record of stolen time is of no use without it. */
uint32_t pv_kvm_consistent(uint32_t features)
{
    return features & PV_KVM_FEATURE_STEAL_TIME ? features
                                                : features & ~PV_KVM_FEATURE_PV_TLB_FLUSH;
}

/* Ops that are only named here. */
#define STUB(name)             \
    void name(void) PV_HIDDEN; \
    void name(void)            \
    {                          \
        fail();                \
    }
STUB(pv_kvm_stub)
#define ALIAS __attribute__((alias("pv_kvm_stub")))
int pv_kvm_wallclock(uint64_t *unix_ns) ALIAS;
uint64_t pv_kvm_steal_ns(void) ALIAS;
int pv_kvm_cpu_halt_poll(bool host_polls) ALIAS;
int pv_kvm_cpu_migration_allow(bool allowed) ALIAS;
int pv_kvm_clock_pair(struct pv_clock_pair *pair) ALIAS;
void pv_kvm_smp_ipi(uint32_t number, uint8_t vector) ALIAS;
void pv_kvm_smp_ipi_many(const struct pv_cpu_set *set, uint8_t vector) ALIAS;
void pv_kvm_smp_yield_to(uint32_t number) ALIAS;
void pv_kvm_waits_for(const struct pv_cpu *cpu) ALIAS;
int pv_kvm_tlb_flush_others(const struct pv_cpu_set *set, uint64_t start, uint64_t end) ALIAS;
void pv_kvm_lock_wait(const uint8_t *byte, uint8_t value) ALIAS;
void pv_kvm_lock_kick(uint32_t cpu) ALIAS;
bool pv_kvm_trap(unsigned vector, struct pv_regs *regs) ALIAS;
bool pv_kvm_vcpu_is_preempted(uint32_t cpu) PV_HIDDEN ALIAS;
void pv_kvm_irq_eoi(void) PV_HIDDEN ALIAS;
void pv_lock_release_asleep(struct pv_spinlock *lock) PV_HIDDEN ALIAS;
const struct pv_sequence pv_kvm_sequences[1] PV_HIDDEN;
const struct pv_sequence pv_kvm_sequences_end[1] PV_HIDDEN;

static int begin(void **state)
{
    (void)state;
    memset(cpus, 0x5a, sizeof(cpus));
    memset(msrs, 0, sizeof(msrs));
    memset(has_steal_record, 0, sizeof(has_steal_record));
    waits_ended = ended_for_good = 0;
    for (unsigned i = 0; i < CPUS; i++)
        cpus[i].number = i;
    become(0);
    pv_kvm_features = ALL;
    refused_msr = 0;
    lines = clocks_stopped = cpu_clocks_stopped = nmis = clocks_removed = 0;
    nmi_arrives = true;
    pv_backend = &pv_backend_kvm;
    async_works = true;
    return 0;
}

static void expect_on(unsigned cpu, bool on)
{
    static const uint32_t each[] = {PV_KVM_MSR_STEAL_TIME, PV_KVM_MSR_PV_EOI_EN,
                                    PV_KVM_MSR_ASYNC_PF_EN};

    for (unsigned i = 0; i < sizeof(each) / sizeof(each[0]); i++)
        assert_int_equal(held(cpu, each[i]) & PV_KVM_MSR_ENABLED, on);
}

static void areas_are_cleared_before_kvm_hears_of_them(void **state)
{
    (void)state;
    assert_int_equal(pv_backend_kvm.enter(&platform, NULL), PV_OK);
    expect_on(0, true);
    for (unsigned i = 0; i < sizeof(cpus[0].vmm_state); i++)
        assert_int_equal(cpus[0].vmm_state[i], 0);
    assert_int_equal(*(uint32_t *)((uint8_t *)&cpus[0] + PV_KVM_EOI_FLAG), 0);
    assert_int_equal(held(0, PV_KVM_MSR_STEAL_TIME) & ~1ull, (uintptr_t)cpus[0].vmm_state);
}

static void each_cpu_registers_memory_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(pv_backend_kvm.enter(&platform, NULL), PV_OK);
    for (unsigned i = 1; i < CPUS; i++) {
        become(i);
        assert_int_equal(pv_backend_kvm.cpu_enter(NULL), PV_OK);
        expect_on(i, true);
        assert_int_not_equal(held(i, PV_KVM_MSR_STEAL_TIME), held(i - 1, PV_KVM_MSR_STEAL_TIME));
        assert_int_not_equal(held(i, PV_KVM_MSR_ASYNC_PF_EN), held(i - 1, PV_KVM_MSR_ASYNC_PF_EN));
        assert_int_not_equal(held(i, PV_KVM_MSR_PV_EOI_EN), held(i - 1, PV_KVM_MSR_PV_EOI_EN));
    }
}

static void who_leaves_is_registered_nowhere(void **state)
{
    (void)state;
    assert_int_equal(pv_backend_kvm.enter(&platform, NULL), PV_OK);
    become(1);
    assert_int_equal(pv_backend_kvm.cpu_enter(NULL), PV_OK);
    pv_backend_kvm.cpu_leave();
    expect_on(1, false);
    expect_on(0, true);
    assert_int_equal(cpu_clocks_stopped, 1);
    assert_true(waits_ended == 1 && ended_for_good == 0);
    become(0);
    pv_backend_kvm.leave();
    expect_on(0, false);
    assert_int_equal(clocks_stopped, 1);
    assert_true(waits_ended == 2 && ended_for_good == 1);
}

/* Its identity is not known before, and nobody looks for it afterwards. */
static void a_cpu_sleeps_while_it_is_online_only(void **state)
{
    (void)state;
    cpus[0].backend[PV_KVM_CAN_BE_KICKED] = 0;
    assert_int_equal(pv_backend_kvm.enter(&platform, NULL), PV_OK);
    assert_int_not_equal(cpus[0].backend[PV_KVM_CAN_BE_KICKED], 0);
    pv_backend_kvm.leave();
    assert_int_equal(cpus[0].backend[PV_KVM_CAN_BE_KICKED], 0);
}

/* Offered by CPUID, and a #GP when it comes to it. */
static void a_register_that_is_refused_costs_its_feature_and_a_line(void **state)
{
    static const struct {
        uint32_t msr, feature;
    } each[] = {
        {PV_KVM_MSR_STEAL_TIME, PV_KVM_FEATURE_STEAL_TIME},
        {PV_KVM_MSR_PV_EOI_EN, PV_KVM_FEATURE_PV_EOI},
        {PV_KVM_MSR_ASYNC_PF_EN, PV_KVM_FEATURE_ASYNC_PF},
    };

    for (unsigned i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        begin(state);
        refused_msr = each[i].msr;
        assert_int_equal(pv_backend_kvm.enter(&platform, NULL), PV_OK);
        assert_int_equal(pv_kvm_features, pv_kvm_consistent(ALL & ~each[i].feature));
        assert_int_equal(has_steal_record[0], each[i].msr != PV_KVM_MSR_STEAL_TIME);
        assert_int_equal(lines, 1);
        assert_int_equal(held(0, each[i].msr), 0);
    }
}

static void an_op_without_its_feature_is_not_in_the_table(void **state)
{
    (void)state;
    assert_int_equal(pv_backend_kvm.enter(&platform, NULL), PV_OK);
    assert_true(pv_backend_kvm.ops->irq_eoi == pv_kvm_irq_eoi);
    assert_true(pv_backend_kvm.ops->lock_release == pv_lock_release_asleep);
    assert_true(pv_backend_kvm.sequence_fits(PV_OPID_lock_release));
    assert_null(pv_backend_kvm.ops->cpu_migration_allow);
    pv_kvm_features = 0;
    assert_int_equal(pv_backend_kvm.enter(&platform, NULL), PV_OK);
    assert_null(pv_backend_kvm.ops->irq_eoi);
    assert_null(pv_backend_kvm.ops->lock_release);
    assert_false(pv_backend_kvm.sequence_fits(PV_OPID_irq_eoi));
    assert_false(pv_backend_kvm.sequence_fits(PV_OPID_lock_release));
}

static void faults_that_nobody_can_wait_for_are_not_asked_for(void **state)
{
    (void)state;
    async_works = false;
    assert_int_equal(pv_backend_kvm.enter(&platform, NULL), PV_OK);
    assert_int_equal(held(0, PV_KVM_MSR_ASYNC_PF_EN), 0);
    assert_false(pv_kvm_has(PV_KVM_FEATURE_ASYNC_PF));
    assert_int_equal(lines, 0);
}

static void what_was_switched_off_is_not_registered(void **state)
{
    (void)state;
    pv_kvm_features = PV_KVM_FEATURE_PV_EOI;
    assert_int_equal(pv_backend_kvm.enter(&platform, NULL), PV_OK);
    assert_int_equal(held(0, PV_KVM_MSR_STEAL_TIME), 0);
    assert_false(has_steal_record[0]);
    assert_int_equal(held(0, PV_KVM_MSR_ASYNC_PF_EN), 0);
    assert_int_equal(held(0, PV_KVM_MSR_PV_EOI_EN) & 1, 1);
}

static void who_shuts_down_has_the_cpu_that_booted_undo_its_own(void **state)
{
    (void)state;
    assert_int_equal(pv_backend_kvm.enter(&platform, NULL), PV_OK);
    become(1);
    assert_int_equal(pv_backend_kvm.cpu_enter(NULL), PV_OK);
    pv_backend_kvm.leave();
    expect_on(0, true);
    pv_backend_kvm.end();
    expect_on(0, false);
    assert_true(nmis == 1 && clocks_removed == 1);
}

static void an_nmi_that_nobody_waits_for_is_the_kernels(void **state)
{
    (void)state;
    assert_int_equal(pv_backend_kvm.enter(&platform, NULL), PV_OK);
    assert_false(pv_kvm_nmi());
    nmi_arrives = false;
    become(1);
    pv_backend_kvm.end();
    assert_false(pv_kvm_nmi());
    become(0);
    expect_on(0, true);
    assert_true(pv_kvm_nmi());
    expect_on(0, false);
}

static void the_cpu_that_booted_and_other_backends_send_none(void **state)
{
    (void)state;
    assert_int_equal(pv_backend_kvm.enter(&platform, NULL), PV_OK);
    pv_backend_kvm.leave();
    pv_backend_kvm.end();
    pv_backend = &pv_backend_native;
    become(1);
    pv_backend_kvm.end();
    assert_int_equal(nmis, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(areas_are_cleared_before_kvm_hears_of_them, begin),
        cmocka_unit_test_setup(each_cpu_registers_memory_of_its_own, begin),
        cmocka_unit_test_setup(who_leaves_is_registered_nowhere, begin),
        cmocka_unit_test_setup(a_register_that_is_refused_costs_its_feature_and_a_line, begin),
        cmocka_unit_test_setup(an_op_without_its_feature_is_not_in_the_table, begin),
        cmocka_unit_test_setup(faults_that_nobody_can_wait_for_are_not_asked_for, begin),
        cmocka_unit_test_setup(what_was_switched_off_is_not_registered, begin),
        cmocka_unit_test_setup(a_cpu_sleeps_while_it_is_online_only, begin),
        cmocka_unit_test_setup(who_shuts_down_has_the_cpu_that_booted_undo_its_own, begin),
        cmocka_unit_test_setup(an_nmi_that_nobody_waits_for_is_the_kernels, begin),
        cmocka_unit_test_setup(the_cpu_that_booted_and_other_backends_send_none, begin),
    };

    return cmocka_run_group_tests_name("kvm registrations", tests, NULL, NULL);
}
