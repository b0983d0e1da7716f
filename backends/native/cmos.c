/* SPDX-License-Identifier: MIT */
/*
 * The CMOS clock: wall-clock time to the second. Motorola MC146818A data sheet, "Address map" and
 * "Update cycle"; the century's register is named by ACPI 6.5, 5.2.9. The clock is taken to be
 * in UTC, as VMMs keep it unless told otherwise.
 */
#include "backends/native/native.h"
#include "backends/native/port.h"

#define INDEX 0x70
#define DATA  0x71
/* Bit 7 of the index port masks NMI on the IBM PC; it stays 0, and NMI stays on. */
#define INDEX_MASK 0x7f

#define STATUS_A 0x0a
#define STATUS_B 0x0b
#define STATUS_D 0x0d

#define A_UPDATING 0x80
#define B_24_HOURS 0x02
#define B_BINARY   0x04
#define D_VALID    0x80
#define HOURS_PM   0x80

/* An update takes 2 ms at most (data sheet, "Update cycle"), a port access a microsecond or so. */
#define UPDATE_READS 100000u
/* Two readings that agree had no update between them. */
#define AGREE_TRIES 5u

/* Which register, and what it may hold; the century's is told by ACPI, or there is none. */
enum field { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, CENTURY, FIELDS };

static const struct {
    uint8_t index;
    uint8_t lowest;
    uint8_t highest;
} registers[CENTURY] = {
    [SECOND] = {0x00, 0, 59}, [MINUTE] = {0x02, 0, 59}, [HOUR] = {0x04, 0, 23},
    [DAY] = {0x07, 1, 31},    [MONTH] = {0x08, 1, 12},  [YEAR] = {0x09, 0, 99},
};

union reading {
    uint8_t field[FIELDS];
    uint64_t all;
};

static struct pv_spinlock lock;

PV_COLD static uint8_t cmos(uint8_t index)
{
    port_out8(INDEX, index & INDEX_MASK);
    return port_in8(DATA);
}

static bool wait_for_update_end(void)
{
    for (uint32_t i = 0; i < UPDATE_READS; i++)
        if (!(cmos(STATUS_A) & A_UPDATING))
            return true;
    return false;
}

PV_COLD static void read_once(union reading *r)
{
    uint8_t century = pv_native_acpi.cmos_century;

    r->all = 0;
    for (unsigned i = 0; i < CENTURY; i++)
        r->field[i] = cmos(registers[i].index);
    r->field[CENTURY] = century != 0 ? cmos(century) : 0;
}

static bool read_stable(union reading *result)
{
    for (unsigned i = 0; i < AGREE_TRIES; i++) {
        union reading first;
        if (!wait_for_update_end())
            return false;
        read_once(&first);
        read_once(result);
        if (first.all == result->all)
            return true;
    }
    return false;
}

static uint8_t from_bcd(uint8_t value)
{
    return (uint8_t)((value >> 4) * 10 + (value & 15));
}

static void decode(union reading *r, uint8_t status_b)
{
    bool half = !(status_b & B_24_HOURS);
    bool pm = half && (r->field[HOUR] & HOURS_PM) != 0;

    if (half)
        r->field[HOUR] &= (uint8_t)~HOURS_PM;
    for (unsigned i = 0; i < FIELDS && !(status_b & B_BINARY); i++)
        r->field[i] = from_bcd(r->field[i]);
    if (half)
        r->field[HOUR] = (uint8_t)(r->field[HOUR] % 12 + (pm ? 12 : 0));
}

static bool makes_sense(const union reading *r)
{
    for (unsigned i = 0; i < CENTURY; i++)
        if (r->field[i] < registers[i].lowest || r->field[i] > registers[i].highest)
            return false;
    return true;
}

static uint32_t year_of(const union reading *r)
{
    uint8_t century = r->field[CENTURY], year = r->field[YEAR];

    if (century >= 19 && century < 30)
        return century * 100u + year;
    return year >= 70 ? 1900u + year : 2000u + year;
}

/* Days since 1970-01-01 in the Gregorian calendar; years begin in March, so leap days come last. */
static uint64_t days_of(uint32_t year, uint32_t month, uint32_t day)
{
    uint32_t y = month <= 2 ? year - 1 : year;
    uint32_t m = month <= 2 ? month + 9 : month - 3;
    uint32_t days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1;

    return days - 719468;
}

PV_COLD int pv_native_wallclock(uint64_t *unix_ns)
{
    union reading r;

    if (pv_native_acpi.no_cmos || !(cmos(STATUS_D) & D_VALID))
        return PV_E_UNSUPPORTED;
    struct pv_irqflags flags = pv_irq_save_seldom();
    pv_spin_lock(&lock);
    bool stable = read_stable(&r);
    uint8_t status_b = cmos(STATUS_B);
    pv_spin_unlock(&lock);
    pv_irq_restore(flags);
    if (!stable)
        return PV_E_UNSUPPORTED;
    decode(&r, status_b);
    if (!makes_sense(&r))
        return PV_E_UNSUPPORTED;
    uint64_t seconds = days_of(year_of(&r), r.field[MONTH], r.field[DAY]) * 86400 +
                       r.field[HOUR] * 3600u + r.field[MINUTE] * 60u + r.field[SECOND];
    *unix_ns = seconds * PV_NS_PER_SECOND;
    return PV_OK;
}
