/* SPDX-License-Identifier: MIT */
/*
 * All CPUs build address spaces, change them, look through their own and each other's, and take
 * them down again, for as long as `stress=SECONDS` says. What each entry of a space is to hold
 * follows from a number, the space's seed, so that every entry can be read back and compared
 * without a list of what was written.
 *
 * Pages are from one pool, the same frames in every space, and hold what they are: so an entry
 * that reads right and leads elsewhere is found too, through the translation.
 */
#include "backends/xen/pv/pv.h"
#include "selftest.h"
#include "../commands.h"
#include "../cpu.h"
#include "../memory.h"
#include "../paging.h"
#include "../smp.h"
#include "../timer.h"
#include "../traps.h"
#include "../user.h"

#define POOL       64u
#define TABLES     3u
#define SLOTS      (TABLES * 512u) /* pages of a space */
#define VISITS     16u
#define CHANGES    200u
#define PERIOD_NS  NS_PER_S
#define DEFAULT_NS (300 * NS_PER_MS)
#define PAGE_MARK  0x5ca1ab1e00000000ull

unsigned stress_seconds;

/* A CPU's space while others may look into it: they are counted, and it is not changed. */
struct shown {
    struct pv_spinlock lock;
    uint64_t space; /* 0: nothing to see */
    uint64_t seed;
    uint32_t visitors;
} __attribute__((aligned(64)));

struct worker {
    uint64_t random;
    uint64_t spaces, compared, visits;
    uint64_t wrong;  /* how many were */
    uint64_t first;  /* the first of them: what was to be */
    uint64_t read;   /* and what was */
    const char *why; /* NULL: all was well */
} __attribute__((aligned(64)));

static uint64_t pool[POOL];
static struct shown shown[MOST_CPUS];
static struct worker workers[MOST_CPUS];
static struct limit end;

static struct worker *self(void)
{
    return &workers[pv_this_cpu()->number];
}

/* xorshift64: Marsaglia, Journal of Statistical Software 8/14, 2003. */
static uint64_t draw(void)
{
    uint64_t *x = &self()->random;
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* What a slot of a space with this seed holds: a page of the pool, or nothing. */
static uint64_t due(uint64_t seed, unsigned slot)
{
    static const uint64_t rights[] = {MAP_USER_DATA, MAP_USER_CODE, MAP_USER_DATA & ~PTE_WRITE};
    uint64_t mixed = (seed + slot) * 0x9e3779b97f4a7c15;
    mixed ^= mixed >> 29;
    if (mixed % 5 == 0)
        return 0;
    return pool[mixed / 8 % POOL] | rights[mixed / 1024 % 3] | PTE_ACCESSED;
}

/* Tables of level 1 lie under the first, the second and the last entry of the users' half. */
static uintptr_t address_of(unsigned slot)
{
    static const uintptr_t bases[TABLES] = {USER_AREA, USER_AREA + (1ul << 39),
                                            USER_END - 512 * PAGE_BYTES};
    return bases[slot / 512] + slot % 512 * PAGE_BYTES;
}

static void expect(uint64_t wanted, uint64_t read, const char *why)
{
    struct worker *worker = self();
    worker->compared++;
    if (wanted == read)
        return;
    if (worker->wrong++ != 0)
        return;
    worker->first = wanted;
    worker->read = read;
    worker->why = why;
}

/* The entry of a slot, next to that of the slot before if there is one and it has a next. */
static struct pv_pte *entry_of(uint64_t space, unsigned slot, struct pv_pte *before, bool make)
{
    if (before != NULL && index_at(address_of(slot), 1) != 0)
        return before + 1;
    return paging_entry(space, address_of(slot), make);
}

/* Those from one slot to below another. */
static void write_slots(uint64_t space, uint64_t seed, unsigned slot, unsigned behind)
{
    for (struct pv_pte *entry = NULL; slot < behind; slot++) {
        uint64_t value = due(seed, slot);
        entry = entry_of(space, slot, entry, true);
        if (entry == NULL)
            expect(1, 0, "no memory for a table");
        else if (value != 0)
            pv_pte_set(entry, (struct pv_pte){value});
        else
            pv_pte_clear(entry);
    }
}

static uint64_t read_slot(uint64_t space, unsigned slot)
{
    const struct pv_pte *entry = paging_entry(space, address_of(slot), false);
    return entry != NULL ? pv_pte_get(entry).raw : 0;
}

/* A PV guest's users have a top-level table of their own, and find the same in it. */
static void compare_roots(uint64_t space)
{
    if (boot_info.door != PV_DOOR_XEN_PV)
        return;
    uint64_t frame = pv_xen_pv_user_root(space / PAGE_BYTES);
    const struct pv_pte *kernels = direct(space), *users = direct(frame * PAGE_BYTES);
    expect(1, frame != 0, "a space has no table for its users");
    for (unsigned i = 0; frame != 0 && i < 256; i++)
        expect(kernels[i].raw & ~PTE_ACCESSED, users[i].raw & ~PTE_ACCESSED,
               "the users' top-level table has another entry");
}

static void compare_all(uint64_t space, uint64_t seed, const char *why)
{
    struct pv_pte *entry = NULL;
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        entry = entry_of(space, slot, entry, false);
        expect(due(seed, slot), entry != NULL ? pv_pte_get(entry).raw : 0, why);
    }
    compare_roots(space);
}

static unsigned number_of(uint64_t phys)
{
    unsigned number = 0;
    while (number < POOL && pool[number] != phys)
        number++;
    return number;
}

/* Through the translation, in a space that is in force. */
static void look(uint64_t seed, unsigned slot)
{
    uint64_t value = due(seed, slot), found = 0;
    bool there = probe_read((const void *)address_of(slot), &found);
    if (value == 0)
        expect(0, there, "a page is mapped where none is to be");
    else
        expect(PAGE_MARK | number_of(value & PTE_ADDRESS), there ? found : 0,
               "a page is another than its entry says");
}

static void go_and_look(uint64_t space, uint64_t seed)
{
    struct pv_irqflags flags = pv_irq_save();
    pv_cr3_write(space);
    for (unsigned i = 0; i < VISITS; i++)
        look(seed, (unsigned)(draw() % SLOTS));
    pv_cr3_write(kernel_space);
    pv_irq_restore(flags);
    self()->visits++;
}

/* ---- looking into spaces of others ----------------------------------------------------------- */

static void show(uint64_t space, uint64_t seed)
{
    struct shown *mine = &shown[pv_this_cpu()->number];
    struct pv_irqflags flags = lock_irq(&mine->lock);
    mine->space = space;
    mine->seed = seed;
    unlock_irq(&mine->lock, flags);
}

/* Afterwards nobody is in it. */
static void hide(void)
{
    struct shown *mine = &shown[pv_this_cpu()->number];
    struct limit limit = limit_in(10 * NS_PER_S);
    show(0, 0);
    while (__atomic_load_n(&mine->visitors, __ATOMIC_ACQUIRE) != 0 && !limit_passed(&limit))
        pv_cpu_relax();
    expect(0, mine->visitors, "a CPU stays in a space of another one");
}

static void visit_other(void)
{
    struct shown *other = &shown[draw() % smp_count()];
    struct pv_irqflags flags = lock_irq(&other->lock);
    uint64_t space = other->space, seed = other->seed;
    if (space != 0)
        __atomic_fetch_add(&other->visitors, 1, __ATOMIC_ACQ_REL);
    unlock_irq(&other->lock, flags);
    if (space == 0)
        return;
    go_and_look(space, seed);
    __atomic_fetch_sub(&other->visitors, 1, __ATOMIC_ACQ_REL);
}

/* ---- one life of a space --------------------------------------------------------------------- */

/* Part of it in one batch, the rest in batches of its own, or without any. */
static uint64_t build(uint64_t seed)
{
    unsigned together = (unsigned)(draw() % SLOTS);
    batch_begin();
    uint64_t space = space_create();
    if (space != 0)
        write_slots(space, seed, 0, together);
    unsigned asked = together != 0 ? (unsigned)(draw() % together) : 0;
    if (space != 0 && together != 0)
        expect(due(seed, asked), read_slot(space, asked), "an entry reads otherwise in its batch");
    batch_end();
    for (unsigned slot = together; space != 0 && slot < SLOTS;) {
        unsigned some = (unsigned)(draw() % 256) + 1;
        bool batched = draw() % 8 != 0;
        some = batched ? some : some % 8 + 1;
        if (batched)
            batch_begin();
        some = some < SLOTS - slot ? some : SLOTS - slot;
        write_slots(space, seed, slot, slot + some);
        slot += some;
        if (batched)
            batch_end();
    }
    return space;
}

/* Into what another seed says, in disorder: slots first that are drawn, then all. */
static void change(uint64_t space, uint64_t seed)
{
    batch_begin();
    for (unsigned i = 0; i < CHANGES; i++) {
        unsigned slot = (unsigned)(draw() % SLOTS);
        write_slots(space, seed, slot, slot + 1);
        expect(due(seed, slot), read_slot(space, slot), "a changed entry reads otherwise");
    }
    write_slots(space, seed, 0, SLOTS);
    batch_end();
}

/* The pool's pages are nobody's to free. */
static void empty(uint64_t space)
{
    struct pv_pte *entry = NULL;
    batch_begin();
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        entry = entry_of(space, slot, entry, true);
        if (entry != NULL)
            pv_pte_clear(entry);
    }
    batch_end();
    for (unsigned slot = 0; slot < SLOTS; slot++)
        expect(0, read_slot(space, slot), "a cleared entry is not");
    compare_roots(space);
}

static void live(void)
{
    uint64_t seed = draw(), later = draw();
    uint64_t space = build(seed);
    if (space == 0) {
        expect(1, 0, "no memory for a space");
        return;
    }
    compare_all(space, seed, "an entry reads otherwise than it was written");
    show(space, seed);
    go_and_look(space, seed);
    visit_other();
    hide();
    change(space, later);
    compare_all(space, later, "a changed entry reads otherwise than it was written");
    go_and_look(space, later);
    empty(space);
    space_destroy(space);
    self()->spaces++;
}

static void live_until_the_end(void *argument)
{
    (void)argument;
    while (!limit_passed(&end) && self()->why == NULL)
        live();
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool make_pool(void)
{
    for (unsigned i = 0; i < POOL; i++) {
        pool[i] = page_alloc();
        if (pool[i] == 0)
            return false;
        *(uint64_t *)direct(pool[i]) = PAGE_MARK | i;
    }
    return true;
}

static void free_pool(void)
{
    for (unsigned i = 0; i < POOL && pool[i] != 0; i++)
        page_free(pool[i]);
}

/* In periods, for the watchdog's sake. */
static void run_period(struct check *check, uint64_t ns)
{
    end = limit_in(ns);
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        if (smp_is_up(cpu))
            smp_give(cpu, live_until_the_end, NULL);
    live_until_the_end(NULL);
    for (unsigned cpu = 1; cpu < smp_count(); cpu++)
        if (smp_is_up(cpu))
            EXPECT(check, smp_done(cpu, 20 * NS_PER_S), "CPU %u does not come to an end", cpu);
    still_going();
}

static void report(struct check *check)
{
    uint64_t spaces = 0, compared = 0, visits = 0;
    for (unsigned cpu = 0; cpu < smp_count(); cpu++) {
        const struct worker *worker = &workers[cpu];
        EXPECT(check, worker->why == NULL, "CPU %u: %s: %lx, and not %lx; %lu in all", cpu,
               worker->why, worker->read, worker->first, worker->wrong);
        EXPECT(check, !smp_is_up(cpu) || worker->spaces != 0, "CPU %u built no space", cpu);
        spaces += worker->spaces;
        compared += worker->compared;
        visits += worker->visits;
    }
    print("# %u CPUs built %lu spaces, went into them %lu times, and compared %lu entries\n",
          smp_count(), spaces, visits, compared);
}

static void all_cpus_build_and_tear_down(struct check *check)
{
    uint64_t before = pages_free();
    uint64_t left = stress_seconds != 0 ? stress_seconds * NS_PER_S : DEFAULT_NS;
    for (unsigned cpu = 0; cpu < MOST_CPUS; cpu++)
        workers[cpu] = (struct worker){.random = read_tsc() * (cpu + 1) | 1};
    if (EXPECT(check, make_pool(), "no memory"))
        while (left != 0 && check->outcome == CHECK_PASSED) {
            uint64_t period = left < PERIOD_NS ? left : PERIOD_NS;
            run_period(check, period);
            left -= period;
        }
    report(check);
    free_pool();
    EXPECT(check, pages_free() == before, "%lu pages are lost", before - pages_free());
}

static const struct test stress_tests[] = {
    {"all CPUs build, share and take down address spaces, and each entry is what it was to be",
     all_cpus_build_and_tear_down},
};

const struct test_group stress_group = TEST_GROUP(stress);
