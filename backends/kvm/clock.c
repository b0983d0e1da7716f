/* SPDX-License-Identifier: MIT */
/*
 * The KVM clock: a record for each CPU that KVM keeps up to date, and a wall clock on request.
 * Linux, Documentation/virt/kvm/x86/msr.rst. The record lies in pv_cpu::vmm_clock, and behind it
 * the wall clock's.
 *
 * The clock goes on where the base clock (the TSC's) was when it is entered, and hands over to it
 * when it is left, or when the host breaks the protocol: then one line is logged, and the kernel
 * goes on with the TSC.
 */
#include "backends/kvm/kvm.h"
#include "backends/kvm/abi/kvm_para.h"
#include "lib/clock.h"
#include "lib/x86/tsc.h"

/* As often as this in a row a record may stay unreadable before it is given up. */
#define FAILURES 16

struct shared {
    struct pv_pvclock_record system;
    struct pv_pvclock_wall wall;
};

_Static_assert(sizeof(struct shared) <= sizeof(((struct pv_cpu *)NULL)->vmm_clock),
               "both records fit into the CPU's block");

struct cpu_clock {
    struct pv_pvclock copy;
    bool registered;
    uint8_t failures;
} __attribute__((aligned(64)));

static struct cpu_clock clocks[PV_CONFIG_MAX_CPUS];

static uint32_t system_time_msr; /* 0: KVM offers no clock */
static uint32_t wall_clock_msr;
static bool stable_offered;

static bool in_use;
static bool retiring;      /* somebody is about to clear in_use */
static bool fix_up;        /* records of different CPUs may disagree */
static uint64_t latest_ns; /* for the fix-up */
static uint64_t offset_ns; /* from KVM's scale to that of pv_clock_ns(), modulo 2^64 */

/* What the listing shows; changes when the clock is given up. */
char pv_kvm_clock_name[16] = "kvmclock";

static void name_clock(const char *name)
{
    unsigned i = 0;

    for (; i < sizeof(pv_kvm_clock_name) - 1 && name[i] != '\0'; i++)
        pv_kvm_clock_name[i] = name[i];
    pv_kvm_clock_name[i] = '\0';
}

static volatile struct shared *shared_of(struct pv_cpu *cpu)
{
    return (volatile struct shared *)cpu->vmm_clock;
}

static uint64_t phys_of(const volatile void *address)
{
    return pv_platform->virt_to_phys != NULL ? pv_platform->virt_to_phys(address)
                                             : (uintptr_t)address;
}

/* Bit 3 before bit 0: the registers of bit 0 lie outside of KVM's range and are deprecated. */
static void choose_registers(void)
{
    uint32_t offered = pv_kvm_offered();

    system_time_msr = 0;
    wall_clock_msr = 0;
    if (offered & PV_KVM_FEATURE_CLOCKSOURCE2) {
        system_time_msr = PV_KVM_MSR_SYSTEM_TIME;
        wall_clock_msr = PV_KVM_MSR_WALL_CLOCK;
    } else if (offered & PV_KVM_FEATURE_CLOCKSOURCE) {
        system_time_msr = PV_KVM_MSR_SYSTEM_TIME_OLD;
        wall_clock_msr = PV_KVM_MSR_WALL_CLOCK_OLD;
    }
    stable_offered = (offered & PV_KVM_FEATURE_CLOCK_STABLE) != 0;
}

/* Takes a new copy of this CPU's record and notices what changes with it. Interrupts off. */
static int refresh(struct pv_cpu *cpu, struct cpu_clock *clock)
{
    int status = pv_pvclock_refresh(&shared_of(cpu)->system, &clock->copy, pv_tsc_read());

    if (status != PV_OK)
        return status;
    clock->failures = 0;
    if (!stable_offered || !(clock->copy.flags & PV_PVCLOCK_STABLE) || clock->copy.adjust_ns != 0)
        __atomic_store_n(&fix_up, true, __ATOMIC_RELAXED);
    return PV_OK;
}

static void unregister(struct cpu_clock *clock)
{
    if (clock->registered)
        (void)pv_cpu_msr_write(system_time_msr, 0);
    clock->registered = false;
    clock->copy.version = 0;
}

/* Interrupts off. On failure nothing is registered. */
static int register_this_cpu(struct pv_cpu *cpu, struct cpu_clock *clock)
{
    volatile struct shared *shared = shared_of(cpu);

    clock->copy.version = 0;
    clock->failures = 0;
    shared->system.version = 0;
    shared->system.tsc_to_system_mul = 0;
    int status = pv_cpu_msr_write(system_time_msr, phys_of(&shared->system) | PV_KVM_MSR_ENABLED);
    if (status != PV_OK)
        return status;
    clock->registered = true;
    status = refresh(cpu, clock);
    if (status != PV_OK)
        unregister(clock);
    return status;
}

static const char *complaint(int status)
{
    if (status == PV_E_MSR)
        return "kvmclock: KVM offers the clock and refuses its register; the TSC is used";
    if (status == PV_E_TIMEOUT)
        return "kvmclock: a record is being written for ever; the TSC is used";
    return "kvmclock: a record holds a rate that cannot be; the TSC is used";
}

/* Gives the clock up for the base clock, which goes on from told_ns. The first to come does it. */
static void retire(uint64_t told_ns, int status)
{
    if (__atomic_exchange_n(&retiring, true, __ATOMIC_ACQ_REL))
        return;
    pv_clock_hand_over(told_ns, pv_kvm_base_clock_ns());
    __atomic_store_n(&in_use, false, __ATOMIC_RELEASE);
    name_clock("tsc");
    pv_log(complaint(status));
}

static uint64_t told(const struct cpu_clock *clock)
{
    uint64_t ns = pv_pvclock_at(&clock->copy, pv_tsc_read()) + offset_ns;

    return __atomic_load_n(&fix_up, __ATOMIC_RELAXED) ? pv_clock_monotonic(&latest_ns, ns) : ns;
}

/* What the clock tells now, by a CPU that has a good copy: this one, or else the boot CPU. */
static uint64_t told_by_any(const struct cpu_clock *clock)
{
    if (clock->copy.version == 0)
        clock = &clocks[0];
    return clock->copy.version != 0 ? told(clock) : latest_ns;
}

/*
 * The copy is out of date, or this CPU has not been seen before. A record that is only being
 * written for long leaves the old copy in force, whose rate is still right enough; any other
 * failure is the end of the clock. Interrupts off.
 */
static uint64_t fresh_clock_ns(struct pv_cpu *cpu)
{
    struct cpu_clock *clock = &clocks[cpu->number];
    int status = clock->registered ? refresh(cpu, clock) : register_this_cpu(cpu, clock);

    if (status != PV_OK && (status != PV_E_TIMEOUT || ++clock->failures >= FAILURES))
        retire(told_by_any(clock), status);
    if (!__atomic_load_n(&in_use, __ATOMIC_ACQUIRE))
        return pv_kvm_base_clock_ns();
    return told_by_any(clock);
}

uint64_t pv_kvm_clock_ns(void)
{
    struct pv_cpu *cpu = pv_this_cpu();
    uint64_t ns;

    if (!__atomic_load_n(&in_use, __ATOMIC_ACQUIRE) || cpu->number >= PV_CONFIG_MAX_CPUS)
        return pv_kvm_base_clock_ns();
    if (pv_pvclock_read(&shared_of(cpu)->system, &clocks[cpu->number].copy, &ns) != PV_OK) {
        struct pv_irqflags flags = pv_irq_save();
        ns = fresh_clock_ns(pv_this_cpu());
        pv_irq_restore(flags);
        return ns;
    }
    ns += offset_ns;
    return __atomic_load_n(&fix_up, __ATOMIC_RELAXED) ? pv_clock_monotonic(&latest_ns, ns) : ns;
}

/* Registers, reads, and takes the registration back: nothing is in force yet. */
uint64_t pv_kvm_clock_tsc_hz(void)
{
    struct pv_cpu *cpu = pv_this_cpu();
    struct cpu_clock *clock = &clocks[0];
    uint64_t hz = 0;

    choose_registers();
    if (system_time_msr == 0 || cpu->number != 0)
        return 0;
    if (register_this_cpu(cpu, clock) == PV_OK)
        hz = pv_clock_rate_hz(clock->copy.rate);
    unregister(clock);
    return hz;
}

void pv_kvm_clock_enter(void)
{
    struct pv_cpu *cpu = pv_this_cpu();
    struct cpu_clock *clock = &clocks[cpu->number];

    choose_registers();
    name_clock("tsc");
    fix_up = false;
    retiring = false;
    latest_ns = 0;
    if (system_time_msr == 0 || cpu->number >= PV_CONFIG_MAX_CPUS)
        return;
    int status = register_this_cpu(cpu, clock);
    if (status != PV_OK) {
        pv_log(complaint(status));
        return;
    }
    offset_ns = pv_kvm_base_clock_ns() - pv_pvclock_at(&clock->copy, pv_tsc_read());
    if (pv_tsc_khz_value == 0)
        pv_tsc_khz_value = (uint32_t)(pv_clock_rate_hz(clock->copy.rate) / 1000);
    name_clock("kvmclock");
    __atomic_store_n(&in_use, true, __ATOMIC_RELEASE);
}

/*
 * Undoes what this CPU registered. The records of other CPUs stay with KVM, each in its CPU's own
 * block and read by nobody, until those CPUs are taken down.
 */
void pv_kvm_clock_leave(void)
{
    struct pv_cpu *cpu = pv_this_cpu();

    if (cpu->number >= PV_CONFIG_MAX_CPUS)
        return;
    if (in_use)
        pv_clock_hand_over(pv_kvm_clock_ns(), pv_kvm_base_clock_ns());
    __atomic_store_n(&in_use, false, __ATOMIC_RELEASE);
    unregister(&clocks[cpu->number]);
}

unsigned pv_kvm_clock_features(const char **names, unsigned room)
{
    unsigned used = 0;

    if (in_use && used < room)
        names[used++] = "kvmclock";
    if (in_use && system_time_msr == PV_KVM_MSR_SYSTEM_TIME_OLD && used < room)
        names[used++] = "kvmclock-old-msrs";
    if (in_use && !fix_up && used < room)
        names[used++] = "kvmclock-stable";
    return used;
}

/* The host fills the record at the write (msr.rst), in which this CPU waits. Interrupts off. */
static int read_wall(struct pv_cpu *cpu, uint64_t *boot_ns, uint64_t *now_ns)
{
    struct cpu_clock *clock = &clocks[cpu->number];
    volatile struct pv_pvclock_wall *wall = &shared_of(cpu)->wall;

    if (!in_use || !clock->registered)
        return PV_E_UNSUPPORTED;
    wall->version = 0;
    int status = pv_cpu_msr_write(wall_clock_msr, phys_of(wall));
    if (status == PV_OK)
        status = pv_pvclock_wall_read(wall, boot_ns);
    *now_ns = pv_pvclock_at(&clock->copy, pv_tsc_read()) - clock->copy.adjust_ns;
    return status;
}

int pv_kvm_wallclock(uint64_t *unix_ns)
{
    struct pv_irqflags flags = pv_irq_save();
    struct pv_cpu *cpu = pv_this_cpu();
    uint64_t boot_ns = 0, now_ns = 0;
    int status = PV_E_UNSUPPORTED;

    if (cpu->number < PV_CONFIG_MAX_CPUS)
        status = read_wall(cpu, &boot_ns, &now_ns);
    pv_irq_restore(flags);
    if (status != PV_OK)
        return pv_kvm_base_wallclock(unix_ns);
    *unix_ns = boot_ns + now_ns;
    return PV_OK;
}
