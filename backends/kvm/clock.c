/* SPDX-License-Identifier: MIT */
/*
 * The KVM clock: a record for each CPU that KVM keeps up to date, and a wall clock on request.
 * Linux, Documentation/virt/kvm/x86/msr.rst. The record lies in pv_cpu::vmm_clock, and behind it
 * the wall clock's. What happens when KVM breaks the protocol is in lib/pvclock.h.
 */
#include "backends/kvm/kvm.h"
#include "backends/kvm/abi/kvm_para.h"
#include "lib/pvclock.h"

struct shared {
    struct pv_pvclock_record system;
    struct pv_pvclock_wall wall;
};

_Static_assert(sizeof(struct shared) <= PV_KVM_CLOCK_BYTES, "nothing else lies there");

static uint32_t system_time_msr; /* 0: KVM offers no clock */
static uint32_t wall_clock_msr;

static volatile struct shared *shared_of(struct pv_cpu *cpu)
{
    return (volatile struct shared *)cpu->vmm_clock;
}

/* Bit 3 before bit 0: the registers of bit 0 lie outside of KVM's range and are deprecated. */
static void choose_registers(void)
{
    system_time_msr = 0;
    wall_clock_msr = 0;
    if (pv_kvm_has(PV_KVM_FEATURE_CLOCKSOURCE2)) {
        system_time_msr = PV_KVM_MSR_SYSTEM_TIME;
        wall_clock_msr = PV_KVM_MSR_WALL_CLOCK;
    } else if (pv_kvm_has(PV_KVM_FEATURE_CLOCKSOURCE)) {
        system_time_msr = PV_KVM_MSR_SYSTEM_TIME_OLD;
        wall_clock_msr = PV_KVM_MSR_WALL_CLOCK_OLD;
    }
}

PV_COLD static int add(struct pv_cpu *cpu, volatile struct pv_pvclock_record **record)
{
    volatile struct shared *shared = shared_of(cpu);

    shared->system.version = 0;
    shared->system.tsc_to_system_mul = 0;
    *record = &shared->system;
    return pv_cpu_msr_write(system_time_msr, pv_kvm_phys_of(&shared->system) | PV_KVM_MSR_ENABLED);
}

PV_COLD PV_NOSITE void pv_kvm_clock_remove(struct pv_cpu *cpu)
{
    (void)cpu;
    if (system_time_msr != 0)
        (void)pv_cpu_msr_write(system_time_msr, 0);
}

static const struct pv_pvclock_source source = {
    .name = "kvmclock",
    .add = add,
    .remove = pv_kvm_clock_remove,
    .base_ns = pv_kvm_base_clock_ns,
};

PV_COLD uint64_t pv_kvm_clock_tsc_hz(void)
{
    pv_kvm_negotiate();
    choose_registers();
    return system_time_msr != 0 ? pv_pvclock_tsc_hz(&source) : 0;
}

PV_COLD void pv_kvm_clock_enter(void)
{
    choose_registers();
    pv_pvclock_begin(&source);
    if (system_time_msr != 0)
        pv_pvclock_start(pv_kvm_has(PV_KVM_FEATURE_CLOCK_STABLE));
}

PV_COLD unsigned pv_kvm_clock_features(const char **names, unsigned room)
{
    static const char *const all[] = {"kvmclock", "kvmclock-old-msrs", "kvmclock-stable"};
    const bool is[] = {true, system_time_msr == PV_KVM_MSR_SYSTEM_TIME_OLD, pv_pvclock_is_stable()};
    unsigned used = 0;

    for (unsigned i = 0; pv_pvclock_in_use() && i < sizeof(all) / sizeof(all[0]); i++)
        if (used < room && is[i])
            names[used++] = all[i];
    return used;
}

/* The host fills the record at the write (msr.rst), in which this CPU waits. Interrupts off. */
static int read_wall(struct pv_cpu *cpu, uint64_t *boot_ns, uint64_t *now_ns)
{
    volatile struct pv_pvclock_wall *wall = &shared_of(cpu)->wall;

    if (!pv_pvclock_vmm_ns(now_ns))
        return PV_E_UNSUPPORTED;
    wall->version = 0;
    int status = pv_cpu_msr_write(wall_clock_msr, pv_kvm_phys_of(wall));
    if (status == PV_OK)
        status = pv_pvclock_wall_read(wall, boot_ns);
    return status;
}

PV_COLD int pv_kvm_wallclock(uint64_t *unix_ns)
{
    uint64_t boot_ns = 0, now_ns = 0;
    struct pv_irqflags flags = pv_irq_save_seldom();
    int status = read_wall(pv_this_cpu(), &boot_ns, &now_ns);

    pv_irq_restore(flags);
    if (status != PV_OK)
        return pv_kvm_base_wallclock(unix_ns);
    *unix_ns = boot_ns + now_ns;
    return PV_OK;
}
