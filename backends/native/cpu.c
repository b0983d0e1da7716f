/* SPDX-License-Identifier: MIT */
/*
 * Processor state that belongs to whoever owns the machine: the instructions themselves.
 */
#include "backends/native/native.h"

/* Page-global enable: Intel SDM vol. 3A, 2.5. */
#define CR4_PGE 0x80u

/* Intel SDM vol. 2A, CPUID and INVPCID. */
#define LEAF_FEATURES 1u
#define LEAF_EXTENDED 7u
#define ECX_PCID      (1u << 17)
#define EBX_INVPCID   (1u << 10)
#define INVPCID_ALL   2ul
#define REGS_EBX      1
#define REGS_ECX      2

/* Task switched: Intel SDM vol. 3A, 2.5. */
#define CR0_TS 0x8u

#define LDT_MOST       8192u
#define DESCRIPTOR_LDT 0x0000820000000000ull /* present */

#define MSR_EFER   0xc0000080u
#define MSR_STAR   0xc0000081u
#define MSR_LSTAR  0xc0000082u
#define MSR_SFMASK 0xc0000084u
#define EFER_SCE   1u

/* What LGDT and LIDT read: Intel SDM vol. 3A, figure 2-6. */
struct descriptor_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

/* For ops.S, where the kernel has a way of its own to find the CPU's block. */
PV_COLD void pv_native_kernel_stack_set_by_call(uint64_t top)
{
    *pv_this_cpu()->kernel_stack_slot = top;
}

PV_COLD void pv_native_cpu_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *regs)
{
    __asm__ volatile("cpuid"
                     : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
                     : "a"(leaf), "c"(subleaf));
}

PV_COLD void pv_native_cpu_gdt_load(const void *table, uint32_t bytes)
{
    struct descriptor_register value = {(uint16_t)(bytes - 1), (uintptr_t)table};

    __asm__ volatile("lgdt %0" : : "m"(value) : "memory");
}

/* The table is the kernel's memory; the processor reads an entry when a selector is loaded. Its
 * size is that of the register. */
int pv_native_cpu_gdt_entry_set(uint64_t *table, uint32_t index, uint64_t descriptor)
{
    struct descriptor_register loaded;

    __asm__ volatile("sgdt %0" : "=m"(loaded));
    if (loaded.base != (uintptr_t)table || index >= (loaded.limit + 1u) / sizeof(*table))
        return PV_E_RANGE;
    __atomic_store_n(&table[index], descriptor, __ATOMIC_RELAXED);
    return PV_OK;
}

/* A descriptor of 16 bytes; its type is that of a table: Intel SDM vol. 3A, 3.5 and 8.2.3. */
PV_COLD int pv_native_cpu_ldt_load(uint16_t selector, const uint64_t *table, uint32_t entries)
{
    uint64_t base = (uintptr_t)table;
    struct descriptor_register gdt;

    __asm__ volatile("sgdt %0" : "=m"(gdt));
    if (entries > LDT_MOST || selector < 8 || selector % 8 != 0 || selector + 15u > gdt.limit)
        return PV_E_RANGE;
    if (entries != 0) {
        uint64_t *descriptor = (uint64_t *)(uintptr_t)(gdt.base + selector);
        descriptor[0] = DESCRIPTOR_LDT | (entries * 8 - 1) | (base & 0xffffff) << 16 |
                        (base >> 24 & 0xff) << 56;
        descriptor[1] = base >> 32;
    } else {
        selector = 0;
    }
    __asm__ volatile("lldt %0" : : "r"(selector) : "memory");
    return PV_OK;
}

int pv_native_cpu_ldt_entry_set(uint64_t *table, uint32_t index, uint64_t descriptor)
{
    __atomic_store_n(&table[index], descriptor, __ATOMIC_RELAXED);
    return PV_OK;
}

/* AMD APM vol. 2, 3.1.7 (EFER) and 6.1.1 (STAR, LSTAR, SFMASK). */
PV_COLD int pv_native_cpu_syscall_set(const struct pv_syscall_entry *entry)
{
    uint64_t efer;
    int status = pv_native_cpu_msr_read(MSR_EFER, &efer);

    if (status == PV_OK)
        status = pv_native_cpu_msr_write(MSR_STAR, entry->star);
    if (status == PV_OK)
        status = pv_native_cpu_msr_write(MSR_LSTAR, (uintptr_t)entry->direct);
    if (status == PV_OK)
        status = pv_native_cpu_msr_write(MSR_SFMASK, entry->flag_mask);
    if (status == PV_OK)
        status = pv_native_cpu_msr_write(MSR_EFER, efer | EFER_SCE);
    return status;
}

/* They are the kernel's own. */
PV_COLD void pv_native_cpu_user_selectors(uint16_t *cs, uint16_t *ss)
{
    (void)cs;
    (void)ss;
}

PV_COLD uint64_t pv_native_cpu_cr0_read(void)
{
    uint64_t value;

    __asm__ volatile("mov %%cr0, %0" : "=r"(value) : : "memory");
    return value;
}

PV_COLD void pv_native_cpu_cr0_write(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

void pv_native_cpu_fpu_trap(bool trap)
{
    if (!trap)
        __asm__ volatile("clts" : : : "memory");
    else
        pv_native_cpu_cr0_write(pv_native_cpu_cr0_read() | CR0_TS);
}

PV_COLD void pv_native_cpu_idt_load(const void *table, uint32_t bytes)
{
    struct descriptor_register value = {(uint16_t)(bytes - 1), (uintptr_t)table};

    __asm__ volatile("lidt %0" : : "m"(value) : "memory");
}

PV_COLD void pv_native_cpu_task_load(uint16_t selector)
{
    __asm__ volatile("ltr %0" : : "r"(selector) : "memory");
}

PV_COLD uint64_t pv_native_cpu_debug_read(uint32_t index)
{
    uint64_t value = 0;

    switch (index) {
    case 0:
        __asm__ volatile("mov %%db0, %0" : "=r"(value));
        break;
    case 1:
        __asm__ volatile("mov %%db1, %0" : "=r"(value));
        break;
    case 2:
        __asm__ volatile("mov %%db2, %0" : "=r"(value));
        break;
    case 3:
        __asm__ volatile("mov %%db3, %0" : "=r"(value));
        break;
    case 6:
        __asm__ volatile("mov %%db6, %0" : "=r"(value));
        break;
    case 7:
        __asm__ volatile("mov %%db7, %0" : "=r"(value));
        break;
    default:
        break;
    }
    return value;
}

/* Registers 4 and 5 are other names of 6 and 7, or fault: Intel SDM vol. 3B, 18.2.2. */
PV_COLD int pv_native_cpu_debug_write(uint32_t index, uint64_t value)
{
    if (index >= 6 && value > UINT32_MAX)
        return PV_E_RANGE;
    switch (index) {
    case 0:
        __asm__ volatile("mov %0, %%db0" : : "r"(value) : "memory");
        return PV_OK;
    case 1:
        __asm__ volatile("mov %0, %%db1" : : "r"(value) : "memory");
        return PV_OK;
    case 2:
        __asm__ volatile("mov %0, %%db2" : : "r"(value) : "memory");
        return PV_OK;
    case 3:
        __asm__ volatile("mov %0, %%db3" : : "r"(value) : "memory");
        return PV_OK;
    case 6:
        __asm__ volatile("mov %0, %%db6" : : "r"(value) : "memory");
        return PV_OK;
    case 7:
        __asm__ volatile("mov %0, %%db7" : : "r"(value) : "memory");
        return PV_OK;
    default:
        return PV_E_RANGE;
    }
}

PV_COLD uint64_t pv_native_cpu_cr4_read(void)
{
    uint64_t value;

    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

PV_COLD void pv_native_cpu_cr4_write(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

static bool has_invpcid;

PV_COLD bool pv_native_cpu_has(uint32_t feature)
{
    uint32_t regs[4];

    pv_native_cpu_cpuid(LEAF_FEATURES, 0, regs);
    return regs[REGS_ECX] & feature;
}

PV_COLD bool pv_native_cpu_has_pcid(void)
{
    return pv_native_cpu_has(ECX_PCID);
}

PV_COLD bool pv_native_cpu_has_invpcid(void)
{
    return has_invpcid;
}

PV_COLD void pv_native_cpu_init(void)
{
    uint32_t regs[4];

    pv_native_cpu_cpuid(0, 0, regs);
    if (regs[0] < LEAF_EXTENDED)
        return;
    pv_native_cpu_cpuid(LEAF_EXTENDED, 0, regs);
    has_invpcid = regs[REGS_EBX] & EBX_INVPCID;
}

/*
 * Of all process-context identifiers, global ones too: by INVPCID, or by any change of CR4.PGE,
 * which a VMM may want to see. Intel SDM vol. 3A, 4.10.4.1.
 */
/* Bits 5 and 6 of an entry: Intel SDM vol. 3A, 4.8. A processor sets them at any time. */
#define PTE_ACCESSED_DIRTY 0x60ull

/* What is noted between the two steps is noted in the new value. */
PV_COLD void pv_native_pte_change(struct pv_pte *entry, struct pv_pte value)
{
    uint64_t before = __atomic_exchange_n(&entry->raw, value.raw, __ATOMIC_RELAXED);

    __atomic_fetch_or(&entry->raw, before & PTE_ACCESSED_DIRTY, __ATOMIC_RELAXED);
}

PV_COLD void pv_native_tlb_flush_all(void)
{
    static const uint64_t descriptor[2];

    if (has_invpcid) {
        __asm__ volatile("invpcid %0, %1" : : "m"(descriptor), "r"(INVPCID_ALL) : "memory");
        return;
    }
    uint64_t cr4 = pv_native_cpu_cr4_read();

    pv_native_cpu_cr4_write(cr4 ^ CR4_PGE);
    pv_native_cpu_cr4_write(cr4);
}
