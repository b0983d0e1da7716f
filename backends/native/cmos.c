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

#define SECONDS  0x00
#define MINUTES  0x02
#define HOURS    0x04
#define DAY      0x07
#define MONTH    0x08
#define YEAR     0x09
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

struct reading {
    uint8_t second, minute, hour, day, month, year, century;
};

static struct pv_spinlock lock;

static uint8_t cmos(uint8_t index)
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

static struct reading read_once(void)
{
    struct reading r = {.century = 0};

    r.second = cmos(SECONDS);
    r.minute = cmos(MINUTES);
    r.hour = cmos(HOURS);
    r.day = cmos(DAY);
    r.month = cmos(MONTH);
    r.year = cmos(YEAR);
    if (pv_native_acpi.cmos_century != 0)
        r.century = cmos(pv_native_acpi.cmos_century);
    return r;
}

static bool same(const struct reading *a, const struct reading *b)
{
    return a->second == b->second && a->minute == b->minute && a->hour == b->hour &&
           a->day == b->day && a->month == b->month && a->year == b->year &&
           a->century == b->century;
}

static bool read_stable(struct reading *result)
{
    for (unsigned i = 0; i < AGREE_TRIES; i++) {
        if (!wait_for_update_end())
            return false;
        struct reading first = read_once();
        *result = read_once();
        if (same(&first, result))
            return true;
    }
    return false;
}

static uint8_t from_bcd(uint8_t value)
{
    return (uint8_t)((value >> 4) * 10 + (value & 15));
}

static void decode(struct reading *r, uint8_t status_b)
{
    bool pm = (r->hour & HOURS_PM) != 0;

    if (!(status_b & B_24_HOURS))
        r->hour &= (uint8_t)~HOURS_PM;
    if (!(status_b & B_BINARY)) {
        r->second = from_bcd(r->second);
        r->minute = from_bcd(r->minute);
        r->hour = from_bcd(r->hour);
        r->day = from_bcd(r->day);
        r->month = from_bcd(r->month);
        r->year = from_bcd(r->year);
        r->century = from_bcd(r->century);
    }
    if (!(status_b & B_24_HOURS))
        r->hour = (uint8_t)(r->hour % 12 + (pm ? 12 : 0));
}

static bool makes_sense(const struct reading *r)
{
    return r->second < 60 && r->minute < 60 && r->hour < 24 && r->day >= 1 && r->day <= 31 &&
           r->month >= 1 && r->month <= 12 && r->year < 100;
}

static uint32_t year_of(const struct reading *r)
{
    if (r->century >= 19 && r->century < 30)
        return r->century * 100u + r->year;
    return r->year >= 70 ? 1900u + r->year : 2000u + r->year;
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
    struct reading r;

    if (pv_native_acpi.no_cmos || !(cmos(STATUS_D) & D_VALID))
        return PV_E_UNSUPPORTED;
    struct pv_irqflags flags = pv_irq_save();
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
    uint64_t seconds =
        days_of(year_of(&r), r.month, r.day) * 86400 + r.hour * 3600u + r.minute * 60u + r.second;
    *unix_ns = seconds * PV_NS_PER_SECOND;
    return PV_OK;
}
