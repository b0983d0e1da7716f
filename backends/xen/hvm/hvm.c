/* SPDX-License-Identifier: MIT */
/*
 * The backend for Xen domains that run in ring 0 on hardware virtualization: PVH and HVM.
 * Instructions, page tables and local APIC are those of the native backend; clock, timer, wall
 * clock, steal time, the start of CPUs, console and power-off are Xen's, and interrupts from CPU to
 * CPU where the local APIC would cost more.
 */
#include "backends/xen/hvm/hvm.h"
#include "backends/xen/event.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/cpuid.h"
#include "backends/xen/abi/version.h"
#include "lib/asleep.h"
#include "lib/detect.h"
#include "lib/ops.h"
#include "lib/patch.h"
#include "lib/pvclock.h"
#include "lib/x86/destination.h"
#include "lib/x86/vendor.h"

static struct pv_ops ops = {
    .smp_list = pv_xen_hvm_smp_list,
    .smp_start = pv_xen_hvm_smp_start,
    .smp_park = pv_xen_hvm_smp_park,
    .clock_ns = pv_pvclock_ns,
    .timer_set = pv_xen_timer_set,
    .timer_periodic = pv_xen_timer_periodic,
    .wallclock = pv_xen_wallclock,
    .steal_ns = pv_xen_steal_ns,
    .vcpu_is_preempted = pv_xen_vcpu_is_preempted,
    .lock_wait = pv_xen_lock_wait,
    .lock_kick = pv_xen_lock_kick,
    .lock_release = pv_lock_release_asleep,
    .smp_yield_to = pv_xen_smp_yield_to,
    .cpu_power_off = pv_xen_power_off,
};

uint8_t pv_xen_instruction;

/* The privilege level is in the selector of the code segment: a PV kernel runs in ring 3. */
static bool in_ring_0(void)
{
    uint16_t cs;

    __asm__("mov %%cs, %0" : "=r"(cs));
    return (cs & 3) == 0;
}

static unsigned fitness(const struct pv_detection *detection)
{
    return pv_detected_interface(detection, PV_XEN_SIGNATURE) != NULL && in_ring_0() ? 20 : 0;
}

static void choose_instruction(void)
{
    if (pv_xen_instruction == PV_XEN_NOT_CHOSEN)
        pv_xen_instruction = pv_x86_has_vmmcall() ? PV_XEN_VMMCALL : PV_XEN_VMCALL;
}

/* Xen's feature bit says that its records fit what this domain's RDTSC reads (features.h). */
static void start_clock(void)
{
    pv_pvclock_begin(&pv_xen_clock_source);
    if (pv_xen_has_feature(PV_XENFEAT_HVM_SAFE_PVCLOCK))
        pv_pvclock_start(true);
    else
        pv_log("Xen: its clock cannot be used by this domain");
}

static bool sends_events(void)
{
    return ops.smp_ipi != NULL;
}

/* What each CPU has of its own, behind its events and upcalls. */
static int start_own(struct pv_error *error)
{
    int status = pv_xen_timer_start(error);

    if (status == PV_OK && sends_events()) {
        status = pv_xen_ipi_start(error);
        if (status != PV_OK)
            pv_xen_timer_stop();
    }
    if (status != PV_OK)
        return status;
    pv_xen_runstate_start();
    if (!pv_xen_locks_start())
        pv_log_number("Xen: a CPU spins for locks, as there is no port for kicks:",
                      pv_this_cpu()->number);
    return PV_OK;
}

static void stop_own(void)
{
    pv_xen_locks_stop();
    pv_xen_runstate_stop();
    pv_xen_timer_stop();
    pv_xen_ipi_stop();
}

/* From here on there is one timer. */
static void silence_timer_below(void)
{
    if (pv_xen_timer_in_use())
        pv_xen_base_ops()->timer_set(UINT64_MAX);
}

/* Events, and what depends on them; undone in the opposite order. */
static int start_events(struct pv_error *error)
{
    int status = pv_xen_vcpu_info_start(error);
    if (status != PV_OK)
        return status;
    pv_xen_events_start();
    status = pv_xen_hvm_upcall_start(error);
    if (status == PV_OK) {
        ops.smp_ipi = pv_xen_hvm_prefers_event_ipis() ? pv_xen_smp_ipi : NULL;
        pv_ops_fill(&pv_backend_xen_hvm);
        status = start_own(error);
        if (status != PV_OK)
            pv_xen_hvm_upcall_stop();
    }
    if (status != PV_OK)
        pv_xen_events_stop();
    return status;
}

static int enter(const struct pv_platform *platform, struct pv_error *error)
{
    uint32_t version;

    (void)platform;
    choose_instruction();
    pv_xen_below = pv_backend_native.ops;
    int status = pv_xen_version_read(&version, error);
    if (status == PV_OK)
        status = pv_xen_hvm_shared_info_map(error);
    if (status != PV_OK)
        return status;
    status = start_events(error);
    if (status != PV_OK) {
        pv_xen_hvm_shared_info_unmap();
        return status;
    }
    if (pv_xen_hvm_hint(PV_XEN_HVM_EXT_DEST_ID))
        pv_x86_most_destination = PV_X86_EXTENDED_DESTINATIONS;
    start_clock();
    silence_timer_below();
    pv_xen_hvm_unplug_as_asked();
    return PV_OK;
}

/* The clock's last record is read before the page goes away. */
static void leave(void)
{
    stop_own();
    pv_xen_hvm_upcall_stop();
    pv_xen_events_stop();
    pv_pvclock_stop();
    pv_xen_hvm_shared_info_unmap();
}

static int cpu_enter(struct pv_error *error)
{
    pv_xen_hvm_smp_cpu_enter();
    int status = pv_xen_vcpu_info_start(error);
    if (status == PV_OK)
        status = pv_xen_events_cpu_start(error);
    if (status == PV_OK)
        status = pv_xen_hvm_upcall_cpu_start(error);
    if (status == PV_OK)
        status = start_own(error);
    if (status != PV_OK)
        pv_xen_events_cpu_stop();
    else
        silence_timer_below();
    return status;
}

static void cpu_leave(void)
{
    stop_own();
    pv_xen_events_cpu_stop();
    pv_pvclock_cpu_stop();
}

/* Those that are there or not, with their names. */
static unsigned add_features(const char **names, unsigned room)
{
    const struct {
        const char *name;
        bool is_there;
    } all[] = {
        {"xen-clock", pv_pvclock_in_use()},
        {"xen-clock-stable", pv_pvclock_is_stable()},
        {"singleshot-timer", pv_xen_timer_in_use()},
        {"runstate", pv_xen_runstate_in_use()},
        {"pv-locks", pv_xen_locks_in_use()},
        {"event-ipi", sends_events()},
        {"own-vcpu-info", pv_xen_vcpu_info_is_own()},
        {"apic-virtual", pv_xen_hvm_hint(PV_XEN_HVM_APIC_VIRTUAL)},
        {"x2apic-virtual", pv_xen_hvm_hint(PV_XEN_HVM_X2APIC_VIRTUAL)},
        {"extended-destination", pv_xen_hvm_hint(PV_XEN_HVM_EXT_DEST_ID)},
    };
    unsigned used = 0;

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i].is_there && used < room)
            names[used++] = all[i].name;
    return used;
}

/* Also of CPUs that merely stand still. */
static void end(void)
{
    pv_xen_runstates_end();
    pv_xen_events_end();
}

static unsigned features(const char **names, unsigned room)
{
    const char *const always[] = {"xen-shared-info", pv_xen_hvm_upcall_name(), pv_xen_events_name(),
                                  pv_xen_tsc_mode()};
    unsigned used = 0;

    if (pv_xen_shared == NULL)
        return 0;
    for (unsigned i = 0; i < sizeof(always) / sizeof(always[0]) && used < room; i++)
        if (always[i] != NULL)
            names[used++] = always[i];
    return used + add_features(names + used, room - used);
}

static int console_write(const char *text, size_t length)
{
    choose_instruction();
    return pv_xen_console_write(text, length);
}

static int console_read(char *buffer, size_t size)
{
    choose_instruction();
    return pv_xen_console_read(buffer, size);
}

static int memory_map(struct pv_memory_range *ranges, unsigned room)
{
    choose_instruction();
    return pv_xen_memory_map(ranges, room);
}

static void power_off(int status)
{
    choose_instruction();
    pv_xen_power_off(status);
}

static int soft_reset(struct pv_error *error)
{
    choose_instruction();
    return pv_xen_soft_reset(error);
}

const struct pv_backend pv_backend_xen_hvm = {
    .name = "xen-hvm",
    .base = &pv_backend_native,
    .ops = &ops,
    .fitness = fitness,
    .enter = enter,
    .leave = leave,
    .cpu_enter = cpu_enter,
    .cpu_leave = cpu_leave,
    .waits_for = pv_xen_waits_for,
    .end = end,
    .features = features,
    .clock = pv_pvclock_name,
    .signature = PV_XEN_SIGNATURE,
    .console_write = console_write,
    .console_read = console_read,
    .memory_map = memory_map,
    .power_off = power_off,
    .soft_reset = soft_reset,
    .memory = &pv_xen_host_memory,
};
