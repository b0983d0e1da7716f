/* SPDX-License-Identifier: MIT */
/*
 * The local APIC through its memory-mapped registers (xAPIC mode): Intel SDM vol. 3A, chapter 11.
 */
#include "backends/native/native.h"

/* IA32_APIC_BASE: Intel SDM vol. 3A, 11.4.4 and, for EXTD, 11.12.1. */
#define MSR_APIC_BASE        0x1bu
#define APIC_BASE_EXTD       (1ull << 10)
#define APIC_BASE_ENABLE     (1ull << 11)
#define APIC_BASE_ADDRESS    0x000ffffffffff000ull
#define APIC_REGISTERS_BYTES 0x1000u

/* CPUID.01H:EDX.APIC[bit 9]. */
#define CPUID_1_EDX_APIC (1u << 9)

/* Offsets of registers: table 11-1. */
#define APIC_ID        0x20u
#define APIC_VERSION   0x30u
#define APIC_TPR       0x80u
#define APIC_EOI       0xb0u
#define APIC_SVR       0xf0u
#define APIC_ISR       0x100u
#define APIC_ESR       0x280u
#define APIC_LVT_CMCI  0x2f0u
#define APIC_ICR_LOW   0x300u
#define APIC_ICR_HIGH  0x310u
#define APIC_LVT_THERM 0x330u
#define APIC_LVT_PERF  0x340u
#define APIC_LVT_LINT0 0x350u
#define APIC_LVT_LINT1 0x360u
#define APIC_LVT_ERROR 0x370u

#define SVR_ENABLE  0x100u  /* 11.9 */
#define ICR_PENDING 0x1000u /* 11.6.1, delivery status */
#define ICR_ASSERT  0x4000u

/* A message that is not accepted within this many looks never will be. */
#define ICR_ATTEMPTS 100000u

/* What the inline end of interrupt writes to: the register, or before it is mapped nothing. */
static volatile uint32_t nowhere;
extern volatile uint32_t *pv_native_eoi PV_HIDDEN;
volatile uint32_t *pv_native_eoi = &nowhere;

static volatile uint8_t *registers;

bool pv_native_apic_present(void)
{
    return registers != NULL;
}

uint32_t pv_native_apic_read(uint32_t offset)
{
    return pv_native_mmio_read32(registers + offset);
}

void pv_native_apic_write(uint32_t offset, uint32_t value)
{
    pv_native_mmio_write32(registers + offset, value);
}

/*
 * Into xAPIC mode from whatever mode firmware left: from x2APIC mode the way leads over "disabled"
 * (11.12.5.1). Returns the physical address of the registers, or 0.
 */
static uint64_t enable_xapic(void)
{
    uint64_t base;

    if (pv_native_cpu_msr_read(MSR_APIC_BASE, &base) != PV_OK)
        return 0;
    if (base & APIC_BASE_EXTD) {
        base &= ~(APIC_BASE_EXTD | APIC_BASE_ENABLE);
        if (pv_native_cpu_msr_write(MSR_APIC_BASE, base) != PV_OK)
            return 0;
    }
    if (!(base & APIC_BASE_ENABLE) &&
        pv_native_cpu_msr_write(MSR_APIC_BASE, base | APIC_BASE_ENABLE) != PV_OK)
        return 0;
    return base & APIC_BASE_ADDRESS;
}

static void mask_local_vectors(void)
{
    static const uint16_t always[] = {APIC_LVT_TIMER, APIC_LVT_LINT0, APIC_LVT_LINT1,
                                      APIC_LVT_ERROR};
    /* 11.4.8: the highest entry that exists. */
    uint32_t highest = pv_native_apic_read(APIC_VERSION) >> 16 & 0xff;

    for (unsigned i = 0; i < sizeof(always) / sizeof(always[0]); i++)
        pv_native_apic_write(always[i], APIC_LVT_MASKED);
    if (highest >= 4)
        pv_native_apic_write(APIC_LVT_PERF, APIC_LVT_MASKED);
    if (highest >= 5)
        pv_native_apic_write(APIC_LVT_THERM, APIC_LVT_MASKED);
    if (highest >= 6)
        pv_native_apic_write(APIC_LVT_CMCI, APIC_LVT_MASKED);
}

/* Interrupts that whoever ran before took and never ended would block ours of lower priority. */
static void end_leftovers(void)
{
    for (uint32_t word = 0; word < 8; word++) {
        uint32_t in_service = pv_native_apic_read(APIC_ISR + word * 0x10);
        for (; in_service != 0; in_service &= in_service - 1)
            pv_native_apic_write(APIC_EOI, 0);
    }
}

static uint32_t spurious_vector(void)
{
    return pv_platform->vector_spurious != 0 ? pv_platform->vector_spurious : 255;
}

/* The part that each CPU has to do for itself. */
static void enable_this_cpu(void)
{
    mask_local_vectors();
    pv_native_apic_write(APIC_TPR, 0);
    pv_native_apic_write(APIC_SVR, SVR_ENABLE | spurious_vector());
    end_leftovers();
    /* The error register shows what happened before the last write to it (11.5.3). */
    pv_native_apic_write(APIC_ESR, 0);
    pv_native_apic_write(APIC_ESR, 0);
    pv_this_cpu()->apic_id = pv_native_apic_read(APIC_ID) >> 24;
}

void pv_native_apic_init(void)
{
    uint32_t id[4];
    uint64_t base = 0;

    pv_native_cpu_cpuid(1, 0, id);
    if (id[3] & CPUID_1_EDX_APIC)
        base = enable_xapic();
    if (base != 0 && pv_platform->map_physical != NULL)
        registers = pv_platform->map_physical(base, APIC_REGISTERS_BYTES, true);
    if (registers == NULL) {
        pv_log("no local APIC: no timer and no inter-processor interrupts");
        return;
    }
    pv_native_eoi = (volatile uint32_t *)(registers + APIC_EOI);
    enable_this_cpu();
}

static bool icr_becomes_free(void)
{
    for (uint32_t attempt = 0; attempt < ICR_ATTEMPTS; attempt++) {
        if (!(pv_native_apic_read(APIC_ICR_LOW) & ICR_PENDING))
            return true;
        pv_cpu_relax();
    }
    return false;
}

static bool apic_id_of(uint32_t cpu, uint32_t *apic_id)
{
    struct pv_cpu *self = pv_this_cpu();

    if (cpu == self->number) {
        *apic_id = self->apic_id;
        return true;
    }
    if (pv_platform->cpu == NULL || pv_platform->cpu_count == NULL ||
        cpu >= pv_platform->cpu_count())
        return false;
    *apic_id = pv_platform->cpu(cpu)->apic_id;
    return true;
}

/* Interrupts off: a handler that sends between the two halves would send to the wrong place. */
void pv_native_smp_ipi(uint32_t cpu, uint8_t vector)
{
    uint32_t apic_id;

    if (registers == NULL)
        return;
    struct pv_irqflags flags = pv_irq_save();
    if (!apic_id_of(cpu, &apic_id)) {
        pv_log_number("no such CPU to interrupt:", cpu);
    } else if (!icr_becomes_free()) {
        pv_log_number("interrupt dropped, the local APIC is stuck; it was for CPU", cpu);
    } else {
        pv_native_apic_write(APIC_ICR_HIGH, apic_id << 24);
        pv_native_apic_write(APIC_ICR_LOW, ICR_ASSERT | vector);
    }
    pv_irq_restore(flags);
}
