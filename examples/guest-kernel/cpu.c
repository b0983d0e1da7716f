/* SPDX-License-Identifier: MIT */
/*
 * Each CPU's descriptor tables and the features that the kernel relies on.
 *
 * ABI: Intel SDM vol. 3A, 3.4.5 (descriptors), 8.2.3 (TSS descriptor), 4.1 (paging controls); AMD
 * APM vol. 2, 3.1.7 (EFER) and 6.1.1 (STAR).
 */
#include "cpu.h"
#include "console.h"
#include "traps.h"

#define GDT_KERNEL_CODE 0x00af9b000000ffffull
#define GDT_KERNEL_DATA 0x00cf93000000ffffull
#define GDT_USER_DATA   0x00cff3000000ffffull
#define GDT_USER_CODE   0x00affb000000ffffull
#define GDT_TSS         0x0000890000000000ull
#define GDT_TSS_INDEX   5

#define MSR_EFER    0xc0000080u
#define MSR_GS_BASE 0xc0000101u
#define EFER_NXE    (1ull << 11)
#define CR4_MCE     (1ull << 6)
#define CR4_PGE     (1ull << 7)
#define CR4_SSE     (3ull << 9) /* user code may have the registers, and its exceptions */

#define CPUID_FEATURES 1u
#define CPUID_EDX      3
#define CPUID_MCE      (1u << 7)
#define CPUID_SYSCALL  (1u << 11)
#define CPUID_NX       (1u << 20)

/* Cleared at `syscall`: interrupts, direction, trap, nested task, alignment check. */
#define SFMASK_FLAGS 0x44700ull

_Static_assert(IST_MACHINE_CHECK == IST_STACKS, "a stack for each");

struct cpu cpus[MOST_CPUS];

static uint8_t ist_stacks[MOST_CPUS][IST_STACKS][IST_STACK_BYTES] __attribute__((aligned(16)));

void cpu_block_init(void)
{
    uint64_t base = (uintptr_t)&cpus[0];
    pv_cpu_setup(&cpus[0].pv, 0);
    __asm__ volatile("wrmsr" ::"c"(MSR_GS_BASE), "a"((uint32_t)base), "d"((uint32_t)(base >> 32))
                     : "memory");
}

static void tss_init(struct cpu *cpu)
{
    for (unsigned i = 0; i < IST_STACKS; i++)
        cpu->tss.ist[i] = (uintptr_t)ist_stacks[cpu - cpus][i] + IST_STACK_BYTES;
    cpu->tss.io_map = sizeof(cpu->tss);
    cpu->pv.kernel_stack_slot = (uint64_t *)((uintptr_t)&cpu->tss + offsetof(struct tss, rsp));
}

static void gdt_init(struct cpu *cpu)
{
    uint64_t base = (uintptr_t)&cpu->tss;
    cpu->gdt[KERNEL_CS / 8] = GDT_KERNEL_CODE;
    cpu->gdt[KERNEL_DS / 8] = GDT_KERNEL_DATA;
    cpu->gdt[USER_DS / 8] = GDT_USER_DATA;
    cpu->gdt[USER_CS / 8] = GDT_USER_CODE;
    cpu->gdt[GDT_TSS_INDEX] =
        GDT_TSS | (sizeof(cpu->tss) - 1) | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
    cpu->gdt[GDT_TSS_INDEX + 1] = base >> 32;
}

void cpu_tables_init(void)
{
    struct cpu *cpu = this_cpu();
    tss_init(cpu);
    gdt_init(cpu);
    pv_cpu_gdt_load(cpu->gdt, sizeof(cpu->gdt));
    pv_cpu_task_load(TSS_SELECTOR);
    (void)pv_cpu_ldt_load(LDT_SELECTOR, NULL, 0); /* cannot fail; pvops/ops/cpu.h says why */
}

/* A register that every x86-64 processor has: a fault here would have no handler yet. */
static void no_execute_on(void)
{
    uint64_t efer = 0;
    if (pv_cpu_msr_read(MSR_EFER, &efer) != PV_OK)
        panic("EFER cannot be read");
    if ((efer & EFER_NXE) == 0 && pv_cpu_msr_write(MSR_EFER, efer | EFER_NXE) != PV_OK)
        panic("EFER cannot be written");
}

/* Without this bit a machine check is a reset. Where the kernel is not in ring 0 they are the
 * VMM's. */
static uint64_t machine_checks(void)
{
    uint32_t regs[4];
    pv_cpu_cpuid(CPUID_FEATURES, 0, regs);
    return privileged() && (regs[CPUID_EDX] & CPUID_MCE) != 0 ? CR4_MCE : 0;
}

void cpu_features_init(void)
{
    static const struct pv_syscall_entry entry = {
        .direct = syscall_entry,
        .framed = syscall_entry_framed,
        .star = (uint64_t)KERNEL_DS << 48 | (uint64_t)KERNEL_CS << 32,
        .flag_mask = SFMASK_FLAGS,
    };
    uint32_t regs[4];
    pv_cpu_cpuid(0x80000001u, 0, regs);
    if ((regs[CPUID_EDX] & (CPUID_NX | CPUID_SYSCALL)) != (CPUID_NX | CPUID_SYSCALL))
        panic("this processor has no no-execute bit or no syscall instruction");
    no_execute_on();
    if (pv_cpu_syscall_set(&entry) != PV_OK)
        panic("the entry of system calls cannot be set");
    pv_cpu_cr4_write(pv_cpu_cr4_read() | CR4_PGE | CR4_SSE | machine_checks());
}
