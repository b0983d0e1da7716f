/* SPDX-License-Identifier: MIT */
/*
 * A PV guest with a tebibyte of memory, as far as that is arithmetic: frames and entries
 * (backends/xen/pv/p2m.c, pte.c), and the short way by which entries join a batch (ops.S), around
 * 512 GiB, which is where a frame's number outgrows the list of one top-level entry. No machine
 * here has as much; the lists are memory that is there only where it is touched.
 */
#include "fake.h"

#include <asm/prctl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define pv_xen_pages        large_pages
#define pv_xen_from_machine large_from_machine
#define pv_xen_pv_probe     large_probe
#include "backends/xen/pv/p2m.c"
#include "backends/xen/pv/pte.c"
#include "backends/xen/pv/queue.h"

#define HALF_TIB (1ull << (39 - 12)) /* in pages */
#define PAGES    (2 * HALF_TIB)
#define FRAMES   (4 * HALF_TIB)
#define LIST     0x5000u

static uint64_t *list, *back;
static uint64_t in_c; /* times that the short way was left */

struct pv_ops pv_ops;

/* ops.S: the short way, and what it leaves to C. */
void pv_xen_pv_pte_set(struct pv_pte *entry, struct pv_pte value) PV_HIDDEN;
void pv_xen_pv_pte_clear(struct pv_pte *entry) PV_HIDDEN;

void pv_xen_pv_c_pte_set(struct pv_pte *entry, struct pv_pte value)
{
    (void)entry;
    (void)value;
    in_c++;
}

void pv_xen_pv_c_pte_clear(struct pv_pte *entry)
{
    (void)entry;
    in_c++;
}

struct pv_pte pv_xen_pv_c_pte_get(const struct pv_pte *entry)
{
    return *entry;
}

void pv_xen_pv_c_cpu_kernel_stack_set(uint64_t top)
{
    (void)top;
}

void pv_xen_pv_c_cr3_write(uint64_t cr3)
{
    (void)cr3;
}

void pv_xen_pv_c_tlb_invlpg(uint64_t address)
{
    (void)address;
}

void pv_xen_pv_c_tlb_flush(void)
{
}

void pv_xen_pv_c_paging_batch_open(void)
{
}

void pv_xen_pv_c_paging_batch_close(void)
{
}

int pv_xen_pv_c_paging_table_add(uint64_t frame, uint32_t level)
{
    (void)frame;
    (void)level;
    return PV_OK;
}

void pv_xen_pv_c_paging_table_remove(uint64_t frame, uint32_t level)
{
    (void)frame;
    (void)level;
}

static int read_msr(uint32_t msr, uint64_t *value)
{
    (void)msr;
    (void)value;
    return PV_E_MSR;
}

int64_t fake_pv_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)c;
    (void)d;
    assert_true(number == PV_XEN_HC_MEMORY_OP && a == PV_XENMEM_MACHPHYS_MAPPING);
    *(struct pv_xen_machphys *)(uintptr_t)b =
        (struct pv_xen_machphys){PV_XEN_VIRT_START, PV_XEN_VIRT_START + FRAMES * 8, FRAMES - 1};
    return 0;
}

bool large_probe(const uint64_t *address, uint64_t *value)
{
    *value = back[((uintptr_t)address - PV_XEN_VIRT_START) / sizeof(uint64_t)];
    return true;
}

static void *at(uint64_t phys)
{
    return phys == LIST ? list : NULL;
}

static uint64_t *sparse(uint64_t count)
{
    void *memory = mmap(NULL, count * sizeof(uint64_t), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_true(memory != MAP_FAILED);
    return memory;
}

/* Pages on either side of each power of two, and frames of the machine that are higher still. */
static const uint64_t pages[] = {
    0, 1, HALF_TIB / 2, HALF_TIB - 1, HALF_TIB, HALF_TIB + 1, PAGES / 4 * 3, PAGES - 1};

static uint64_t frame_of(uint64_t page)
{
    return FRAMES - 1 - page;
}

static int begin(void **state)
{
    static const struct pv_boot_xen_pv boot = {.pages = PAGES, .list = LIST};
    struct pv_error error;

    (void)state;
    fake_reset();
    fake_platform.phys_to_virt = at;
    pv_ops.cpu_msr_read = read_msr;
    if (list == NULL) {
        list = sparse(PAGES);
        back = sparse(FRAMES);
    }
    for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        list[pages[i]] = frame_of(pages[i]);
        back[frame_of(pages[i])] = pages[i];
    }
    in_c = 0;
    /* What %gs finds is the block that C finds by its name. */
    if (syscall(SYS_arch_prctl, ARCH_SET_GS, (uintptr_t)&fake_cpu - PV_CONFIG_CPU_OFFSET) != 0)
        fail_msg("arch_prctl");
    assert_int_equal(pv_xen_p2m_begin(&boot, &error), PV_OK);
    pv_xen_pte_begin();
    return 0;
}

static void both_directions_agree_on_both_sides(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        struct pv_xen_mfn frame = pv_xen_to_machine(pages[i]);
        assert_true(frame.frame == frame_of(pages[i]));
        assert_true(pv_xen_from_machine(frame) == pages[i]);
    }
    assert_true(pv_xen_to_machine(PAGES).frame == PV_XEN_NO_FRAME);
    assert_true(pv_xen_from_machine((struct pv_xen_mfn){FRAMES}) == PV_XEN_NO_FRAME);
}

static void an_entry_keeps_all_bits_of_a_frame(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        uint64_t value = pages[i] * PV_XEN_PAGE | PTE_PRESENT | PTE_WRITE | PTE_NX, raw = 0;
        assert_true(pv_xen_pte_to_machine((struct pv_pte){value}, &raw));
        assert_true((raw & PTE_FRAME) == frame_of(pages[i]) * PV_XEN_PAGE);
        assert_true(pv_xen_pte_from_machine(raw).raw == value);
    }
}

/* The highest frame that an entry has bits for, and the first that it has not. */
static void a_frame_that_an_entry_cannot_name_is_refused(void **state)
{
    uint64_t raw = 0;

    (void)state;
    list[7] = PTE_FRAME >> 12;
    assert_true(pv_xen_pte_to_machine((struct pv_pte){7 * PV_XEN_PAGE | PTE_PRESENT}, &raw));
    assert_true((raw & PTE_FRAME) == PTE_FRAME);
    list[7]++;
    assert_false(pv_xen_pte_to_machine((struct pv_pte){7 * PV_XEN_PAGE | PTE_PRESENT}, &raw));
}

static struct pv_pte table[512] __attribute__((aligned(4096)));
static struct pv_xen_mmu_update updates[8];
static struct pv_xen_recent recent[PV_XEN_RECENT_TABLES];

#define BITS      (PTE_PRESENT | PTE_WRITE | PTE_NX)
#define BITS_XEN  (BITS | SOFT_NOT_USER)
#define ANY       (PTE_WRITE | PTE_PWT | PTE_PCD | PTE_AD | PTE_NX)
#define MACHINE   ((FRAMES - 5) * PV_XEN_PAGE)
#define LAST_SLOT 511u

/* As behind the first entry of a batch in this table. */
static void open_batch(unsigned room)
{
    uint64_t *words = fake_cpu.backend;

    memset(updates, 0, sizeof(updates));
    memset(recent, 0, sizeof(recent));
    words[PV_XEN_WORD_NEXT] = (uintptr_t)updates;
    words[PV_XEN_WORD_END] = (uintptr_t)(updates + room);
    words[PV_XEN_WORD_TABLE] = (uintptr_t)table;
    words[PV_XEN_WORD_MACHINE] = MACHINE;
    words[PV_XEN_WORD_BITS] = PTE_PRESENT;
    words[PV_XEN_WORD_ADD] = SOFT_NOT_USER;
    words[PV_XEN_WORD_RECENT] = (uintptr_t)recent;
    words[PV_XEN_WORD_WRITTEN] = 0;
}

static unsigned queued(void)
{
    return (unsigned)((struct pv_xen_mmu_update *)fake_cpu.backend[PV_XEN_WORD_NEXT] - updates);
}

static void set(unsigned slot, uint64_t value)
{
    pv_xen_pv_pte_set(&table[slot], (struct pv_pte){value});
}

static void the_short_way_finds_frames_on_both_sides(void **state)
{
    const unsigned count = sizeof(pages) / sizeof(pages[0]);

    (void)state;
    open_batch(count);
    for (unsigned i = 0; i < count; i++)
        set(i * 73, pages[i] * PV_XEN_PAGE | BITS);
    assert_int_equal(in_c, 0);
    assert_int_equal(queued(), count);
    for (unsigned i = 0; i < count; i++) {
        assert_true(updates[i].where == MACHINE + i * 73 * 8);
        assert_true(updates[i].value == (frame_of(pages[i]) * PV_XEN_PAGE | BITS_XEN));
    }
}

/* One after the other, all sets of these bits. */
static uint64_t next_of(uint64_t bits, uint64_t all)
{
    return (bits - all) & all;
}

static void expect_short_way(uint64_t value)
{
    uint64_t raw = 0, before = in_c;

    assert_true(pv_xen_pte_to_machine((struct pv_pte){value}, &raw));
    fake_cpu.backend[PV_XEN_WORD_NEXT] = (uintptr_t)updates;
    set(3, value);
    assert_int_equal(in_c, before);
    assert_true(updates[0].value == raw);
}

static void the_short_way_writes_what_the_long_one_would_whatever_the_rights(void **state)
{
    const uint64_t all = ANY | PTE_USER | PTE_GLOBAL;
    uint64_t any = 0;
    unsigned sets = 0;

    (void)state;
    open_batch(1);
    do {
        expect_short_way(pages[5] * PV_XEN_PAGE | PTE_PRESENT | any);
        expect_short_way(pages[5] * PV_XEN_PAGE | PTE_PRESENT | (any ^ all));
        any = next_of(any, all);
        sets++;
    } while (any != 0);
    assert_int_equal(sets, 256);
}

static void expect_long_way(unsigned slot, uint64_t value)
{
    uint64_t before = in_c;

    set(slot, value);
    assert_int_equal(in_c, before + 1);
    assert_int_equal(queued(), 0);
}

static void all_else_goes_the_long_way(void **state)
{
    (void)state;
    open_batch(8);
    expect_long_way(0, PAGES * PV_XEN_PAGE | BITS); /* no page of this guest */
    expect_long_way(0, PTE_FRAME | BITS);           /* nor this one */
    /* Each bit that is more, or less, if it is not left as it is, nor makes an entry of another
     * kind. */
    for (unsigned bit = 0; bit < 64; bit++)
        if (((ANY | PTE_USER | PTE_GLOBAL | PTE_FRAME) >> bit & 1) == 0)
            expect_long_way(0, (HALF_TIB * PV_XEN_PAGE | BITS) ^ 1ull << bit);
    expect_long_way(0, 0);
    expect_long_way(0, HALF_TIB * PV_XEN_PAGE | BITS | PV_PTE_MACHINE);
    expect_long_way(LAST_SLOT + 1, BITS); /* behind the table */
    fake_cpu.backend[PV_XEN_WORD_TABLE] = PV_XEN_NO_TABLE;
    expect_long_way(0, BITS);
    open_batch(0);
    expect_long_way(0, BITS); /* no room */
    fake_cpu.backend[PV_XEN_WORD_END] = 0;
    expect_long_way(0, BITS); /* no batch */
}

/* What is not present is not taken for an entry of a kind that is none yet. */
static void the_first_entry_finds_its_kind(void **state)
{
    (void)state;
    open_batch(1);
    fake_cpu.backend[PV_XEN_WORD_BITS] = PV_XEN_NO_BITS;
    expect_long_way(0, 0);
    fake_cpu.backend[PV_XEN_WORD_BITS] = PV_XEN_NO_BITS;
    expect_long_way(0, UINT64_MAX);
    fake_cpu.backend[PV_XEN_WORD_BITS] = PV_XEN_NO_BITS;
    expect_short_way(pages[5] * PV_XEN_PAGE | BITS);
}

/* As if C had written the table before. */
static void remember(struct pv_pte *which, uint64_t machine, uint64_t bit)
{
    recent[(uintptr_t)which / PV_XEN_PAGE % PV_XEN_RECENT_TABLES] =
        (struct pv_xen_recent){(uintptr_t)which, machine, bit, pv_xen_table_changes};
}

static struct pv_pte others[2][512] __attribute__((aligned(4096)));

static void a_table_that_was_written_lately_is_found_again(void **state)
{
    const uint64_t bits[] = {1ull << 63, 1ull << 5};

    (void)state;
    open_batch(8);
    for (unsigned i = 0; i < 2; i++)
        remember(others[i], (i + 1) * PV_XEN_PAGE, bits[i]);
    for (unsigned i = 0; i < 4; i++)
        pv_xen_pv_pte_set(&others[i & 1][LAST_SLOT - i], (struct pv_pte){BITS});
    pv_xen_pv_pte_clear(&others[0][7]);
    assert_int_equal(in_c, 0);
    assert_int_equal(queued(), 5);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(updates[i].where == ((i & 1) + 1) * PV_XEN_PAGE + (LAST_SLOT - i) * 8);
        assert_true(updates[i].value == (frame_of(0) * PV_XEN_PAGE | BITS_XEN));
    }
    assert_true(updates[4].where == PV_XEN_PAGE + 7 * 8 && updates[4].value == 0);
    /* Of both, reads have to look for what waits. */
    assert_true(fake_cpu.backend[PV_XEN_WORD_WRITTEN] == (bits[0] | bits[1]));
    /* And it is the table that entries are appended for now. */
    assert_true(fake_cpu.backend[PV_XEN_WORD_TABLE] == (uintptr_t)others[0]);
}

static void a_table_is_forgotten_when_tables_change(void **state)
{
    (void)state;
    open_batch(8);
    remember(others[0], PV_XEN_PAGE, 1);
    pv_xen_tables_change();
    pv_xen_pv_pte_set(&others[0][0], (struct pv_pte){BITS});
    pv_xen_pv_pte_clear(&others[0][0]);
    assert_int_equal(in_c, 2);
    remember(others[0], PV_XEN_PAGE, 1);
    pv_xen_p2m_set(HALF_TIB, (struct pv_xen_mfn){frame_of(HALF_TIB)});
    pv_xen_pv_pte_clear(&others[0][0]);
    assert_int_equal(in_c, 3);
    assert_int_equal(queued(), 0);
    assert_true(fake_cpu.backend[PV_XEN_WORD_WRITTEN] == 0);
}

/* The place of one is the place of the one 16 pages on. */
static void another_table_in_the_same_place_is_not_taken_for_it(void **state)
{
    (void)state;
    open_batch(8);
    remember(others[0], PV_XEN_PAGE, 1);
    recent[(uintptr_t)others[0] / PV_XEN_PAGE % PV_XEN_RECENT_TABLES].table +=
        PV_XEN_RECENT_TABLES * PV_XEN_PAGE;
    pv_xen_pv_pte_clear(&others[0][0]);
    assert_int_equal(in_c, 1);
    assert_int_equal(queued(), 0);
}

/* As in a handler that interrupts one: nothing of it may change. */
static void nothing_is_changed_when_no_batch_is_open(void **state)
{
    (void)state;
    open_batch(8);
    remember(others[0], PV_XEN_PAGE, 1);
    fake_cpu.backend[PV_XEN_WORD_END] = 0;
    pv_xen_pv_pte_set(&others[0][0], (struct pv_pte){BITS});
    pv_xen_pv_pte_set(&others[0][0], (struct pv_pte){BITS | PTE_USER});
    pv_xen_pv_pte_clear(&others[0][0]);
    assert_int_equal(in_c, 3);
    assert_true(fake_cpu.backend[PV_XEN_WORD_BITS] == PTE_PRESENT);
    assert_true(fake_cpu.backend[PV_XEN_WORD_ADD] == SOFT_NOT_USER);
    assert_true(fake_cpu.backend[PV_XEN_WORD_WRITTEN] == 0);
    assert_true(fake_cpu.backend[PV_XEN_WORD_TABLE] == (uintptr_t)table);
}

static void clearing_takes_the_short_way_too(void **state)
{
    (void)state;
    open_batch(2);
    pv_xen_pv_pte_clear(&table[LAST_SLOT]);
    pv_xen_pv_pte_clear(&table[0]);
    assert_int_equal(in_c, 0);
    assert_int_equal(queued(), 2);
    assert_true(updates[0].where == MACHINE + LAST_SLOT * 8 && updates[0].value == 0);
    assert_true(updates[1].where == MACHINE && updates[1].value == 0);
    pv_xen_pv_pte_clear(&table[1]);
    assert_int_equal(in_c, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(both_directions_agree_on_both_sides, begin),
        cmocka_unit_test_setup(an_entry_keeps_all_bits_of_a_frame, begin),
        cmocka_unit_test_setup(a_frame_that_an_entry_cannot_name_is_refused, begin),
        cmocka_unit_test_setup(the_short_way_finds_frames_on_both_sides, begin),
        cmocka_unit_test_setup(the_short_way_writes_what_the_long_one_would_whatever_the_rights,
                               begin),
        cmocka_unit_test_setup(all_else_goes_the_long_way, begin),
        cmocka_unit_test_setup(the_first_entry_finds_its_kind, begin),
        cmocka_unit_test_setup(a_table_that_was_written_lately_is_found_again, begin),
        cmocka_unit_test_setup(a_table_is_forgotten_when_tables_change, begin),
        cmocka_unit_test_setup(another_table_in_the_same_place_is_not_taken_for_it, begin),
        cmocka_unit_test_setup(nothing_is_changed_when_no_batch_is_open, begin),
        cmocka_unit_test_setup(clearing_takes_the_short_way_too, begin),
    };

    return cmocka_run_group_tests_name("a PV guest of a tebibyte", tests, NULL, NULL);
}
