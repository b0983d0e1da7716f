/* SPDX-License-Identifier: MIT */
/*
 * Clock arithmetic that backends share; lib/clock.h says what and by which documents. Nothing here
 * touches a device or makes a call site, so that all of it runs on the host as well.
 */
#include "lib/clock.h"
#include "lib/cold.h"
#include "lib/x86/tsc.h"
#include "pvops/status.h"

/* A VMM writes a record in well under a microsecond, but may be preempted while it does. */
#define ATTEMPTS 1000

uint64_t pv_clock_skipped_ns;

PV_COLD struct pv_clock_rate pv_clock_rate(uint64_t from_hz, uint64_t to_hz)
{
    struct pv_clock_rate rate = {0, 0};

    /* Bring the quotient into [1/2, 1), so that the multiplier has 32 significant bits. */
    while (to_hz >= from_hz) {
        from_hz <<= 1;
        rate.shift++;
    }
    while (to_hz < from_hz - to_hz) {
        to_hz <<= 1;
        rate.shift--;
    }
    /* Long division: a 128-bit one would be a call into the compiler's run-time library. */
    uint64_t rest = to_hz;
    for (unsigned bit = 0; bit < 32; bit++) {
        rest <<= 1;
        rate.multiplier <<= 1;
        if (rest >= from_hz) {
            rest -= from_hz;
            rate.multiplier |= 1;
        }
    }
    return rate;
}

PV_COLD uint64_t pv_clock_rate_hz(struct pv_clock_rate rate)
{
    /* hz = 10^9 * 2^32 / (multiplier * 2^shift); 10^9 * 2^32 has 62 bits. */
    uint64_t hz = (PV_NS_PER_SECOND << 32) / rate.multiplier;

    if (rate.shift >= 0)
        return hz >> rate.shift;
    if (hz > UINT64_MAX >> -rate.shift)
        return UINT64_MAX;
    return hz << -rate.shift;
}

PV_COLD bool pv_clock_rate_valid(struct pv_clock_rate rate)
{
    if (rate.multiplier == 0 || rate.shift < -31 || rate.shift > 31)
        return false;
    uint64_t hz = pv_clock_rate_hz(rate);
    return hz >= PV_CLOCK_MIN_HZ && hz <= PV_CLOCK_MAX_HZ;
}

uint64_t pv_clock_monotonic(uint64_t *latest, uint64_t ns)
{
    uint64_t seen = __atomic_load_n(latest, __ATOMIC_RELAXED);

    do {
        if ((int64_t)ns <= (int64_t)seen)
            return seen;
    } while (
        !__atomic_compare_exchange_n(latest, &seen, ns, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return ns;
}

PV_COLD void pv_clock_hand_over(uint64_t told_ns, uint64_t base_ns)
{
    if (told_ns > base_ns)
        __atomic_fetch_add(&pv_clock_skipped_ns, told_ns - base_ns, __ATOMIC_RELAXED);
}

PV_COLD uint64_t pv_pvclock_at(const struct pv_pvclock *copy, uint64_t tsc)
{
    return pv_pvclock_scaled(copy, tsc);
}

PV_COLD static bool take(const volatile struct pv_pvclock_record *shared, struct pv_pvclock *copy)
{
    uint32_t version = __atomic_load_n(&shared->version, __ATOMIC_ACQUIRE);

    if (version & 1)
        return false;
    copy->version = version;
    copy->flags = shared->flags;
    copy->rate.multiplier = shared->tsc_to_system_mul;
    copy->rate.shift = shared->tsc_shift;
    copy->tsc_timestamp = shared->tsc_timestamp;
    copy->system_time_ns = shared->system_time;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&shared->version, __ATOMIC_RELAXED) == version;
}

/* Everything but the version first: a reader that is interrupted here still sees the old one. */
PV_COLD static void publish(struct pv_pvclock *copy, const struct pv_pvclock *fresh)
{
    copy->flags = fresh->flags;
    copy->rate = fresh->rate;
    copy->tsc_timestamp = fresh->tsc_timestamp;
    copy->system_time_ns = fresh->system_time_ns;
    copy->adjust_ns = fresh->adjust_ns;
    __atomic_store_n(&copy->version, fresh->version, __ATOMIC_RELEASE);
}

PV_COLD int pv_pvclock_refresh(const volatile struct pv_pvclock_record *shared,
                               struct pv_pvclock *copy, uint64_t tsc)
{
    struct pv_pvclock fresh = {0};
    unsigned attempt = 0;

    while (!take(shared, &fresh)) {
        if (++attempt == ATTEMPTS)
            return PV_E_TIMEOUT;
        __builtin_ia32_pause();
    }
    if (fresh.version == 0 || !pv_clock_rate_valid(fresh.rate))
        return PV_E_HOST;
    if (copy->version != 0) {
        uint64_t told = pv_pvclock_at(copy, tsc);
        uint64_t now = pv_pvclock_at(&fresh, tsc);
        fresh.adjust_ns = told > now ? told - now : 0;
    }
    publish(copy, &fresh);
    return PV_OK;
}

PV_COLD int pv_pvclock_wall_read(const volatile struct pv_pvclock_wall *shared, uint64_t *unix_ns)
{
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        uint32_t version = __atomic_load_n(&shared->version, __ATOMIC_ACQUIRE);
        uint32_t sec = shared->sec;
        uint32_t nsec = shared->nsec;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if ((version & 1) || __atomic_load_n(&shared->version, __ATOMIC_RELAXED) != version) {
            __builtin_ia32_pause();
            continue;
        }
        if (version == 0 || nsec >= PV_NS_PER_SECOND)
            return PV_E_HOST;
        *unix_ns = sec * PV_NS_PER_SECOND + nsec;
        return PV_OK;
    }
    return PV_E_TIMEOUT;
}
