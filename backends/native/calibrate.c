/* SPDX-License-Identifier: MIT */
/*
 * The frequency of the time-stamp counter, measured: by the ACPI timer, by the HPET, or by the PIT
 * where there is no other. The counters are read, not waited for, and each reading is bracketed by
 * two of the TSC; where a reading costs an exit to a VMM, the narrowest of a few brackets counts.
 */
#include "backends/native/native.h"
#include "backends/native/port.h"
#include "lib/x86/tsc.h"

/* ACPI 6.5, 4.8.3.3. */
#define PM_TIMER_HZ 3579545u

/* Intel 8254 data sheet (231164), "Programming the 82C54"; the clock is that of the IBM PC. */
#define PIT_HZ            1193182u
#define PIT_COUNTER_2     0x42
#define PIT_CONTROL       0x43
#define PIT_2_MODE_0      0xb0 /* counter 2, both bytes, mode 0, binary */
#define PIT_2_LATCH       0x80
#define PIT_2_READ_STATUS 0xe8
#define PIT_STATUS_MASK   0x3f
#define PIT_2_STATUS      0x30
/* Port B of the 8255: bit 0 gates counter 2, bit 1 lets it be heard. */
#define PORT_B         0x61
#define PORT_B_GATE    0x01
#define PORT_B_SPEAKER 0x02

/* IA-PC HPET Specification 1.0a, 2.3: registers, and the period in femtoseconds that one may have.
 */
#define HPET_BYTES      0x400u
#define HPET_PERIOD     0x004u
#define HPET_CONFIG     0x010u
#define HPET_CONFIG_RUN 1u
#define HPET_COUNTER    0x0f0u
#define HPET_LONGEST_FS 100000000u
#define FS_PER_SECOND   1000000000000000ull

#define WINDOWS_PER_SECOND 100u
#define BRACKETS           5u
#define READS              1000000u /* about a second where reading a port takes a microsecond */
#define PATIENCE           (1ull << 30) /* counts of the TSC; a window has fewer */
#define ROUNDS             5u

struct sample {
    uint32_t value;
    uint64_t tsc;
};

PV_COLD static struct sample sample(const struct pv_native_counter *counter)
{
    struct sample best = {0, 0};
    uint64_t narrowest = UINT64_MAX;

    for (unsigned i = 0; i < BRACKETS; i++) {
        uint64_t before = pv_tsc_read();
        uint32_t value = counter->read();
        uint64_t width = pv_tsc_read() - before;
        if (width >= narrowest)
            continue;
        narrowest = width;
        best.value = value;
        best.tsc = before + width / 2;
    }
    return best;
}

static uint32_t distance(const struct pv_native_counter *counter, uint32_t from, uint32_t to)
{
    return (counter->down ? from - to : to - from) & counter->mask;
}

PV_COLD bool pv_native_measure(const struct pv_native_counter *reference, uint32_t window,
                               uint64_t *counted, uint64_t *tsc)
{
    struct sample start = sample(reference);
    uint32_t reads = 0;

    while (distance(reference, start.value, reference->read()) < window)
        if (++reads == READS || pv_tsc_read() - start.tsc > PATIENCE)
            return false;
    struct sample end = sample(reference);
    *counted = distance(reference, start.value, end.value);
    *tsc = end.tsc - start.tsc;
    return *counted != 0 && *tsc != 0;
}

/* *tsc of a hundredth of a second stays far below 2^32, so the product fits. */
PV_COLD static uint64_t measure_once(const struct pv_native_counter *reference, uint32_t hz)
{
    uint64_t counted, tsc;

    if (!pv_native_measure(reference, hz / WINDOWS_PER_SECOND, &counted, &tsc))
        return 0;
    return tsc > UINT32_MAX ? 0 : tsc * hz / counted;
}

/* A VMM may stop the guest in the middle of one measurement, but hardly of two in the same way. */
static uint64_t measure(const struct pv_native_counter *reference, uint32_t hz)
{
    uint64_t last = measure_once(reference, hz);

    for (unsigned round = 1; last != 0 && round < ROUNDS; round++) {
        uint64_t next = measure_once(reference, hz);
        uint64_t off = next > last ? next - last : last - next;
        if (next != 0 && off <= next / 1024)
            return (last + next) / 2;
        last = next;
    }
    if (last != 0)
        pv_log("the TSC frequency is inexact: no two measurements agree");
    return last;
}

static uint32_t read_pm_timer(void)
{
    return port_in32(pv_native_acpi.pm_timer) & pv_native_acpi.pm_timer_mask;
}

static uint32_t read_pit(void)
{
    port_out8(PIT_CONTROL, PIT_2_LATCH);
    uint32_t low = port_in8(PIT_COUNTER_2);

    return low | (uint32_t)port_in8(PIT_COUNTER_2) << 8;
}

/* Starts counter 2 at its longest. false: there is no such chip, for the status is not ours. */
static bool start_pit(void)
{
    port_out8(PORT_B, (uint8_t)((port_in8(PORT_B) & ~PORT_B_SPEAKER) | PORT_B_GATE));
    port_out8(PIT_CONTROL, PIT_2_MODE_0);
    port_out8(PIT_COUNTER_2, 0xff);
    port_out8(PIT_COUNTER_2, 0xff);
    port_out8(PIT_CONTROL, PIT_2_READ_STATUS);
    return (port_in8(PIT_COUNTER_2) & PIT_STATUS_MASK) == PIT_2_STATUS;
}

static volatile uint8_t *hpet;

static uint32_t read_hpet(void)
{
    return pv_native_mmio_read32(hpet + HPET_COUNTER);
}

/* Lets the counter run, if it does not. Its rate in Hz; 0: there is none, or it cannot be. */
static uint32_t start_hpet(void)
{
    if (pv_native_acpi.hpet != 0 && pv_platform->map_physical != NULL)
        hpet = pv_platform->map_physical(pv_native_acpi.hpet, HPET_BYTES, true);
    if (hpet == NULL)
        return 0;
    uint32_t period_fs = pv_native_mmio_read32(hpet + HPET_PERIOD);
    uint32_t config = pv_native_mmio_read32(hpet + HPET_CONFIG);
    /* A second that fits into the counter's 32 bits, and windows that are more than a few counts.
     */
    if (period_fs == 0 || period_fs > HPET_LONGEST_FS || FS_PER_SECOND / period_fs > UINT32_MAX)
        return 0;
    if (!(config & HPET_CONFIG_RUN))
        pv_native_mmio_write32(hpet + HPET_CONFIG, config | HPET_CONFIG_RUN);
    return (uint32_t)(FS_PER_SECOND / period_fs);
}

static uint64_t measure_by_hpet(void)
{
    static const struct pv_native_counter counter = {read_hpet, UINT32_MAX, false};
    uint32_t hz = start_hpet();

    return hz != 0 ? measure(&counter, hz) : 0;
}

PV_COLD uint64_t pv_native_measure_tsc_hz(void)
{
    const struct pv_native_counter pm = {read_pm_timer, pv_native_acpi.pm_timer_mask, false};
    static const struct pv_native_counter pit = {read_pit, 0xffff, true};
    uint64_t hz = 0;

    if (pv_native_acpi.pm_timer != 0)
        hz = measure(&pm, PM_TIMER_HZ);
    if (hz == 0)
        hz = measure_by_hpet();
    if (hz == 0 && start_pit()) {
        hz = measure(&pit, PIT_HZ);
        port_out8(PORT_B, (uint8_t)(port_in8(PORT_B) & ~PORT_B_GATE));
    }
    return hz;
}
