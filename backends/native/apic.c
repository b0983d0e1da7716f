/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of each CPU: by model-specific registers where the processor has x2APIC mode, else
 * by registers in memory (xAPIC mode). Intel SDM vol. 3A, chapter 11; 11.12 for x2APIC.
 */
#include "backends/native/native.h"
#include "lib/live.h"

/* IA32_APIC_BASE: Intel SDM vol. 3A, 11.4.4 and, for EXTD, 11.12.1. */
#define MSR_APIC_BASE        0x1bu
#define APIC_BASE_EXTD       (1ull << 10)
#define APIC_BASE_ENABLE     (1ull << 11)
#define APIC_BASE_ADDRESS    0x000ffffffffff000ull
#define APIC_REGISTERS_BYTES 0x1000u

/* CPUID.01H:EDX.APIC[bit 9], ECX.x2APIC[bit 21]. */
#define CPUID_1_EDX_APIC   (1u << 9)
#define CPUID_1_ECX_X2APIC (1u << 21)
/* A VMM is underneath: ECX[31]. */
#define CPUID_1_ECX_VMM (1u << 31)

/* Registers of x2APIC mode, by their offsets in the other one: table 11-6. */
#define MSR_X2APIC(offset) (0x800u + (offset) / 16)

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

#define ALWAYS_THERE 4u /* of the local vector table's entries */

#define SVR_ENABLE  0x100u  /* 11.9 */
#define ICR_PENDING 0x1000u /* 11.6.1, delivery status */

/* A message that is not accepted within this many looks never will be. */
#define ICR_ATTEMPTS 100000u

/* What the inline end of interrupt writes to: the register, or before it is mapped nothing. */
static volatile uint32_t nowhere;
extern volatile uint32_t *pv_native_eoi PV_HIDDEN;
volatile uint32_t *pv_native_eoi = &nowhere;

/* How registers are reached: in memory, or by number; if neither is so there is no APIC. */
static volatile uint8_t *registers;
static bool x2apic;

static uint32_t boot_id;

PV_COLD bool pv_native_apic_present(void)
{
    return registers != NULL || x2apic;
}

PV_COLD bool pv_native_apic_is_x2(void)
{
    return x2apic;
}

PV_COLD uint32_t pv_native_apic_boot_id(void)
{
    return boot_id;
}

/* A register that this processor does not have reads as 0, and is not written. */
PV_COLD uint32_t pv_native_apic_read(uint32_t offset)
{
    uint64_t value = 0;

    if (!x2apic)
        return pv_native_mmio_read32(registers + offset);
    (void)pv_native_cpu_msr_read(MSR_X2APIC(offset), &value);
    return (uint32_t)value;
}

PV_COLD void pv_native_apic_write(uint32_t offset, uint32_t value)
{
    if (!x2apic)
        pv_native_mmio_write32(registers + offset, value);
    else
        (void)pv_native_cpu_msr_write(MSR_X2APIC(offset), value);
}

/*
 * A kernel that is bound to the instructions of this backend ends interrupts in memory, for ever.
 * Hardware wants interrupt remapping for this mode, which is firmware's or nobody's to set up: it
 * is left in the mode that it is in. A VMM is content without (Linux, arch/x86/kernel/apic/apic.c).
 */
PV_COLD static bool enable_x2apic(void)
{
    uint32_t id[4];
    uint64_t base;

    pv_native_cpu_cpuid(1, 0, id);
    if (PV_BOUND || !(id[2] & CPUID_1_ECX_X2APIC) ||
        pv_native_cpu_msr_read(MSR_APIC_BASE, &base) != PV_OK)
        return false;
    if (!x2apic && !(id[2] & CPUID_1_ECX_VMM) && !(base & APIC_BASE_EXTD))
        return false;
    /* From "disabled" the way leads over xAPIC mode (11.12.5.1). */
    if (!(base & APIC_BASE_ENABLE) &&
        pv_native_cpu_msr_write(MSR_APIC_BASE, base | APIC_BASE_ENABLE) != PV_OK)
        return false;
    if (base & APIC_BASE_ENABLE && base & APIC_BASE_EXTD)
        return true;
    return pv_native_cpu_msr_write(MSR_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_EXTD) ==
           PV_OK;
}

/*
 * Into xAPIC mode from whatever mode firmware left: from x2APIC mode the way leads over "disabled"
 * (11.12.5.1). Returns the physical address of the registers, or 0.
 */
PV_COLD static uint64_t enable_xapic(void)
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

PV_COLD static void mask_local_vectors(void)
{
    /* In the order of the numbers that they have where not all are there. */
    static const uint16_t entries[] = {APIC_LVT_TIMER, APIC_LVT_LINT0, APIC_LVT_LINT1,
                                       APIC_LVT_ERROR, APIC_LVT_PERF,  APIC_LVT_THERM,
                                       APIC_LVT_CMCI};
    /* 11.4.8: the highest entry that exists. */
    uint32_t highest = pv_native_apic_read(APIC_VERSION) >> 16 & 0xff;

    for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        if (i < ALWAYS_THERE || i <= highest)
            pv_native_apic_write(entries[i], APIC_LVT_MASKED);
}

/* Interrupts that whoever ran before took and never ended would block ours of lower priority. */
PV_COLD static void end_leftovers(void)
{
    for (uint32_t word = 0; word < 8; word++) {
        uint32_t in_service = pv_native_apic_read(APIC_ISR + word * 0x10);
        for (; in_service != 0; in_service &= in_service - 1)
            pv_native_apic_write(APIC_EOI, 0);
    }
}

PV_COLD static uint32_t spurious_vector(void)
{
    return pv_platform->vector_spurious != 0 ? pv_platform->vector_spurious : 255;
}

/* The part that each CPU has to do for itself. */
PV_COLD static void enable_this_cpu(void)
{
    mask_local_vectors();
    pv_native_apic_write(APIC_TPR, 0);
    pv_native_apic_write(APIC_SVR, SVR_ENABLE | spurious_vector());
    end_leftovers();
    /* The error register shows what happened before the last write to it (11.5.3). */
    pv_native_apic_write(APIC_ESR, 0);
    pv_native_apic_write(APIC_ESR, 0);
    pv_this_cpu()->apic_id = pv_native_apic_read(APIC_ID) >> (x2apic ? 0 : 24);
}

PV_COLD static void map_registers(void)
{
    uint32_t id[4];
    uint64_t base = 0;

    pv_native_cpu_cpuid(1, 0, id);
    if (id[3] & CPUID_1_EDX_APIC)
        base = enable_xapic();
    if (base != 0 && pv_platform->map_physical != NULL)
        registers = pv_platform->map_physical(base, APIC_REGISTERS_BYTES, true);
}

PV_COLD void pv_native_apic_init(void)
{
    x2apic = enable_x2apic();
    if (!x2apic)
        map_registers();
    if (!pv_native_apic_present()) {
        pv_log("no local APIC: no timer and no inter-processor interrupts");
        return;
    }
    pv_native_eoi = x2apic ? NULL : (volatile uint32_t *)(registers + APIC_EOI);
    enable_this_cpu();
    boot_id = pv_this_cpu()->apic_id;
    /* Where NMIs from outside arrive (MADT; by convention else), and one CPU takes them. */
    pv_native_apic_write(APIC_LVT_LINT1, APIC_ICR_NMI);
}

/* All CPUs are in the mode of the first. */
PV_COLD int pv_native_apic_cpu_enter(struct pv_error *error)
{
    if (!pv_native_apic_present())
        return pv_fail_at(error, PV_E_UNSUPPORTED, "there is no local APIC", 0);
    if (x2apic ? !enable_x2apic() : enable_xapic() == 0)
        return pv_fail_at(error, PV_E_MSR,
                          "the local APIC of a CPU cannot be enabled; its number is",
                          pv_this_cpu()->number);
    enable_this_cpu();
    return PV_OK;
}

/* A local APIC that software has disabled still hears INIT, NMI and start-up messages (11.4.7.2).
 */
PV_COLD void pv_native_apic_cpu_leave(void)
{
    if (!pv_native_apic_present())
        return;
    mask_local_vectors();
    pv_native_apic_write(APIC_SVR, spurious_vector());
}

PV_COLD static bool icr_becomes_free(void)
{
    for (uint32_t attempt = 0; attempt < ICR_ATTEMPTS; attempt++) {
        if (!(pv_native_apic_read(APIC_ICR_LOW) & ICR_PENDING))
            return true;
        pv_cpu_relax();
    }
    return false;
}

/*
 * What was written before is to be seen by who is interrupted: a write to an x2APIC register does
 * not wait for it by itself (11.12.3).
 */
PV_COLD static int send_x2apic(uint32_t apic_id, uint32_t command)
{
    __asm__ volatile("mfence\n\tlfence" : : : "memory");
    return pv_native_cpu_msr_write(MSR_X2APIC(APIC_ICR_LOW), (uint64_t)apic_id << 32 | command);
}

/* A handler that sends between the two halves would send to the wrong place. */
PV_COLD int pv_native_apic_send(uint32_t apic_id, uint32_t command)
{
    struct pv_irqflags flags = pv_irq_save_seldom();
    int status = PV_OK;

    if (x2apic) {
        status = send_x2apic(apic_id, command);
    } else if (!icr_becomes_free()) {
        status = PV_E_TIMEOUT;
    } else {
        pv_native_apic_write(APIC_ICR_HIGH, apic_id << 24);
        pv_native_apic_write(APIC_ICR_LOW, command);
    }
    pv_irq_restore(flags);
    return status;
}

PV_COLD bool pv_native_apic_id_of(uint32_t cpu, uint32_t *apic_id)
{
    const struct pv_cpu *block = pv_cpu_of(cpu);

    if (block == NULL)
        return false;
    *apic_id = block->apic_id;
    return true;
}

PV_COLD static int send_to_cpu(uint32_t cpu, uint32_t command)
{
    uint32_t apic_id;

    if (!pv_native_apic_present())
        return PV_E_UNSUPPORTED;
    return pv_native_apic_id_of(cpu, &apic_id) ? pv_native_apic_send(apic_id, command) : PV_E_RANGE;
}

PV_COLD void pv_native_smp_ipi(uint32_t cpu, uint8_t vector)
{
    int status = send_to_cpu(cpu, APIC_ICR_ASSERT | vector);

    if (status == PV_E_RANGE)
        pv_log_number("no such CPU to interrupt:", cpu);
    else if (status == PV_E_TIMEOUT)
        pv_log_number("interrupt dropped, the local APIC is stuck; it was for CPU", cpu);
}

/*
 * The first is the CPU that booted, which an INIT sends to the firmware's beginning (9.4.2): it is
 * never meant. The others wait for a start-up message.
 */
PV_COLD void pv_native_apic_hold_others(void)
{
    for (uint32_t cpu = pv_other_cpus(); cpu != 0; cpu--)
        if (cpu != pv_this_cpu()->number)
            (void)send_to_cpu(cpu, APIC_ICR_ASSERT | APIC_ICR_INIT);
}

PV_COLD int pv_native_smp_nmi(uint32_t cpu)
{
    return send_to_cpu(cpu, APIC_ICR_ASSERT | APIC_ICR_NMI);
}
