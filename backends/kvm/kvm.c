/* SPDX-License-Identifier: MIT */
/*
 * The KVM backend: what KVM offers to its guests beyond the hardware that it shows, on top of the
 * native backend. Linux, Documentation/virt/kvm/x86/.
 *
 * An op that needs a feature is in the table only while the feature is in use; without it the slot
 * is empty, and its sites are what they are natively.
 */
#include "backends/kvm/kvm.h"
#include "backends/kvm/eoi.h"
#include "backends/kvm/hypercall.h"
#include "lib/asleep.h"
#include "lib/detect.h"
#include "lib/live.h"
#include "lib/ops.h"
#include "lib/pvclock.h"
#include "lib/switch.h"
#include "lib/x86/destination.h"
#include "lib/x86/vendor.h"

bool pv_kvm_vmmcall;

static uint32_t refused; /* features, by registers that cannot be written */

extern const struct pv_sequence pv_kvm_sequences[] PV_HIDDEN;
extern const struct pv_sequence pv_kvm_sequences_end[] PV_HIDDEN;

/* What ends an interrupt that KVM did not end by itself. */
extern void (*pv_kvm_base_eoi)(void) PV_HIDDEN;
void (*pv_kvm_base_eoi)(void);

_Static_assert(PV_KVM_EOI_FLAG % 4 == 0 &&
                   PV_KVM_EOI_FLAG >= offsetof(struct pv_cpu, vmm_clock) + PV_KVM_CLOCK_BYTES &&
                   PV_KVM_EOI_FLAG + 4 <= offsetof(struct pv_cpu, vmm_state),
               "the flag lies in the CPU's line for the VMM, behind the clock's records");

/* The flag is reached by %gs, which another scheme for per-CPU data has no use for. */
#ifdef PV_CONFIG_THIS_CPU
#define OWN_CPU_SCHEME 1
#else
#define OWN_CPU_SCHEME 0
#endif

static struct pv_ops ops = {
    .clock_ns = pv_pvclock_ns,
    .wallclock = pv_kvm_wallclock,
    .clock_pair = pv_kvm_clock_pair,
};

/*
 * More than Xen's: where both are shown it is KVM that runs underneath, and imitates Xen (Linux,
 * Documentation/virt/kvm/api.rst, KVM_XEN_HVM_CONFIG).
 */
PV_COLD static unsigned fitness(const struct pv_detection *detection)
{
    return pv_detected_interface(detection, PV_KVM_SIGNATURE) != NULL ? 30 : 0;
}

/*
 * The area is cleared, as most of them have to be. A register that KVM refuses to the CPU that
 * enters the backend costs the feature; a further CPU does without.
 */
PV_COLD static bool add(uint32_t feature, uint32_t msr, volatile void *area, size_t bytes,
                        uint32_t bits)
{
    volatile uint32_t *words = area;

    if (!pv_kvm_has(feature))
        return false;
    for (size_t i = 0; i < bytes / sizeof(*words); i++)
        words[i] = 0;
    if (pv_cpu_msr_write(msr, pv_kvm_phys_of(area) | bits | PV_KVM_MSR_ENABLED) == PV_OK)
        return true;
    pv_log_number("KVM offers a feature and refuses its register", msr);
    refused |= feature;
    return false;
}

/* What KVM knows of this CPU, but for its clock. By NMI too. */
PV_COLD PV_NOSITE static void pv_kvm_take_back(struct pv_cpu *cpu)
{
    static const uint32_t registered[][2] = {
        {PV_KVM_FEATURE_ASYNC_PF, PV_KVM_MSR_ASYNC_PF_EN},
        {PV_KVM_FEATURE_PV_EOI, PV_KVM_MSR_PV_EOI_EN},
        {PV_KVM_FEATURE_STEAL_TIME, PV_KVM_MSR_STEAL_TIME},
    };

    for (unsigned i = 0; i < sizeof(registered) / sizeof(registered[0]); i++)
        if (pv_kvm_has(registered[i][0]))
            (void)pv_cpu_msr_write(registered[i][1], 0);
    cpu->backend[PV_KVM_CAN_BE_KICKED] = 0;
}

/* What KVM has of the CPU that this runs on, made and undone. */
PV_COLD static int cpu_enter(struct pv_error *error)
{
    struct pv_cpu *cpu = pv_this_cpu();

    (void)error;
    add(PV_KVM_FEATURE_PV_EOI, PV_KVM_MSR_PV_EOI_EN, (uint8_t *)cpu + PV_KVM_EOI_FLAG, 4, 0);
    if (add(PV_KVM_FEATURE_STEAL_TIME, PV_KVM_MSR_STEAL_TIME, cpu->vmm_state,
            sizeof(struct pv_kvm_steal_time), 0))
        pv_kvm_steal_begin(cpu);
    cpu->backend[PV_KVM_CAN_BE_KICKED] = 1;
    if (!pv_kvm_has(PV_KVM_FEATURE_ASYNC_PF))
        return PV_OK;
    if (pv_kvm_async_begin())
        add(PV_KVM_FEATURE_ASYNC_PF, PV_KVM_MSR_ASYNC_PF_EN, pv_kvm_async_area(cpu),
            sizeof(struct pv_kvm_async_pf), PV_KVM_ASYNC_PF_AS_INT);
    else
        refused |= PV_KVM_FEATURE_ASYNC_PF;
    return PV_OK;
}

PV_COLD static void cpu_undo(bool last)
{
    struct pv_cpu *cpu = pv_this_cpu();

    pv_kvm_take_back(cpu);
    pv_kvm_async_end(last);
    pv_kvm_steal_end(cpu);
}

PV_COLD static void cpu_leave(void)
{
    cpu_undo(false);
    pv_pvclock_cpu_stop();
}

/* Ops that are there while a feature is in use. */
static const struct {
    uint32_t feature;
    uint16_t op;
    pv_function function;
} optional[] = {
#define OP_IF(feature, op)                                               \
    {                                                                    \
        PV_KVM_FEATURE_##feature, PV_OPID_##op, (pv_function)pv_kvm_##op \
    }
    OP_IF(PV_EOI, irq_eoi),
    OP_IF(STEAL_TIME, steal_ns),
    OP_IF(STEAL_TIME, vcpu_is_preempted),
    OP_IF(POLL_CONTROL, cpu_halt_poll),
    OP_IF(MIGRATION_CONTROL, cpu_migration_allow),
    OP_IF(PV_SEND_IPI, smp_ipi),
    OP_IF(PV_SEND_IPI, smp_ipi_many),
    OP_IF(PV_SCHED_YIELD, smp_yield_to),
    OP_IF(PV_TLB_FLUSH, tlb_flush_others),
    OP_IF(PV_UNHALT, lock_wait),
    OP_IF(PV_UNHALT, lock_kick),
    {PV_KVM_FEATURE_PV_UNHALT, PV_OPID_lock_release, (pv_function)pv_lock_release_asleep},
};

PV_COLD static void choose_ops(void)
{
    for (unsigned i = 0; i < sizeof(optional) / sizeof(optional[0]); i++) {
        pv_function function = pv_kvm_has(optional[i].feature) ? optional[i].function : NULL;
        __builtin_memcpy((char *)&ops + optional[i].op * sizeof(function), &function,
                         sizeof(function));
    }
    pv_ops_fill(&pv_backend_kvm);
}

/* Sequences are there for ops that may not be. */
PV_COLD static bool sequence_fits(enum pv_op_id op)
{
    return pv_slot_of(&ops, op) != NULL;
}

PV_COLD static int enter(const struct pv_platform *platform, struct pv_error *error)
{
    (void)platform;
    pv_kvm_vmmcall = pv_x86_has_vmmcall();
    pv_kvm_negotiate();
    if (pv_kvm_has(PV_KVM_FEATURE_MSI_EXT_DEST_ID))
        pv_x86_most_destination = PV_X86_EXTENDED_DESTINATIONS;
    if (OWN_CPU_SCHEME)
        pv_kvm_features &= ~PV_KVM_FEATURE_PV_EOI;
    pv_kvm_base_eoi = pv_backend_function(pv_backend_kvm.base, PV_OPID_irq_eoi);
    pv_kvm_clock_enter();
    refused = 0;
    int status = cpu_enter(error);
    pv_kvm_features = pv_kvm_consistent(pv_kvm_features & ~refused);
    choose_ops();
    return status;
}

/* No other CPU runs on: all stand still for a change of backends, or have stopped for good. */
PV_COLD static void leave(void)
{
    cpu_undo(true);
    pv_pvclock_stop();
}

static bool ends; /* pv_shutdown() waits for the CPU that booted, which it has sent an NMI */

/* By the handler of an NMI, or of several. */
PV_COLD PV_NOSITE bool pv_kvm_nmi(void)
{
    struct pv_cpu *cpu = pv_this_cpu();

    if (!ends || cpu->number != 0)
        return false;
    pv_kvm_clock_remove(cpu);
    pv_kvm_take_back(cpu);
    __atomic_store_n(&ends, false, __ATOMIC_RELEASE);
    return true;
}

PV_COLD static bool has_ended(unsigned number)
{
    (void)number;
    return !__atomic_load_n(&ends, __ATOMIC_ACQUIRE);
}

/*
 * Others that stand still get INIT from the native backend, by which KVM forgets them. It is not
 * for the CPU that booted.
 */
PV_COLD static void end(void)
{
    if (pv_backend != &pv_backend_kvm || pv_this_cpu()->number == 0)
        return;
    ends = true;
    (void)pv_smp_nmi(0);
    (void)pv_who_is_missing(has_ended);
}

const struct pv_backend pv_backend_kvm = {
    .name = "kvm",
    .base = &pv_backend_native,
    .ops = &ops,
    .sequences = pv_kvm_sequences,
    .sequences_end = pv_kvm_sequences_end,
    .sequence_fits = sequence_fits,
    .fitness = fitness,
    .enter = enter,
    .leave = leave,
    .cpu_enter = cpu_enter,
    .cpu_leave = cpu_leave,
    .end = end,
    .features = pv_kvm_features_named,
    .clock = pv_pvclock_name,
    .signature = PV_KVM_SIGNATURE,
    .tsc_hz = pv_kvm_clock_tsc_hz,
    .trap = pv_kvm_trap,
    .waits_for = pv_kvm_waits_for,
};

PV_COLD uint64_t pv_kvm_base_clock_ns(void)
{
    return pv_backend_kvm.base->ops->clock_ns();
}

PV_COLD int pv_kvm_base_wallclock(uint64_t *unix_ns)
{
    return pv_backend_kvm.base->ops->wallclock(unix_ns);
}
