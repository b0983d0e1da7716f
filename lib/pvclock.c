/* SPDX-License-Identifier: MIT */
/*
 * A clock on records that the VMM keeps, one a CPU; lib/pvclock.h says how it begins and ends.
 *
 * The path of a read is short: a copy of the record that was checked once is good for as long as
 * the record's version is the same.
 */
#include "lib/pvclock.h"
#include "lib/irq_save.h"
#include "lib/x86/tsc.h"

/* As often as this in a row a record may stay unreadable before it is given up. */
#define FAILURES 16

/*
 * A record that goes back by more is worth a line. By less it may, when a VMM sets its own clock,
 * and by what a stop took.
 */
#define BACK_NS 1000000u

struct cpu_clock {
    struct pv_pvclock copy;
    volatile struct pv_pvclock_record *record; /* NULL: not added */
    uint8_t failures;
    bool was_stopped; /* told by the VMM, and not yet to the kernel */
} __attribute__((aligned(64)));

static struct cpu_clock clocks[PV_CONFIG_MAX_CPUS];

static const struct pv_pvclock_source *source;
static bool in_use;
static bool retiring;    /* somebody is about to clear in_use */
static bool fix_up;      /* records of different CPUs may disagree */
static bool stable_told; /* the flag in the records can be believed */
static bool back_told;
static uint64_t latest_ns; /* for the fix-up */
static uint64_t offset_ns; /* from the VMM's scale to that of pv_clock_ns(), modulo 2^64 */

char pv_pvclock_name[16] = "tsc";

PV_COLD static void name_clock(const char *name)
{
    unsigned i = 0;

    for (; i < sizeof(pv_pvclock_name) - 1 && name[i] != '\0'; i++)
        pv_pvclock_name[i] = name[i];
    pv_pvclock_name[i] = '\0';
}

/* Takes a new copy of this CPU's record and notices what changes with it. Interrupts off. */
PV_COLD static int refresh(struct cpu_clock *clock)
{
    uint64_t made_up_ns = clock->copy.adjust_ns; /* already */
    int status = pv_pvclock_refresh(clock->record, &clock->copy, pv_tsc_read());

    if (status != PV_OK)
        return status;
    clock->failures = 0;
    /* The VMM keeps it until it is cleared, which only this CPU does (api.rst, KVM_KVMCLOCK_CTRL).
     */
    if (clock->copy.flags & PV_PVCLOCK_STOPPED) {
        clock->record->flags &= (uint8_t)~PV_PVCLOCK_STOPPED;
        __atomic_store_n(&clock->was_stopped, true, __ATOMIC_RELAXED);
    } else if (clock->copy.adjust_ns > made_up_ns + BACK_NS) {
        pv_log_once(&back_told, "the VMM's clock record went back; time does not");
    }
    if (!stable_told || !(clock->copy.flags & PV_PVCLOCK_STABLE) || clock->copy.adjust_ns != 0)
        __atomic_store_n(&fix_up, true, __ATOMIC_RELAXED);
    return PV_OK;
}

PV_COLD static void remove_cpu(struct pv_cpu *cpu, struct cpu_clock *clock)
{
    if (clock->record != NULL && source->remove != NULL)
        source->remove(cpu);
    clock->record = NULL;
    clock->copy.version = 0;
}

/* Interrupts off. A record that cannot be read stays registered: it may be readable next time. */
PV_COLD static int add_cpu(struct pv_cpu *cpu, struct cpu_clock *clock)
{
    volatile struct pv_pvclock_record *record = NULL;

    clock->copy.version = 0;
    clock->failures = 0;
    int status = source->add(cpu, &record);
    if (status != PV_OK)
        return status;
    clock->record = record;
    return refresh(clock);
}

PV_COLD static void complain(int status)
{
    if (status == PV_E_TIMEOUT)
        pv_log("the VMM's clock record is being written for ever; the base clock is used");
    else if (status == PV_E_HOST)
        pv_log("the VMM's clock record holds a rate that cannot be; the base clock is used");
    else
        pv_log("the VMM offers a clock and refuses it; the base clock is used");
}

/* Gives the clock up for the base clock, which goes on from told_ns. The first to come does it. */
PV_COLD static void retire(uint64_t told_ns, int status)
{
    if (__atomic_exchange_n(&retiring, true, __ATOMIC_ACQ_REL))
        return;
    pv_clock_hand_over(told_ns, source->base_ns());
    __atomic_store_n(&in_use, false, __ATOMIC_RELEASE);
    name_clock("tsc");
    complain(status);
}

static uint64_t told(const struct pv_pvclock *copy)
{
    uint64_t ns = pv_pvclock_at(copy, pv_tsc_read()) + offset_ns;

    return __atomic_load_n(&fix_up, __ATOMIC_RELAXED) ? pv_clock_monotonic(&latest_ns, ns) : ns;
}

/*
 * What the clock tells now, by this CPU's copy, or else by the boot CPU's record: its copy is its
 * own, and may be half written. If there is neither the base clock is as near as can be.
 */
static uint64_t told_by_any(const struct cpu_clock *clock)
{
    struct pv_pvclock copy = {0};

    if (clock->copy.version != 0)
        return told(&clock->copy);
    if (clocks[0].record != NULL && pv_pvclock_refresh(clocks[0].record, &copy, 0) == PV_OK)
        return told(&copy);
    return source->base_ns();
}

/*
 * The copy is out of date, or this CPU has not been seen before. A record that is only being
 * written for long leaves the old copy in force, whose rate is still right enough; any other
 * failure is the end of the clock. Interrupts off.
 */
PV_COLD __attribute__((noinline)) static uint64_t fresh_ns(struct pv_cpu *cpu)
{
    struct cpu_clock *clock = &clocks[cpu->number];
    int status = clock->record != NULL ? refresh(clock) : add_cpu(cpu, clock);

    if (status != PV_OK && (status != PV_E_TIMEOUT || ++clock->failures >= FAILURES))
        retire(told_by_any(clock), status);
    if (!__atomic_load_n(&in_use, __ATOMIC_ACQUIRE))
        return source->base_ns();
    return told_by_any(clock);
}

uint64_t pv_pvclock_ns(void)
{
    struct pv_cpu *cpu = pv_this_cpu();
    uint64_t ns;

    if (!__atomic_load_n(&in_use, __ATOMIC_ACQUIRE) || cpu->number >= PV_CONFIG_MAX_CPUS)
        return source != NULL ? source->base_ns() : 0;
    struct cpu_clock *clock = &clocks[cpu->number];
    if (clock->record == NULL || pv_pvclock_read(clock->record, &clock->copy, &ns) != PV_OK) {
        struct pv_irqflags flags = pv_irq_save_seldom();
        ns = fresh_ns(pv_this_cpu());
        pv_irq_restore(flags);
        return ns;
    }
    ns += offset_ns;
    if (!__atomic_load_n(&fix_up, __ATOMIC_RELAXED))
        return ns;
    /* Records that differ are for the counter of their own CPU, and this may run on another now. */
    if (pv_this_cpu() != cpu)
        return pv_pvclock_ns();
    return pv_clock_monotonic(&latest_ns, ns);
}

/* Registers, reads, and takes the registration back: nothing is in force yet. */
PV_COLD uint64_t pv_pvclock_tsc_hz(const struct pv_pvclock_source *asked)
{
    struct pv_cpu *cpu = pv_this_cpu();
    struct cpu_clock *clock = &clocks[0];
    uint64_t hz = 0;

    if (cpu->number != 0)
        return 0;
    source = asked;
    if (add_cpu(cpu, clock) == PV_OK)
        hz = pv_clock_rate_hz(clock->copy.rate);
    remove_cpu(cpu, clock);
    return hz;
}

PV_COLD void pv_pvclock_begin(const struct pv_pvclock_source *begun)
{
    source = begun;
    name_clock("tsc");
    fix_up = false;
    retiring = false;
    latest_ns = 0;
}

PV_COLD void pv_pvclock_start(bool stable)
{
    struct pv_cpu *cpu = pv_this_cpu();
    struct cpu_clock *clock = &clocks[cpu->number];

    stable_told = stable;
    if (cpu->number >= PV_CONFIG_MAX_CPUS)
        return;
    int status = add_cpu(cpu, clock);
    if (status != PV_OK) {
        remove_cpu(cpu, clock);
        complain(status);
        return;
    }
    offset_ns = source->base_ns() - pv_pvclock_at(&clock->copy, pv_tsc_read());
    if (pv_tsc_khz_value == 0)
        pv_tsc_khz_value = (uint32_t)(pv_clock_rate_hz(clock->copy.rate) / 1000);
    name_clock(source->name);
    __atomic_store_n(&in_use, true, __ATOMIC_RELEASE);
}

/* Undoes what was done for this CPU; the others have stopped by pv_pvclock_cpu_stop(). */
PV_COLD void pv_pvclock_stop(void)
{
    struct pv_cpu *cpu = pv_this_cpu();

    if (source == NULL || cpu->number >= PV_CONFIG_MAX_CPUS)
        return;
    if (in_use)
        pv_clock_hand_over(pv_pvclock_ns(), source->base_ns());
    __atomic_store_n(&in_use, false, __ATOMIC_RELEASE);
    name_clock("tsc");
    remove_cpu(cpu, &clocks[cpu->number]);
}

/* Its record's place is the CPU's own: it must be free for whoever has it next. */
PV_COLD void pv_pvclock_cpu_stop(void)
{
    struct pv_cpu *cpu = pv_this_cpu();

    if (source != NULL && cpu->number < PV_CONFIG_MAX_CPUS)
        remove_cpu(cpu, &clocks[cpu->number]);
}

PV_COLD bool pv_pvclock_in_use(void)
{
    return __atomic_load_n(&in_use, __ATOMIC_ACQUIRE);
}

PV_COLD bool pv_pvclock_is_stable(void)
{
    return pv_pvclock_in_use() && !__atomic_load_n(&fix_up, __ATOMIC_RELAXED);
}

/* This CPU's copy, up to date, though it may not have been read before; NULL: there is none. */
PV_COLD static const struct pv_pvclock *fresh_copy(void)
{
    struct pv_cpu *cpu = pv_this_cpu();

    (void)pv_pvclock_ns();
    if (!pv_pvclock_in_use() || cpu->number >= PV_CONFIG_MAX_CPUS ||
        clocks[cpu->number].copy.version == 0)
        return NULL;
    return &clocks[cpu->number].copy;
}

PV_COLD bool pv_pvclock_at_tsc(uint64_t tsc, uint64_t *ns)
{
    const struct pv_pvclock *copy = fresh_copy();

    if (copy != NULL)
        *ns = pv_pvclock_at(copy, tsc) + offset_ns;
    return copy != NULL;
}

PV_COLD bool pv_pvclock_vmm_ns(uint64_t *ns)
{
    const struct pv_pvclock *copy = fresh_copy();

    if (copy != NULL)
        *ns = pv_pvclock_at(copy, pv_tsc_read()) - copy->adjust_ns;
    return copy != NULL;
}

PV_COLD bool pv_clock_was_stopped(void)
{
    struct pv_cpu *cpu = pv_this_cpu();

    (void)pv_clock_ns(); /* looks at the record */
    return cpu->number < PV_CONFIG_MAX_CPUS &&
           __atomic_exchange_n(&clocks[cpu->number].was_stopped, false, __ATOMIC_RELAXED);
}

PV_COLD uint64_t pv_pvclock_to_vmm(uint64_t ns)
{
    uint32_t cpu = pv_this_cpu()->number;
    /* What this CPU's record went back by was made up for. */
    uint64_t offset = offset_ns + (cpu < PV_CONFIG_MAX_CPUS ? clocks[cpu].copy.adjust_ns : 0);
    uint64_t ahead = 0 - offset; /* of the VMM's scale */

    if ((int64_t)offset > 0)
        return ns > offset ? ns - offset : 0;
    return ns > UINT64_MAX - ahead ? UINT64_MAX : ns + ahead;
}
