/* SPDX-License-Identifier: MIT */
/*
 * Starting CPUs: INIT and start-up messages (Intel SDM vol. 3A, 9.4.4.1), which make a CPU run from
 * the beginning of a page below 1 MiB in real mode. smp_entry.S is what it runs.
 *
 * The way into long mode needs a page that is mapped where it lies. It is mapped so in tables of
 * the library's own, with the kernel's half copied from the kernel's: so no table of the kernel's
 * ever has low memory in it that can be executed, and the kernel's may lie beyond 4 GiB.
 */
#include "backends/native/native.h"
#include "backends/native/smp_entry.h"
#include "lib/patch.h"
#include "lib/x86/tsc.h"

#define PAGE    0x1000u
#define ENTRIES 512u
#define LOW_END 0x100000u

/* The first entry of the top-level table. */
#define OWN_HALF_START 0x8000000000ull
#define PRESENT_WRITE  0x3u
#define LARGE_PAGE     0x83u
#define TABLE_ADDRESS  0x000ffffffffff000ull

/* Intel SDM vol. 3A, 2.5. */
#define CR4_LA57  (1ull << 12)
#define CR4_VMXE  (1ull << 13)
#define CR4_SMXE  (1ull << 14)
#define CR4_PCIDE (1ull << 17)

#define MSR_PAT  0x277u
#define MSR_EFER 0xc0000080u
#define EFER_LMA (1ull << 10)

/* CPUID.01H:ECX[31]: a VMM is underneath. */
#define CPUID_1_ECX_VMM (1u << 31)

/* 9.4.4.1: pauses behind INIT and behind the first start-up message. */
#define INIT_NS         10000000ull
#define SECOND_START_NS 200000ull
/* A CPU that has not come by then is not going to. */
#define PATIENCE_NS 3000000000ull

extern const uint8_t pv_native_trampoline[] PV_HIDDEN;
extern const uint8_t pv_native_trampoline_words[] PV_HIDDEN;
extern const uint8_t pv_native_trampoline_end[] PV_HIDDEN;
extern const uint8_t pv_native_trampoline_32[] PV_HIDDEN;
extern const uint8_t pv_native_trampoline_64[] PV_HIDDEN;
extern const uint8_t pv_native_trampoline_gdt[] PV_HIDDEN;
void pv_native_landing(void) PV_HIDDEN;

/* The end of the trampoline, as smp_entry.S lays it out. */
struct words {
    uint32_t cr0;
    uint32_t cr3;
    uint32_t cr4;
    uint32_t efer_low;
    uint32_t efer_high;
    struct {
        uint32_t offset;
        uint16_t selector;
        uint16_t zero;
    } to_32, to_64;
    struct {
        uint16_t limit;
        uint16_t base_low;
        uint16_t base_high;
        uint16_t zero;
    } gdt;
    uint64_t landing;
    uint64_t block;
} __attribute__((packed));

_Static_assert(offsetof(struct words, to_32) == WORDS_TO_32, "smp_entry.h");
_Static_assert(offsetof(struct words, to_64) == WORDS_TO_64, "smp_entry.h");
_Static_assert(offsetof(struct words, gdt) == WORDS_GDT, "smp_entry.h");
_Static_assert(offsetof(struct words, landing) == WORDS_LANDING, "smp_entry.h");
_Static_assert(offsetof(struct words, block) == WORDS_BLOCK, "smp_entry.h");
_Static_assert(sizeof(struct words) == WORDS_BYTES, "smp_entry.h");

/* What a descriptor-table register holds: Intel SDM vol. 3A, figure 2-6. */
struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

/* What the CPU that begins reads in 64-bit mode; one begins at a time. */
static struct {
    uint64_t cr4;
    uint64_t cr3;
    uint64_t pat;
    uint64_t gs_base;
    uint64_t stack;
    uint64_t entry;
    uint64_t argument;
    uint64_t cs;
    uint64_t ss;
    struct table_register gdt;
    struct table_register idt;
    uint32_t arrived;
} block;

_Static_assert(offsetof(__typeof__(block), cs) == BLOCK_CS, "smp_entry.h");
_Static_assert(offsetof(__typeof__(block), gdt) == BLOCK_GDT, "smp_entry.h");
_Static_assert(offsetof(__typeof__(block), idt) == BLOCK_IDT, "smp_entry.h");
_Static_assert(offsetof(__typeof__(block), arrived) == BLOCK_ARRIVED, "smp_entry.h");

static uint64_t low_pages; /* physical address; 0: not lent yet */

PV_COLD uint64_t pv_native_ticks(uint64_t ns)
{
    /* No counter that nobody knows the rate of is faster than this. */
    uint64_t khz = pv_tsc_khz_value != 0 ? pv_tsc_khz_value : 10000000u;

    return ns / 1000 * khz / 1000;
}

/* Above it is who is sent to all. */
PV_COLD static uint32_t highest_id(void)
{
    return pv_native_apic_is_x2() ? UINT32_MAX - 1 : UINT8_MAX - 1;
}

PV_COLD uint32_t pv_native_smp_list(uint32_t *hardware_ids, uint32_t room)
{
    uint32_t used = 0;

    if (room != 0)
        hardware_ids[used++] = pv_native_apic_boot_id();
    for (uint32_t i = 0; i < pv_native_acpi.cpus && used < room; i++)
        if (pv_native_acpi.cpu[i] != pv_native_apic_boot_id() &&
            pv_native_acpi.cpu[i] <= highest_id())
            hardware_ids[used++] = pv_native_acpi.cpu[i];
    return used;
}

PV_COLD static int borrow_pages(struct pv_error *error)
{
    if (low_pages == 0 && pv_platform->low_pages != NULL)
        low_pages = pv_platform->low_pages(PV_SMP_LOW_PAGES);
    if (low_pages == 0 || low_pages % PAGE != 0 || low_pages + PV_SMP_LOW_PAGES * PAGE > LOW_END)
        return pv_fail_at(error, PV_E_UNSUPPORTED, "the platform lends no pages below 1 MiB",
                          low_pages);
    return PV_OK;
}

PV_COLD static int check(const struct pv_smp_start *start, struct pv_error *error)
{
    if (!pv_native_apic_present() || pv_platform->phys_to_virt == NULL)
        return pv_fail_at(error, PV_E_UNSUPPORTED,
                          "no local APIC, or no pv_platform::phys_to_virt: no CPU can be started",
                          0);
    if (start->entry == NULL || start->stack % 16 != 0 || start->hardware_id > highest_id() ||
        start->hardware_id == pv_this_cpu()->apic_id)
        return pv_fail_at(error, PV_E_ARGUMENT, "no CPU can be started like this; its identity is",
                          start->hardware_id);
    if ((pv_native_cpu_cr4_read() & CR4_LA57) != 0 || (uintptr_t)&block < OWN_HALF_START ||
        start->stack < OWN_HALF_START)
        return pv_fail_at(error, PV_E_UNSUPPORTED,
                          "the kernel does not lie above the first 512 GiB, or has five levels of "
                          "page tables",
                          start->stack);
    return PV_OK;
}

PV_COLD static void *low(unsigned page)
{
    return pv_platform->phys_to_virt(low_pages + page * PAGE);
}

/* Page 1: a copy of the top level, but for its first entry; 2 and 3: the first 2 MiB, where they
 * are. */
PV_COLD static bool make_tables(uint64_t space)
{
    const uint64_t *from = pv_platform->phys_to_virt(space & TABLE_ADDRESS);
    uint64_t *top = low(1), *third = low(2), *second = low(3);

    if (from == NULL || top == NULL || third == NULL || second == NULL)
        return false;
    for (unsigned i = 0; i < ENTRIES; i++) {
        top[i] = from[i];
        third[i] = second[i] = 0;
    }
    top[0] = low_pages + 2 * PAGE + PRESENT_WRITE;
    third[0] = low_pages + 3 * PAGE + PRESENT_WRITE;
    second[0] = LARGE_PAGE;
    return true;
}

PV_COLD static uint32_t place_of(const uint8_t *symbol)
{
    return (uint32_t)low_pages + (uint32_t)(symbol - pv_native_trampoline);
}

/* Page 0: the trampoline, and at its end what it needs to know. */
PV_COLD static bool make_trampoline(uint64_t efer)
{
    uint8_t *page = low(0);
    uint32_t gdt = place_of(pv_native_trampoline_gdt);

    if (page == NULL)
        return false;
    for (const uint8_t *from = pv_native_trampoline; from != pv_native_trampoline_end; from++)
        page[from - pv_native_trampoline] = *from;
    struct words words = {
        .cr0 = (uint32_t)pv_native_cpu_cr0_read(),
        .cr3 = (uint32_t)low_pages + PAGE,
        .cr4 = (uint32_t)(block.cr4 & ~(CR4_VMXE | CR4_SMXE | CR4_PCIDE)),
        .efer_low = (uint32_t)(efer & ~EFER_LMA),
        .efer_high = (uint32_t)(efer >> 32),
        .to_32 = {place_of(pv_native_trampoline_32), TRAMPOLINE_CS_32, 0},
        .to_64 = {place_of(pv_native_trampoline_64), TRAMPOLINE_CS_64, 0},
        .gdt = {TRAMPOLINE_GDT_BYTES - 1, (uint16_t)gdt, (uint16_t)(gdt >> 16), 0},
        .landing = (uintptr_t)pv_native_landing,
        .block = (uintptr_t)&block,
    };
    const uint8_t *bytes = (const uint8_t *)&words;
    for (size_t i = 0; i < sizeof(words); i++)
        page[(size_t)(pv_native_trampoline_words - pv_native_trampoline) + i] = bytes[i];
    return true;
}

PV_COLD static void fill_block(const struct pv_smp_start *start)
{
    block.cr3 = start->space;
    block.cr4 = pv_native_cpu_cr4_read() & ~(CR4_VMXE | CR4_SMXE);
    block.gs_base = start->gs_base;
    block.stack = start->stack;
    block.entry = (uintptr_t)start->entry;
    block.argument = (uintptr_t)start->argument;
    __asm__ volatile("mov %%cs, %0" : "=r"(block.cs));
    __asm__ volatile("mov %%ss, %0" : "=r"(block.ss));
    __asm__ volatile("sgdt %0" : "=m"(block.gdt));
    __asm__ volatile("sidt %0" : "=m"(block.idt));
    __atomic_store_n(&block.arrived, 0, __ATOMIC_RELEASE);
}

PV_COLD static bool arrives_within(uint64_t ns)
{
    uint64_t start = pv_tsc_read();
    uint64_t ticks = pv_native_ticks(ns);

    while (__atomic_load_n(&block.arrived, __ATOMIC_ACQUIRE) == 0) {
        if (pv_tsc_read() - start >= ticks)
            return false;
        pv_cpu_relax();
    }
    return true;
}

/* Hardware may need a while behind INIT; a VMM does not. */
PV_COLD static uint64_t init_pause(void)
{
    return pv_native_cpu_has(CPUID_1_ECX_VMM) ? 0 : INIT_NS;
}

/* A CPU that came later would find what the next one is to find: so it is held back by INIT. */
PV_COLD static int send_messages(uint32_t apic_id)
{
    uint32_t startup = APIC_ICR_ASSERT | APIC_ICR_STARTUP | (uint32_t)(low_pages / PAGE);
    int status = pv_native_apic_send(apic_id, APIC_ICR_ASSERT | APIC_ICR_INIT);

    (void)arrives_within(init_pause());
    if (status == PV_OK)
        status = pv_native_apic_send(apic_id, startup);
    if (status == PV_OK && !arrives_within(SECOND_START_NS))
        status = pv_native_apic_send(apic_id, startup);
    if (status == PV_OK && arrives_within(PATIENCE_NS))
        return PV_OK;
    (void)pv_native_apic_send(apic_id, APIC_ICR_ASSERT | APIC_ICR_INIT);
    return PV_E_TIMEOUT;
}

PV_COLD int pv_native_smp_start(const struct pv_smp_start *start, struct pv_error *error)
{
    uint64_t efer;
    int status = check(start, error);

    if (status == PV_OK)
        status = borrow_pages(error);
    if (status != PV_OK)
        return status;
    fill_block(start);
    if (pv_native_cpu_msr_read(MSR_EFER, &efer) != PV_OK ||
        pv_native_cpu_msr_read(MSR_PAT, &block.pat) != PV_OK)
        return pv_fail_at(error, PV_E_MSR, "EFER or PAT cannot be read", 0);
    if (!make_tables(start->space) || !make_trampoline(efer))
        return pv_fail_at(error, PV_E_UNSUPPORTED,
                          "pv_platform::phys_to_virt does not reach a page", low_pages);
    status = send_messages(start->hardware_id);
    if (status != PV_OK)
        return pv_fail_at(error, status, "a CPU does not start; its identity is",
                          start->hardware_id);
    return PV_OK;
}
