/* SPDX-License-Identifier: MIT */
/*
 * CPUs of a hardware-virtualized domain, started by Xen: VCPUOP_initialise takes registers, and the
 * CPU begins in 64-bit mode on the kernel's tables (xen/include/public/vcpu.h, hvm/hvm_vcpu.h). No
 * page below 1 MiB is needed, and no local APIC. Where Xen does not do it, who imitates Xen does
 * not, or `smp=sipi` is on the command line, CPUs are started as natively, by messages.
 *
 * Xen knows CPUs by their numbers, and firmware's tables by APIC identities, in the order of the
 * numbers. The CPU that comes looks whether it is the one that was meant.
 *
 * A CPU can be initialised once. One that was taken down goes on where it was.
 */
#include "backends/xen/hvm/hvm.h"
#include "backends/xen/hvm/smp_entry.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/hvm_vcpu.h"
#include "backends/xen/abi/sched.h"
#include "backends/xen/abi/vcpu.h"
#include "lib/detect.h"
#include "lib/patch.h"

_Static_assert(PV_XEN_HC_VCPU_OP == HC_VCPU_OP, "smp_entry.h");
_Static_assert(PV_VCPUOP_DOWN == VCPUOP_DOWN, "smp_entry.h");
_Static_assert((int)PV_XEN_VMMCALL == USES_VMMCALL, "smp_entry.h");

/* A CPU that has not come by then is not going to. */
#define PATIENCE_NS 3000000000ull
#define NOBODY      UINT32_MAX

/* Without tables of firmware: xen/arch/x86/hvm/vlapic.c, vlapic_reset(). */
#define APIC_IDS_PER_VCPU 2u

/* CPUID.01H:EBX[31:24], the lowest eight bits of the identity. */
#define LEAF_FEATURES  1u
#define APIC_ID_SHIFT  24
#define APIC_ID_8_BITS 0xffu

/* Intel SDM vol. 3A, 2.2.1 and 2.5. */
#define MSR_PAT     0x277u
#define MSR_EFER    0xc0000080u
#define EFER_LMA    (1ull << 10)
#define CR4_VMXE    (1ull << 13)
#define CR4_SMXE    (1ull << 14)
#define RFLAGS_ZERO 2u /* all flags clear */

void pv_xen_hvm_landing(void) PV_HIDDEN;
void pv_xen_hvm_park(uint32_t *parked, uint32_t vcpu) PV_HIDDEN;
_Noreturn void pv_xen_hvm_cpu_begin(void) PV_HIDDEN;

/* What a descriptor-table register holds: Intel SDM vol. 3A, figure 2-6. */
struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

/* Read by smp_entry.S; one CPU begins at a time. */
struct pv_xen_hvm_block {
    uint64_t cr3;
    uint64_t cr4;
    uint64_t pat;
    uint64_t gs_base;
    uint64_t stack;
    uint64_t cs;
    uint64_t ss;
    struct table_register gdt;
    struct table_register idt;
    uint32_t vcpu; /* which one begins */
};

extern struct pv_xen_hvm_block pv_xen_hvm_block PV_HIDDEN;
struct pv_xen_hvm_block pv_xen_hvm_block = {.vcpu = NOBODY};

_Static_assert(offsetof(struct pv_xen_hvm_block, cr3) == BLOCK_CR3, "smp_entry.h");
_Static_assert(offsetof(struct pv_xen_hvm_block, cr4) == BLOCK_CR4, "smp_entry.h");
_Static_assert(offsetof(struct pv_xen_hvm_block, pat) == BLOCK_PAT, "smp_entry.h");
_Static_assert(offsetof(struct pv_xen_hvm_block, gs_base) == BLOCK_GS_BASE, "smp_entry.h");
_Static_assert(offsetof(struct pv_xen_hvm_block, stack) == BLOCK_STACK, "smp_entry.h");
_Static_assert(offsetof(struct pv_xen_hvm_block, cs) == BLOCK_CS, "smp_entry.h");
_Static_assert(offsetof(struct pv_xen_hvm_block, ss) == BLOCK_SS, "smp_entry.h");
_Static_assert(offsetof(struct pv_xen_hvm_block, gdt) == BLOCK_GDT, "smp_entry.h");
_Static_assert(offsetof(struct pv_xen_hvm_block, idt) == BLOCK_IDT, "smp_entry.h");
_Static_assert(offsetof(struct pv_xen_hvm_block, vcpu) == BLOCK_VCPU, "smp_entry.h");

/* 1 is what a CPU says that parks itself. */
enum arrival { ON_ITS_WAY = 0, CAME_AND_IS_ANOTHER = 1, CAME = 2 };

static struct pv_smp_start starting;
static uint32_t arrival;

/* By Xen's numbers: started by Xen, so it may be taken down; and taken down, so it can go on. */
static bool is_by_xen[PV_CONFIG_MAX_CPUS];
static bool is_parked[PV_CONFIG_MAX_CPUS];
static bool by_messages; /* and that was said */

static int64_t vcpu_op(uint32_t command, uint32_t vcpu)
{
    return pv_xen_vcpu_op(command, vcpu, NULL);
}

/* A domain whose firmware's tables are not to be had (PVH dom0 without an IOMMU) asks Xen. */
PV_COLD uint32_t pv_xen_hvm_smp_list(uint32_t *hardware_ids, uint32_t room)
{
    uint32_t used = pv_xen_base_ops()->smp_list(hardware_ids, room);
    bool told = used != 1;

    for (uint32_t vcpu = 1; !told && vcpu < PV_CONFIG_MAX_CPUS && used < room; vcpu++) {
        if (vcpu_op(PV_VCPUOP_IS_UP, vcpu) < 0)
            break;
        hardware_ids[used++] = vcpu * APIC_IDS_PER_VCPU;
    }
    return used;
}

/* Xen's number of a CPU; NOBODY: it is in no list. */
static uint32_t number_of(uint32_t hardware_id)
{
    uint32_t ids[PV_CONFIG_MAX_CPUS];
    uint32_t count = pv_xen_hvm_smp_list(ids, PV_CONFIG_MAX_CPUS);

    for (uint32_t i = 1; i < count; i++)
        if (ids[i] == hardware_id)
            return i;
    return NOBODY;
}

static bool wait_until(bool (*done)(uint32_t vcpu), uint32_t vcpu)
{
    uint64_t end = pv_clock_ns() + PATIENCE_NS;

    while (!done(vcpu)) {
        if (pv_clock_ns() >= end)
            return false;
        (void)pv_xen_sched_op(PV_SCHEDOP_YIELD, NULL);
    }
    return true;
}

static bool is_down(uint32_t vcpu)
{
    return vcpu_op(PV_VCPUOP_IS_UP, vcpu) == 0;
}

static bool has_arrived(uint32_t vcpu)
{
    (void)vcpu;
    return __atomic_load_n(&arrival, __ATOMIC_ACQUIRE) != ON_ITS_WAY;
}

static uint64_t cr0_read(void)
{
    uint64_t value;

    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}

static void fill_block(const struct pv_smp_start *start, uint32_t vcpu)
{
    struct pv_xen_hvm_block *block = &pv_xen_hvm_block;

    block->cr3 = start->space;
    block->cr4 = pv_cpu_cr4_read() & ~(CR4_VMXE | CR4_SMXE);
    block->gs_base = start->gs_base;
    block->stack = start->stack;
    __asm__ volatile("mov %%cs, %0" : "=r"(block->cs));
    __asm__ volatile("mov %%ss, %0" : "=r"(block->ss));
    __asm__ volatile("sgdt %0" : "=m"(block->gdt));
    __asm__ volatile("sidt %0" : "=m"(block->idt));
    starting = *start;
    __atomic_store_n(&arrival, ON_ITS_WAY, __ATOMIC_RELEASE);
    __atomic_store_n(&block->vcpu, vcpu, __ATOMIC_RELEASE);
}

/* 0, or a negative number of Xen's. */
static int64_t initialise(uint32_t vcpu, uint64_t efer)
{
    struct pv_xen_hvm_context context = {
        .mode = PV_VCPU_HVM_MODE_64B,
        .rsp = pv_xen_hvm_block.stack,
        .rip = (uintptr_t)pv_xen_hvm_landing,
        .rflags = RFLAGS_ZERO,
        .cr0 = cr0_read(),
        .cr3 = pv_xen_hvm_block.cr3,
        .cr4 = pv_xen_hvm_block.cr4,
        .efer = efer & ~EFER_LMA,
    };

    return pv_xen_vcpu_op(PV_VCPUOP_INITIALISE, vcpu, &context);
}

/*
 * PV_E_UNSUPPORTED: not in this way. A CPU that was parked as one of a bare machine halts, and so
 * is up.
 */
static int prepare(uint32_t vcpu)
{
    uint64_t efer;

    if (is_parked[vcpu])
        return wait_until(is_down, vcpu) ? PV_OK : PV_E_UNSUPPORTED;
    if (!is_down(vcpu) || pv_cpu_msr_read(MSR_EFER, &efer) != PV_OK)
        return PV_E_UNSUPPORTED;
    return initialise(vcpu, efer) == 0 ? PV_OK : PV_E_UNSUPPORTED;
}

/* A CPU that came later would find what the next one is to find: so it is held back. */
static int bring_up(uint32_t vcpu)
{
    int status = prepare(vcpu);

    if (status != PV_OK)
        return status;
    if (vcpu_op(PV_VCPUOP_UP, vcpu) != 0)
        return PV_E_UNSUPPORTED;
    if (!wait_until(has_arrived, vcpu)) {
        (void)vcpu_op(PV_VCPUOP_DOWN, vcpu);
        return PV_E_TIMEOUT;
    }
    return __atomic_load_n(&arrival, __ATOMIC_ACQUIRE) == CAME ? PV_OK : PV_E_UNSUPPORTED;
}

static int start_by_xen(const struct pv_smp_start *start)
{
    uint32_t vcpu = number_of(start->hardware_id);

    if (vcpu >= PV_CONFIG_MAX_CPUS || pv_cpu_msr_read(MSR_PAT, &pv_xen_hvm_block.pat) != PV_OK)
        return PV_E_UNSUPPORTED;
    fill_block(start, vcpu);
    int status = bring_up(vcpu);
    __atomic_store_n(&pv_xen_hvm_block.vcpu, NOBODY, __ATOMIC_RELEASE);
    is_by_xen[vcpu] = status == PV_OK;
    if (status == PV_OK)
        is_parked[vcpu] = false;
    return status;
}

/* Once: what is true of one CPU is of the others. */
PV_COLD static void say_by_messages(void)
{
    if (!by_messages)
        pv_log("Xen: CPUs are started by INIT and start-up messages, not by hypercall");
    by_messages = true;
}

/* What is not to be started at all is refused there where starting by messages is. */
PV_COLD int pv_xen_hvm_smp_start(const struct pv_smp_start *start, struct pv_error *error)
{
    int status = PV_E_UNSUPPORTED;

    if (start->entry != NULL && start->stack % 16 == 0 &&
        start->hardware_id != pv_this_cpu()->apic_id && !pv_command_line_has("smp=sipi")) {
        status = start_by_xen(start);
        if (status == PV_E_UNSUPPORTED)
            say_by_messages();
    }
    if (status == PV_E_UNSUPPORTED)
        return pv_xen_base_ops()->smp_start(start, error);
    if (status != PV_OK)
        return pv_fail(error, status, "a CPU did not come when it was started; its identity is",
                       start->hardware_id, -1);
    return PV_OK;
}

static void go_down(uint32_t *parked, uint32_t vcpu)
{
    is_parked[vcpu] = true;
    pv_xen_hvm_park(parked, vcpu);
}

PV_COLD void pv_xen_hvm_smp_park(uint32_t *parked)
{
    uint32_t vcpu = pv_xen_this_vcpu();

    if (vcpu < PV_CONFIG_MAX_CPUS && is_by_xen[vcpu])
        go_down(parked, vcpu);
    else
        pv_xen_base_ops()->smp_park(parked);
}

bool pv_xen_hvm_started_by_xen(uint32_t vcpu)
{
    return vcpu < PV_CONFIG_MAX_CPUS && is_by_xen[vcpu];
}

/* However it was started: it runs. */
void pv_xen_hvm_smp_cpu_enter(void)
{
    pv_xen_ask_this_vcpu();
    uint32_t vcpu = pv_xen_this_vcpu();

    if (vcpu < PV_CONFIG_MAX_CPUS)
        is_parked[vcpu] = false;
}

static bool is_this(const struct pv_smp_start *meant)
{
    uint32_t regs[4];

    pv_cpuid_raw(LEAF_FEATURES, 0, regs);
    return regs[1] >> APIC_ID_SHIFT == (meant->hardware_id & APIC_ID_8_BITS);
}

/* On the CPU that begins, on the stack that it was given. */
_Noreturn void pv_xen_hvm_cpu_begin(void)
{
    struct pv_smp_start mine = starting;

    if (!is_this(&mine))
        go_down(&arrival, pv_xen_hvm_block.vcpu);
    __atomic_store_n(&arrival, CAME, __ATOMIC_RELEASE);
    mine.entry(mine.argument);
    pv_panic("the entry of a CPU returned");
}
