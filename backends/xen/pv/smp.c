/* SPDX-License-Identifier: MIT */
/*
 * CPUs of a PV guest: Xen makes them, and starts one with registers and an address space that the
 * guest names (xen/include/public/vcpu.h). Its %gs base, block and vcpu_info are in force before
 * the kernel's entry; descriptors, traps and callbacks are the kernel's to load, as on any CPU.
 *
 * A CPU can be initialised once. One that was taken down goes on where it was, and so does its
 * vcpu_info, which cannot be registered elsewhere.
 */
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/pv_vcpu.h"
#include "backends/xen/abi/sched.h"
#include "backends/xen/pv/hypercall.h"
#include "backends/xen/pv/pv.h"
#include "backends/xen/pv/queue.h"
#include "lib/live.h"

_Static_assert(PV_XEN_HC_VCPU_OP == 24, "smp_entry.S");
_Static_assert(PV_VCPUOP_DOWN == 2, "smp_entry.S");

/* A CPU that has not come by then is not waited for. */
#define PATIENCE_NS 3000000000ull
/* Nor is it if Xen's clock, by which that is, is made to stand; a yield takes some 200 ns at least.
 */
#define MOST_YIELDS (1u << 25)
#define NOBODY      UINT32_MAX

_Static_assert(NOBODY == 0xffffffff, "smp_entry.S");

/* Of pv_xen_user_regs::general: r12, where smp_entry.S has a CPU's number. */
#define GENERAL_R12 3u

void pv_xen_pv_landing(void) PV_HIDDEN;
void pv_xen_pv_park(uint32_t *parked, uint32_t vcpu) PV_HIDDEN;
_Noreturn void pv_xen_pv_cpu_begin(void) PV_HIDDEN;

/* Read by smp_entry.S; one CPU is started at a time. The CPU that is meant takes its number out of
 * pv_xen_pv_start_vcpu, and only then what is there for it. */
uint64_t pv_xen_pv_start_stack PV_HIDDEN;
uint32_t pv_xen_pv_start_vcpu PV_HIDDEN = NOBODY;

static struct pv_smp_start starting;
static uint32_t arrived;
static uint64_t info_of[PV_CONFIG_MAX_CPUS]; /* where each vcpu_info lies; 0: nowhere yet */
static bool is_initialised[PV_CONFIG_MAX_CPUS];

static int64_t vcpu_op(uint32_t command, uint32_t vcpu, const void *argument)
{
    return pv_xen_pv_call(PV_XEN_HC_VCPU_OP, command, vcpu, pv_xen_pv_pointer(argument), 0);
}

uint32_t pv_xen_pv_smp_list(uint32_t *hardware_ids, uint32_t room)
{
    uint32_t used = 0;

    if (room != 0)
        hardware_ids[used++] = pv_xen_this_vcpu();
    for (uint32_t vcpu = 0; vcpu < PV_CONFIG_MAX_CPUS && used < room; vcpu++)
        if (vcpu != pv_xen_this_vcpu() && vcpu_op(PV_VCPUOP_IS_UP, vcpu, NULL) >= 0)
            hardware_ids[used++] = vcpu;
    return used;
}

static struct pv_cpu *block_of(const struct pv_smp_start *start)
{
    return (struct pv_cpu *)(uintptr_t)(start->gs_base + PV_CONFIG_CPU_OFFSET);
}

static bool wait_until(bool (*done)(uint32_t vcpu), uint32_t vcpu)
{
    uint64_t end = pv_clock_ns() + PATIENCE_NS;

    for (uint32_t i = 0; i < MOST_YIELDS && pv_clock_ns() < end; i++) {
        if (done(vcpu))
            return true;
        (void)pv_xen_sched_op(PV_SCHEDOP_YIELD, NULL);
    }
    return done(vcpu);
}

static bool is_down(uint32_t vcpu)
{
    return vcpu_op(PV_VCPUOP_IS_UP, vcpu, NULL) == 0;
}

static bool has_arrived(uint32_t vcpu)
{
    (void)vcpu;
    return __atomic_load_n(&arrived, __ATOMIC_ACQUIRE) != 0;
}

int pv_xen_register_vcpu_info(struct pv_cpu *cpu, uint32_t vcpu, struct pv_error *error)
{
    uint64_t phys = pv_xen_pv_phys(cpu->vmm_state);
    struct pv_xen_register_vcpu_info where = {
        .frame = pv_xen_to_machine(phys / PV_XEN_PAGE).frame,
        .offset = (uint32_t)(phys % PV_XEN_PAGE),
    };

    if (vcpu_op(PV_VCPUOP_REGISTER_VCPU_INFO, vcpu, &where) != 0)
        return pv_fail(error, PV_E_HOST, "Xen does not take a CPU's block for its vcpu_info, at",
                       phys, -1);
    if (vcpu < PV_CONFIG_MAX_CPUS)
        info_of[vcpu] = phys;
    /* Registering marks all events as pending; they are masked until there are entries for them. */
    ((struct pv_xen_vcpu_info *)(void *)cpu->vmm_state)->upcall_mask = 1;
    return PV_OK;
}

static int initialise(const struct pv_smp_start *start, struct pv_error *error)
{
    static struct pv_xen_vcpu_context context;
    uint64_t root = pv_xen_to_machine(start->space / PV_XEN_PAGE).frame;

    /* All else stays 0. */
    context.flags = PV_VGCF_IN_KERNEL;
    context.regs.rip = (uintptr_t)pv_xen_pv_landing;
    context.regs.rsp = start->stack;
    context.regs.general[GENERAL_R12] = start->hardware_id;
    context.regs.cs = PV_XEN_FLAT_CS;
    context.regs.ss.selector = PV_XEN_FLAT_SS;
    context.kernel_ss = PV_XEN_FLAT_SS;
    context.kernel_sp = start->stack;
    context.control[3] = root * PV_XEN_PAGE;
    context.gs_base_kernel = start->gs_base;
    int64_t result = vcpu_op(PV_VCPUOP_INITIALISE, start->hardware_id, &context);
    is_initialised[start->hardware_id] = result == 0;
    if (result == 0)
        return PV_OK;
    pv_log_number("Xen PV: errno of VCPUOP_initialise:", (uint64_t)-result);
    return pv_fail(error, PV_E_HOST, "Xen does not take the state that a CPU is to begin with",
                   start->hardware_id, -1);
}

/* Xen keeps a vcpu_info for good, so a CPU must come back to the same block. */
static int prepare(const struct pv_smp_start *start, struct pv_error *error)
{
    struct pv_cpu *cpu = block_of(start);
    uint32_t vcpu = start->hardware_id;

    cpu->apic_id = vcpu;
    if (info_of[vcpu] == 0) {
        int status = pv_xen_register_vcpu_info(cpu, vcpu, error);
        if (status != PV_OK)
            return status;
    }
    if (info_of[vcpu] != pv_xen_pv_phys(cpu->vmm_state))
        return pv_fail(error, PV_E_ARGUMENT, "a CPU must come back to its own block; it is at",
                       info_of[vcpu], -1);
    return is_initialised[vcpu] ? PV_OK : initialise(start, error);
}

/* False: it has not begun, and will not. One that comes later finds that nobody waits for it, and
 * goes down again; one that has begun is a few instructions from saying so, and is waited for once
 * more. */
static bool bring_up(uint32_t vcpu)
{
    uint32_t expected = vcpu;

    if (vcpu_op(PV_VCPUOP_UP, vcpu, NULL) == 0 && wait_until(has_arrived, vcpu))
        return true;
    if (__atomic_compare_exchange_n(&pv_xen_pv_start_vcpu, &expected, NOBODY, false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return false;
    return wait_until(has_arrived, vcpu);
}

int pv_xen_pv_smp_start(const struct pv_smp_start *start, struct pv_error *error)
{
    if (start->entry == NULL || start->stack % 16 != 0 ||
        start->hardware_id >= PV_CONFIG_MAX_CPUS || start->hardware_id == pv_xen_this_vcpu())
        return pv_fail(error, PV_E_ARGUMENT, "no CPU can be started like this; its number is",
                       start->hardware_id, -1);
    uint32_t vcpu = start->hardware_id;
    if (vcpu_op(PV_VCPUOP_IS_UP, vcpu, NULL) < 0)
        return pv_fail(error, PV_E_ARGUMENT, "this domain has no such CPU:", vcpu, -1);
    if (!wait_until(is_down, vcpu))
        return pv_fail(error, PV_E_TIMEOUT, "a CPU that is to be started still runs:", vcpu, -1);
    int status = prepare(start, error);
    if (status != PV_OK)
        return status;
    starting = *start;
    pv_xen_pv_start_stack = start->stack;
    __atomic_store_n(&arrived, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&pv_xen_pv_start_vcpu, vcpu, __ATOMIC_RELEASE);
    if (bring_up(vcpu))
        return PV_OK;
    return pv_fail(error, PV_E_TIMEOUT, "a CPU did not come when it was started:", vcpu, -1);
}

/* On the CPU that begins, on the stack that it was given. */
_Noreturn void pv_xen_pv_cpu_begin(void)
{
    struct pv_smp_start mine = starting;

    (void)pv_xen_pv_call(PV_XEN_HC_SET_SEGMENT_BASE, PV_XEN_SEGBASE_GS_KERNEL, mine.gs_base, 0, 0);
    pv_xen_pv_c_cr3_write(mine.space);
    __atomic_store_n(&arrived, 1, __ATOMIC_RELEASE);
    mine.entry(mine.argument);
    pv_panic("the entry of a CPU returned");
}

void pv_xen_pv_smp_park(uint32_t *parked)
{
    pv_xen_pv_park(parked, pv_xen_this_vcpu());
}

int pv_xen_pv_smp_nmi(uint32_t cpu)
{
    const struct pv_cpu *target = pv_cpu_of(cpu);

    if (target == NULL)
        return PV_E_RANGE;
    return vcpu_op(PV_VCPUOP_SEND_NMI, target->apic_id, NULL) == 0 ? PV_OK : PV_E_HOST;
}

/* More pages than these are one flush of everything. */
#define MOST_PAGES 8u

/* Xen reads as many words as the domain has CPUs: at most 8192 (xen.h, vcpu_info). */
#define MASK_WORDS 128u

/* Xen flushes, and returns when it is done. */
int pv_xen_pv_tlb_flush_others(const struct pv_cpu_set *cpus, uint64_t start, uint64_t end)
{
    uint64_t mask[MASK_WORDS];
    uint32_t last = pv_other_cpus();
    bool any = false;

    /* One by one, or a compiler makes a call of it that a kernel need not have. */
    for (unsigned i = 0; i < MASK_WORDS; i++)
        *(volatile uint64_t *)&mask[i] = 0;

    for (uint32_t number = 0; number <= last && number < PV_CONFIG_MAX_CPUS; number++) {
        const struct pv_cpu *cpu = pv_cpu_set_has(cpus, number) && number != pv_this_cpu()->number
                                       ? pv_cpu_of(number)
                                       : NULL;
        if (cpu == NULL || cpu->apic_id >= MASK_WORDS * 64)
            continue;
        mask[cpu->apic_id / 64] |= 1ull << cpu->apic_id % 64;
        any = true;
    }
    pv_xen_pv_flush();
    if (!any)
        return PV_OK;
    uint64_t first = start & ~(uint64_t)(PV_XEN_PAGE - 1);
    bool all = end == UINT64_MAX || end <= first || (end - first) / PV_XEN_PAGE >= MOST_PAGES;
    struct pv_xen_mmuext ops[MOST_PAGES];
    uint32_t count = 0;
    if (all)
        ops[count++] =
            (struct pv_xen_mmuext){PV_MMUEXT_TLB_FLUSH_MULTI, 0, pv_xen_pv_pointer(mask)};
    for (uint64_t page = first; !all && page < end; page += PV_XEN_PAGE)
        ops[count++] =
            (struct pv_xen_mmuext){PV_MMUEXT_INVLPG_MULTI, page, pv_xen_pv_pointer(mask)};
    return pv_xen_pv_call(PV_XEN_HC_MMUEXT_OP, pv_xen_pv_pointer(ops), count, 0,
                          PV_XEN_DOMID_SELF) == 0
               ? PV_OK
               : PV_E_HOST;
}
