/* SPDX-License-Identifier: MIT */
/*
 * The backend for Xen domains that run in ring 0 on hardware virtualization: PVH, and HVM as far as
 * it is the same. Instructions, page tables, local APIC and inter-processor interrupts are those of
 * the native backend; clock, timer, wall clock, steal time, console and power-off are Xen's.
 */
#include "backends/xen/hvm/hvm.h"
#include "backends/xen/event.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/cpuid.h"
#include "backends/xen/abi/version.h"
#include "lib/detect.h"
#include "lib/patch.h"
#include "lib/pvclock.h"
#include "lib/x86/vendor.h"

/* Events, timer and upcalls are set up for the first CPU only. */
static int smp_start(const struct pv_smp_start *start, struct pv_error *error)
{
    return pv_fail(error, PV_E_UNSUPPORTED,
                   "this backend drives one CPU; the identity of another is", start->hardware_id,
                   -1);
}

static const struct pv_ops ops = {
    .smp_start = smp_start,
    .clock_ns = pv_pvclock_ns,
    .timer_set = pv_xen_timer_set,
    .timer_periodic = pv_xen_timer_periodic,
    .wallclock = pv_xen_wallclock,
    .steal_ns = pv_xen_steal_ns,
    .cpu_power_off = pv_xen_power_off,
};

static int cpu_enter(struct pv_error *error)
{
    return pv_fail(error, PV_E_UNSUPPORTED, "this backend drives one CPU; the number of another is",
                   pv_this_cpu()->number, -1);
}

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

/* Events, and what depends on them; undone in the opposite order. */
static int start_events(struct pv_error *error)
{
    pv_xen_events_start();
    int status = pv_xen_hvm_upcall_start(error);
    if (status != PV_OK)
        return status;
    status = pv_xen_timer_start(error);
    if (status != PV_OK)
        pv_xen_hvm_upcall_stop();
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
    start_clock();
    /* From here on there is one timer. */
    if (pv_xen_timer_in_use())
        pv_xen_base_ops()->timer_set(UINT64_MAX);
    return PV_OK;
}

/* The clock's last record is read before the page goes away. */
static void leave(void)
{
    pv_xen_timer_stop();
    pv_xen_hvm_upcall_stop();
    pv_pvclock_stop();
    pv_xen_hvm_shared_info_unmap();
}

static unsigned features(const char **names, unsigned room)
{
    unsigned used = 0;

    if (pv_xen_shared == NULL)
        return 0;
    if (used < room)
        names[used++] = "xen-shared-info";
    if (used < room)
        names[used++] = pv_xen_hvm_upcall_name();
    if (used < room)
        names[used++] = pv_xen_events_name();
    if (pv_pvclock_in_use() && used < room)
        names[used++] = "xen-clock";
    if (pv_pvclock_is_stable() && used < room)
        names[used++] = "xen-clock-stable";
    if (pv_xen_timer_in_use() && used < room)
        names[used++] = "singleshot-timer";
    if (used < room)
        names[used++] = "runstate";
    return used;
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

const struct pv_backend pv_backend_xen_hvm = {
    .name = "xen-hvm",
    .base = &pv_backend_native,
    .ops = &ops,
    .fitness = fitness,
    .enter = enter,
    .leave = leave,
    .cpu_enter = cpu_enter,
    .end = pv_xen_events_end,
    .features = features,
    .clock = pv_pvclock_name,
    .signature = PV_XEN_SIGNATURE,
    .console_write = console_write,
    .console_read = console_read,
    .memory_map = memory_map,
    .power_off = power_off,
    .memory = &pv_xen_host_memory,
};
