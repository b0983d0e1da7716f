/* SPDX-License-Identifier: MIT */
/*
 * Processor state that belongs to whoever owns the machine: the instructions themselves.
 */
#include "backends/native/native.h"

/* Page-global enable: Intel SDM vol. 3A, 2.5. */
#define CR4_PGE 0x80u

/* What LGDT and LIDT read: Intel SDM vol. 3A, figure 2-6. */
struct descriptor_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

/* For ops.S, where the kernel has a way of its own to find the CPU's block. */
void pv_native_kernel_stack_set_by_call(uint64_t top)
{
    *pv_this_cpu()->kernel_stack_slot = top;
}

void pv_native_cpu_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *regs)
{
    __asm__ volatile("cpuid"
                     : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
                     : "a"(leaf), "c"(subleaf));
}

void pv_native_cpu_gdt_load(const void *table, uint32_t bytes)
{
    struct descriptor_register value = {(uint16_t)(bytes - 1), (uintptr_t)table};

    __asm__ volatile("lgdt %0" : : "m"(value) : "memory");
}

void pv_native_cpu_idt_load(const void *table, uint32_t bytes)
{
    struct descriptor_register value = {(uint16_t)(bytes - 1), (uintptr_t)table};

    __asm__ volatile("lidt %0" : : "m"(value) : "memory");
}

void pv_native_cpu_task_load(uint16_t selector)
{
    __asm__ volatile("ltr %0" : : "r"(selector) : "memory");
}

uint64_t pv_native_cpu_cr4_read(void)
{
    uint64_t value;

    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

void pv_native_cpu_cr4_write(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

/* Any change of CR4.PGE drops all translations: Intel SDM vol. 3A, 4.10.4.1. */
void pv_native_tlb_flush_all(void)
{
    uint64_t cr4 = pv_native_cpu_cr4_read();

    pv_native_cpu_cr4_write(cr4 ^ CR4_PGE);
    pv_native_cpu_cr4_write(cr4);
}
