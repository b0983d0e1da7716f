/* SPDX-License-Identifier: MIT */
/*
 * The native backend: a machine that the kernel owns, or believes to. Every op has a function here,
 * so every other backend can stand on it and replace what its VMM does better.
 */
#include "backends/native/native.h"

extern const struct pv_sequence pv_native_sequences[] PV_HIDDEN;
extern const struct pv_sequence pv_native_sequences_end[] PV_HIDDEN;

_Static_assert(PV_E_UNSUPPORTED == -8, "as ops.S has it");

static const struct pv_ops ops = {
#define PV_OP(kind, convention, length, shape, type, name, params, args) .name = pv_native_##name,
#include "pvops/ops/all.h"
#undef PV_OP
};

#ifdef PV_CONFIG_THIS_CPU
#define OWN_CPU_SCHEME 1
#else
#define OWN_CPU_SCHEME 0
#endif

/* One sequence finds the CPU's block by %gs, one the local APIC in memory. */
PV_COLD static bool sequence_fits(enum pv_op_id op)
{
    if (op == PV_OPID_irq_eoi)
        return !pv_native_apic_is_x2();
    return !(OWN_CPU_SCHEME && op == PV_OPID_cpu_kernel_stack_set);
}

/* A PV guest of Xen is in ring 3: nothing of this would work there. */
PV_COLD static unsigned fitness(const struct pv_detection *detection)
{
    (void)detection;
    return pv_boot != NULL && pv_boot->door == PV_DOOR_XEN_PV ? 0 : 1;
}

/*
 * What is missing on a machine is told in the log and does not stop it: a kernel without a timer
 * can still say so. The order matters: tables name the timer that measures the TSC, which measures
 * the APIC's timer.
 */
PV_COLD static void bring_up(void)
{
    pv_native_cpu_init();
    pv_native_acpi_read();
    pv_native_pic_disable();
    pv_native_apic_init();
    pv_native_ioapic_init();
    pv_native_tsc_init();
    pv_native_timer_init();
    pv_native_shootdown_init();
}

PV_COLD static int enter(const struct pv_platform *platform, struct pv_error *error)
{
    static bool up;

    (void)platform;
    (void)error;
    if (!up)
        bring_up();
    up = true;
    return PV_OK;
}

/* The hardware has no registration to undo; only the timer would go on by itself. */
PV_COLD static void leave(void)
{
    pv_native_timer_pause();
}

PV_COLD static int cpu_enter(struct pv_error *error)
{
    int status = pv_native_apic_cpu_enter(error);

    if (status == PV_OK)
        pv_native_timer_cpu_enter();
    return status;
}

PV_COLD static void cpu_leave(void)
{
    pv_native_timer_pause();
    pv_native_apic_cpu_leave();
    pv_native_shootdown_cpu_leave();
}

PV_COLD static unsigned features(const char **names, unsigned room)
{
    static const struct {
        const char *name;
        bool (*is_there)(void);
    } all[] = {
        {"x2apic", pv_native_apic_is_x2},
        {"tsc-deadline", pv_native_timer_by_deadline},
        {"pcid", pv_native_cpu_has_pcid},
        {"invpcid", pv_native_cpu_has_invpcid},
    };
    unsigned used = 0;

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (used < room && all[i].is_there())
            names[used++] = all[i].name;
    return used;
}

const struct pv_backend pv_backend_native = {
    .name = "native",
    .ops = &ops,
    .sequences = pv_native_sequences,
    .sequences_end = pv_native_sequences_end,
    .sequence_fits = sequence_fits,
    .fitness = fitness,
    .enter = enter,
    .leave = leave,
    .cpu_enter = cpu_enter,
    .cpu_leave = cpu_leave,
    .end = pv_native_apic_hold_others,
    .features = features,
    .clock = "tsc",
    .trap = pv_native_trap,
};
