/* SPDX-License-Identifier: MIT */
/*
 * The backend for PV guests of Xen: a kernel in ring 3, which asks Xen for what a processor would
 * do for a kernel in ring 0. Of the native backend it takes the ops that need no privilege, and
 * those that Xen emulates (control registers, MSRs); the hardware is never brought up.
 */
#include "backends/xen/pv/pv.h"
#include "backends/xen/event.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/cpuid.h"
#include "backends/xen/abi/sched.h"
#include "backends/xen/pirq.h"
#include "backends/xen/pv/hypercall.h"
#include "backends/xen/pv/offsets.h"
#include "backends/xen/pv/queue.h"
#include "lib/asleep.h"
#include "lib/detect.h"
#include "lib/pvclock.h"
#include "lib/x86/debug_exit.h"

_Static_assert(offsetof(struct pv_cpu, backend) + PV_CONFIG_CPU_OFFSET == CPU_BACKEND, "offsets.h");
_Static_assert(offsetof(struct pv_xen_vcpu_info, upcall_pending) == 0, "offsets.h");
_Static_assert(offsetof(struct pv_xen_vcpu_info, upcall_mask) == 1, "offsets.h");
_Static_assert(offsetof(struct pv_xen_vcpu_info, arch_cr2) == UPCALL_CR2 - CPU_VMM_STATE,
               "offsets.h");
_Static_assert(HC_XEN_VERSION == PV_XEN_HC_XEN_VERSION, "offsets.h");
_Static_assert(HC_SCHED_OP == PV_XEN_HC_SCHED_OP, "offsets.h");
_Static_assert(SCHEDOP_BLOCK == PV_SCHEDOP_BLOCK, "offsets.h");
_Static_assert(sizeof(struct pv_xen_vcpu_info) <= sizeof(((struct pv_cpu *)0)->vmm_state),
               "struct vcpu_info lies in struct pv_cpu");

extern const struct pv_sequence pv_xen_pv_sequences[] PV_HIDDEN;
extern const struct pv_sequence pv_xen_pv_sequences_end[] PV_HIDDEN;

/* ops.S */
void pv_xen_pv_irq_disable(void) PV_HIDDEN;
void pv_xen_pv_irq_enable(void) PV_HIDDEN;
struct pv_irqflags pv_xen_pv_irq_save(void) PV_HIDDEN;
void pv_xen_pv_irq_restore(struct pv_irqflags flags) PV_HIDDEN;
struct pv_irqflags pv_xen_pv_irq_flags(void) PV_HIDDEN;
void pv_xen_pv_irq_enable_halt(void) PV_HIDDEN;
void pv_xen_pv_irq_eoi(void) PV_HIDDEN;
uint64_t pv_xen_pv_cr2_read(void) PV_HIDDEN;
uint64_t pv_xen_pv_cr3_read(void) PV_HIDDEN;
void pv_xen_pv_cr3_write(uint64_t cr3) PV_HIDDEN;
void pv_xen_pv_tlb_invlpg(uint64_t address) PV_HIDDEN;
void pv_xen_pv_tlb_flush(void) PV_HIDDEN;
struct pv_pte pv_xen_pv_pte_get(const struct pv_pte *entry) PV_HIDDEN;
void pv_xen_pv_pte_set(struct pv_pte *entry, struct pv_pte value) PV_HIDDEN;
void pv_xen_pv_pte_clear(struct pv_pte *entry) PV_HIDDEN;
void pv_xen_pv_paging_batch_open(void) PV_HIDDEN;
void pv_xen_pv_paging_batch_close(void) PV_HIDDEN;
int pv_xen_pv_paging_table_add(uint64_t frame, uint32_t level) PV_HIDDEN;
void pv_xen_pv_paging_table_remove(uint64_t frame, uint32_t level) PV_HIDDEN;
void pv_xen_pv_cpu_kernel_stack_set(uint64_t top) PV_HIDDEN;

/* The page that Xen shares takes the place of this one. */
static union {
    struct pv_xen_shared_info info;
    uint8_t bytes[PV_XEN_PAGE];
} shared_page __attribute__((aligned(PV_XEN_PAGE)));

static void cpu_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *regs)
{
    pv_cpuid_raw(leaf, subleaf, regs);
}

static void tlb_flush_all(void)
{
    pv_xen_pv_c_tlb_flush();
}

/* The hardware domain may write to ports once it has asked; the port carries the result. */
static void power_off(int status)
{
    if (pv_boot->xen_pv.is_hardware_domain)
        pv_io_out8(PV_DEBUG_EXIT_PORT, pv_debug_exit_value(status));
    pv_xen_shut_down(status);
}

static const struct pv_ops ops = {
    .irq_disable = pv_xen_pv_irq_disable,
    .irq_enable = pv_xen_pv_irq_enable,
    .irq_save = pv_xen_pv_irq_save,
    .irq_restore = pv_xen_pv_irq_restore,
    .irq_flags = pv_xen_pv_irq_flags,
    .irq_enable_halt = pv_xen_pv_irq_enable_halt,
    .irq_eoi = pv_xen_pv_irq_eoi,
    .irq_message = pv_xen_irq_message,
    .irq_route = pv_xen_irq_route,
    .irq_mask = pv_xen_irq_mask,
    .cr2_read = pv_xen_pv_cr2_read,
    .cr3_read = pv_xen_pv_cr3_read,
    .cr3_write = pv_xen_pv_cr3_write,
    .tlb_invlpg = pv_xen_pv_tlb_invlpg,
    .tlb_flush = pv_xen_pv_tlb_flush,
    .tlb_flush_all = tlb_flush_all,
    .pte_get = pv_xen_pv_pte_get,
    .pte_set = pv_xen_pv_pte_set,
    .pte_clear = pv_xen_pv_pte_clear,
    .pte_change = pv_xen_pv_pte_change,
    .paging_batch_open = pv_xen_pv_paging_batch_open,
    .paging_batch_close = pv_xen_pv_paging_batch_close,
    .paging_table_add = pv_xen_pv_paging_table_add,
    .paging_table_remove = pv_xen_pv_paging_table_remove,
    .cpu_kernel_stack_set = pv_xen_pv_cpu_kernel_stack_set,
    .cpu_tls_set = pv_xen_pv_cpu_tls_set,
    .cpu_cpuid = cpu_cpuid,
    .cpu_gdt_load = pv_xen_pv_cpu_gdt_load,
    .cpu_gdt_entry_set = pv_xen_pv_cpu_gdt_entry_set,
    .cpu_idt_load = pv_xen_pv_cpu_idt_load,
    .cpu_ldt_add = pv_xen_pv_cpu_ldt_add,
    .cpu_ldt_remove = pv_xen_pv_cpu_ldt_remove,
    .cpu_ldt_load = pv_xen_pv_cpu_ldt_load,
    .cpu_ldt_entry_set = pv_xen_pv_cpu_ldt_entry_set,
    .cpu_task_load = pv_xen_pv_cpu_task_load,
    .cpu_syscall_set = pv_xen_pv_cpu_syscall_set,
    .cpu_user_selectors = pv_xen_pv_cpu_user_selectors,
    .cpu_fpu_trap = pv_xen_pv_cpu_fpu_trap,
    .cpu_power_off = power_off,
    .smp_ipi = pv_xen_smp_ipi,
    .smp_list = pv_xen_pv_smp_list,
    .smp_start = pv_xen_pv_smp_start,
    .smp_park = pv_xen_pv_smp_park,
    .smp_nmi = pv_xen_pv_smp_nmi,
    .smp_yield_to = pv_xen_smp_yield_to,
    .tlb_flush_others = pv_xen_pv_tlb_flush_others,
    .clock_ns = pv_pvclock_ns,
    .timer_set = pv_xen_timer_set,
    .timer_periodic = pv_xen_timer_periodic,
    .wallclock = pv_xen_wallclock,
    .steal_ns = pv_xen_steal_ns,
    .vcpu_is_preempted = pv_xen_vcpu_is_preempted,
    .lock_wait = pv_xen_lock_wait,
    .lock_kick = pv_xen_lock_kick,
    .lock_release = pv_lock_release_asleep,
};

/* ---- where Xen's clock and timer cannot be used there is little below them
 * ----------------------- */

static void no_timer_set(uint64_t deadline_ns)
{
    (void)deadline_ns;
}

static int no_wallclock(uint64_t *unix_ns)
{
    (void)unix_ns;
    return PV_E_UNSUPPORTED;
}

static const struct pv_ops nothing_below = {
    .clock_ns = pv_xen_pv_base_clock_ns,
    .timer_set = no_timer_set,
    .timer_periodic = no_timer_set,
    .wallclock = no_wallclock,
};

/* ---- life cycle -------------------------------------------------------------------------------
 */

#ifdef PV_CONFIG_THIS_CPU
#define CAN_FIND_CPU 0
#else
#define CAN_FIND_CPU 1
#endif

static unsigned fitness(const struct pv_detection *detection)
{
    bool possible =
        CAN_FIND_CPU && PV_CONFIG_PAGING_OPS && pv_boot != NULL && pv_boot->door == PV_DOOR_XEN_PV;

    return possible && pv_detected_interface(detection, PV_XEN_SIGNATURE) != NULL ? 20 : 0;
}

static int map_shared_page(const struct pv_boot_xen_pv *boot, struct pv_error *error)
{
    uint64_t pfn = pv_xen_pv_phys(&shared_page) / PV_XEN_PAGE;

    pv_xen_p2m_replace(pfn, (struct pv_xen_mfn){boot->shared_info / PV_XEN_PAGE});
    if (!pv_xen_pv_remap(&shared_page, pfn, true))
        return pv_fail(error, PV_E_HOST, "Xen's shared page cannot be mapped, machine address",
                       boot->shared_info, -1);
    pv_xen_shared = &shared_page.info;
    return PV_OK;
}

/* Port access by the hardware domain: as if in ring 0 with IOPL 1 (physdev.h). */
static void ask_for_ports(void)
{
    struct pv_xen_iopl iopl = {1};
    int64_t result =
        pv_xen_pv_call(PV_XEN_HC_PHYSDEV_OP, PV_PHYSDEVOP_SET_IOPL, pv_xen_pv_pointer(&iopl), 0, 0);

    if (result != 0)
        pv_log_number("Xen PV: ports stay out of reach, errno", (uint64_t)-result);
}

static int begin(const struct pv_boot_info *boot, struct pv_error *error)
{
    pv_xen_instruction = PV_XEN_SYSCALL;
    pv_xen_below = &nothing_below;
    int status = pv_xen_p2m_begin(&boot->xen_pv, error);
    if (status != PV_OK)
        return status;
    pv_xen_pte_begin();
    pv_xen_pv_mmu_begin(&boot->xen_pv);
    status = pv_xen_register_vcpu_info(pv_this_cpu(), 0, error);
    if (status == PV_OK)
        status = map_shared_page(&boot->xen_pv, error);
    if (status == PV_OK && boot->xen_pv.is_hardware_domain)
        ask_for_ports();
    return status;
}

/* What each CPU has of its own; its clock is read from where Xen writes it anyway. */
static int start_own(struct pv_error *error)
{
    int status = pv_xen_timer_start(error);

    if (status != PV_OK)
        return status;
    status = pv_xen_ipi_start(error);
    if (status != PV_OK) {
        pv_xen_timer_stop();
        return status;
    }
    pv_xen_runstate_start();
    if (!pv_xen_locks_start())
        pv_log_number("Xen PV: a CPU spins for locks, as Xen gives no port for kicks:",
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

static int cpu_enter(struct pv_error *error)
{
    pv_xen_queue_cpu_start();
    int status = pv_xen_events_cpu_start(error);

    if (status != PV_OK)
        return status;
    status = start_own(error);
    if (status != PV_OK)
        pv_xen_events_cpu_stop();
    return status;
}

static void cpu_leave(void)
{
    stop_own();
    pv_xen_events_cpu_stop();
    pv_pvclock_cpu_stop();
}

static int enter(const struct pv_platform *platform, struct pv_error *error)
{
    uint32_t version;

    (void)platform;
    int status = pv_xen_version_read(&version, error);
    if (status != PV_OK)
        return status;
    pv_xen_events_start();
    status = start_own(error);
    if (status != PV_OK) {
        pv_xen_events_stop();
        return status;
    }
    /* A PV guest's RDTSC reads what Xen's records are made for. */
    pv_xen_pv_clock_begin();
    pv_pvclock_begin(&pv_xen_clock_source);
    pv_pvclock_start(true);
    return PV_OK;
}

static void leave(void)
{
    pv_xen_pirqs_stop();
    stop_own();
    pv_xen_events_stop();
    pv_pvclock_stop();
}

static void end(void)
{
    pv_xen_runstates_end();
    pv_xen_events_end();
}

static unsigned features(const char **names, unsigned room)
{
    const char *const always[] = {"xen-pv-mmu", "vcpu-info-in-cpu-block", pv_xen_events_name(),
                                  pv_xen_tsc_mode()};
    unsigned used = 0;

    for (unsigned i = 0; i < sizeof(always) / sizeof(always[0]) && used < room; i++)
        if (always[i] != NULL)
            names[used++] = always[i];
    if (pv_pvclock_in_use() && used < room)
        names[used++] = "xen-clock";
    if (pv_pvclock_is_stable() && used < room)
        names[used++] = "xen-clock-stable";
    if (pv_xen_timer_in_use() && used < room)
        names[used++] = "singleshot-timer";
    if (pv_xen_runstate_in_use() && used < room)
        names[used++] = "runstate";
    if (pv_xen_locks_in_use() && used < room)
        names[used++] = "pv-locks";
    return used;
}

const struct pv_backend pv_backend_xen_pv = {
    .name = "xen-pv",
    .base = &pv_backend_native,
    .base_is_ops_only = true,
    .ops = &ops,
    .sequences = pv_xen_pv_sequences,
    .sequences_end = pv_xen_pv_sequences_end,
    .fitness = fitness,
    .begin = begin,
    .enter = enter,
    .leave = leave,
    .cpu_enter = cpu_enter,
    .cpu_leave = cpu_leave,
    .waits_for = pv_xen_waits_for,
    .end = end,
    .features = features,
    .clock = pv_pvclock_name,
    .signature = PV_XEN_SIGNATURE,
    .trap = pv_xen_pv_trap,
    .console_write = pv_xen_console_write,
    .console_read = pv_xen_console_read,
    .memory_map = pv_xen_memory_map,
    .power_off = power_off,
    .memory = &pv_xen_host_memory,
    .pte_set_foreign = pv_xen_pv_pte_set_foreign,
    .host_calls = pv_xen_pv_host_calls,
};
