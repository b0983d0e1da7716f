/* SPDX-License-Identifier: MIT */
/*
 * Frames and page-table entries of a PV guest (backends/xen/pv/p2m.c, pte.c) on the host, with a
 * Xen whose tables say what a test wants.
 *
 * Theory: what a kernel writes into an entry it reads back; what Xen adds or forbids it never sees;
 * and no lie in either direction's table makes a frame of somebody else look like one of its own.
 */
#include "fake.h"

#include <string.h>
#include <sys/mman.h>

/* fake.c has these for tests of other files. */
#define pv_xen_pages        tested_pages
#define pv_xen_from_machine tested_from_machine
#include "backends/xen/pv/p2m.c"
#include "backends/xen/pv/pte.c"

#define PAGES     64u
#define FRAMES    4096u
#define FIRST_MFN 1000u

/* Xen's PAT: xen/arch/x86/include/asm/processor.h, XEN_MSR_PAT. */
#define XEN_PAT 0x050100070406ull

static uint64_t p2m[PAGES];
static uint64_t m2p[FRAMES];
static struct pv_xen_machphys answered;
static int64_t answered_result;
static uint64_t pat;
static int pat_status;
static struct pv_boot_xen_pv boot;
static struct pv_error error;

int64_t fake_pv_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)c;
    (void)d;
    assert_true(number == PV_XEN_HC_MEMORY_OP && a == PV_XENMEM_MACHPHYS_MAPPING);
    *(struct pv_xen_machphys *)(uintptr_t)b = answered;
    return answered_result;
}

/* The table is where Xen's would be as far as the checks go; reading it is redirected here. */
bool pv_xen_pv_probe(const uint64_t *address, uint64_t *value)
{
    uint64_t index = ((uintptr_t)address - answered.start) / sizeof(uint64_t);

    assert_true(index < FRAMES);
    if (m2p[index] == UINT64_MAX - 1)
        return false; /* a hole */
    *value = m2p[index];
    return true;
}

static int read_msr(uint32_t msr, uint64_t *value)
{
    assert_int_equal(msr, 0x277);
    if (pat_status == PV_OK)
        *value = pat;
    return pat_status;
}

struct pv_ops pv_ops = {.cpu_msr_read = read_msr};

static uint64_t lent[PV_XEN_PAGE / sizeof(uint64_t)];
static unsigned lendings;

static void *at(uint64_t phys)
{
    return phys == 0x5000 ? p2m : phys == 0x9000 ? lent : NULL;
}

static uint64_t lend(void)
{
    lendings++;
    memset(lent, 0, sizeof(lent));
    return 0x9000;
}

static int start(void **state)
{
    (void)state;
    fake_reset();
    fake_platform.phys_to_virt = at;
    answered =
        (struct pv_xen_machphys){PV_XEN_VIRT_START, PV_XEN_VIRT_START + FRAMES * 8, FRAMES - 1};
    answered_result = 0;
    boot = (struct pv_boot_xen_pv){.pages = PAGES, .list = 0x5000};
    memset(m2p, 0xff, sizeof(m2p));
    for (uint64_t i = 0; i < PAGES; i++) {
        p2m[i] = FIRST_MFN + i * 3;
        m2p[p2m[i]] = i;
    }
    replaced_pfn = replaced_mfn = PV_XEN_NO_FRAME;
    memset(extra, 0, sizeof(extra));
    pat = XEN_PAT;
    pat_status = PV_OK;
    assert_int_equal(pv_xen_p2m_begin(&boot, &error), PV_OK);
    pv_xen_pte_begin();
    return 0;
}

static void both_directions_agree_for_every_page(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < PAGES; i++)
        assert_int_equal(pv_xen_from_machine(pv_xen_to_machine(i)), i);
}

static void a_page_beyond_the_memory_has_no_machine_frame(void **state)
{
    (void)state;
    assert_true(pv_xen_to_machine(PAGES).frame == PV_XEN_NO_FRAME);
    assert_true(pv_xen_to_machine(UINT64_MAX).frame == PV_XEN_NO_FRAME);
}

static void a_frame_of_another_domain_is_none_of_this_one(void **state)
{
    (void)state;
    /* Another domain may say in its part of the table whatever it likes. */
    m2p[7] = 12;
    assert_true(pv_xen_from_machine((struct pv_xen_mfn){7}) == PV_XEN_NO_FRAME);
    m2p[8] = PAGES + 5;
    assert_true(pv_xen_from_machine((struct pv_xen_mfn){8}) == PV_XEN_NO_FRAME);
}

static void a_hole_in_the_table_is_no_memory(void **state)
{
    (void)state;
    m2p[9] = UINT64_MAX - 1;
    assert_true(pv_xen_from_machine((struct pv_xen_mfn){9}) == PV_XEN_NO_FRAME);
}

static void a_frame_beyond_the_table_is_not_looked_up(void **state)
{
    (void)state;
    assert_true(pv_xen_from_machine((struct pv_xen_mfn){FRAMES}) == PV_XEN_NO_FRAME);
    assert_true(pv_xen_from_machine((struct pv_xen_mfn){UINT64_MAX}) == PV_XEN_NO_FRAME);
}

static void a_table_that_is_not_where_xens_is_is_refused(void **state)
{
    (void)state;
    static const struct pv_xen_machphys lies[] = {
        {0x1000, 0x2000, 10},
        {PV_XEN_VIRT_START - 8, PV_XEN_VIRT_START + 8, 10},
        {PV_XEN_VIRT_START, PV_XEN_VIRT_END + 8, 10},
        {PV_XEN_VIRT_START + 8, PV_XEN_VIRT_START + 8, 10},
        {PV_XEN_VIRT_END, PV_XEN_VIRT_START, 10},
        {PV_XEN_VIRT_START + 4, PV_XEN_VIRT_END, 10},
    };
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        answered = lies[i];
        assert_int_equal(pv_xen_p2m_begin(&boot, &error), PV_E_HOST);
        assert_true(error.what != NULL);
    }
}

static void the_highest_frame_is_believed_no_further_than_the_table_goes(void **state)
{
    (void)state;
    answered.max_frame = UINT64_MAX;
    assert_int_equal(pv_xen_p2m_begin(&boot, &error), PV_OK);
    assert_true(pv_xen_from_machine((struct pv_xen_mfn){FRAMES}) == PV_XEN_NO_FRAME);
}

static void a_list_that_is_not_mapped_is_an_error(void **state)
{
    (void)state;
    boot.list = 0x6000;
    assert_int_equal(pv_xen_p2m_begin(&boot, &error), PV_E_ARGUMENT);
    fake_platform.phys_to_virt = NULL;
    assert_int_equal(pv_xen_p2m_begin(&boot, &error), PV_E_ARGUMENT);
}

static void a_replaced_page_is_found_in_both_directions(void **state)
{
    (void)state;
    pv_xen_p2m_replace(5, (struct pv_xen_mfn){77777});
    assert_int_equal(pv_xen_to_machine(5).frame, 77777);
    assert_int_equal(pv_xen_from_machine((struct pv_xen_mfn){77777}), 5);
}

/* As Xen does to what a guest writes: adjust_guest_l1e(). */
static uint64_t as_xen_keeps_it(uint64_t raw)
{
    if ((raw & PTE_PRESENT) == 0)
        return raw;
    if ((raw & PTE_USER) == 0)
        return raw | PTE_USER | XEN_KERNEL;
    return raw | PTE_GLOBAL;
}

static void a_page_beyond_the_beginning_has_memory_when_it_got_some(void **state)
{
    (void)state;
    fake_platform.page_alloc = lend;
    lendings = 0;
    assert_true(pv_xen_p2m_reach(PAGES));
    assert_true(pv_xen_p2m_reach(PAGES + 511));
    assert_int_equal(lendings, 1);
    assert_true(tested_pages() == PAGES + 512);
    assert_true(pv_xen_to_machine(PAGES).frame == PV_XEN_NO_FRAME);
    pv_xen_p2m_set(PAGES + 511, (struct pv_xen_mfn){2000});
    assert_int_equal(pv_xen_to_machine(PAGES + 511).frame, 2000);
    assert_true(pv_xen_from_machine((struct pv_xen_mfn){2000}) == PV_XEN_NO_FRAME);
    m2p[2000] = PAGES + 511;
    assert_int_equal(pv_xen_from_machine((struct pv_xen_mfn){2000}), PAGES + 511);
    /* The next page of entries is not there yet. */
    assert_true(pv_xen_to_machine(PAGES + 512).frame == PV_XEN_NO_FRAME);
    assert_true(pv_xen_is_memory(PAGES + 511));
    assert_false(pv_xen_is_memory(PAGES + 512));
}

static void memory_that_is_too_far_or_has_no_entry_is_not_reached(void **state)
{
    (void)state;
    assert_false(pv_xen_p2m_reach(PAGES)); /* nobody lends a page */
    fake_platform.page_alloc = lend;
    assert_false(pv_xen_p2m_reach(PAGES + EXTRA_TABLES * EXTRA_ENTRIES));
    assert_false(pv_xen_p2m_reach(UINT64_MAX));
    assert_true(tested_pages() == PAGES);
    pv_xen_p2m_set(UINT64_MAX, (struct pv_xen_mfn){1});
    assert_true(pv_xen_to_machine(UINT64_MAX).frame == PV_XEN_NO_FRAME);
}

static void what_is_written_is_read_back(void **state)
{
    static const uint64_t bits[] = {PTE_WRITE, PTE_USER, PTE_PWT,    PTE_PCD,
                                    0x20,      0x40,     PTE_GLOBAL, PTE_NX};
    (void)state;
    for (unsigned choice = 0; choice < 1u << (sizeof(bits) / sizeof(bits[0])); choice++) {
        uint64_t value = 17 * PV_XEN_PAGE | PTE_PRESENT;
        uint64_t raw = 0;
        for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
            value |= choice >> i & 1 ? bits[i] : 0;
        assert_true(pv_xen_pte_to_machine((struct pv_pte){value}, &raw));
        assert_int_equal((raw & PTE_FRAME) / PV_XEN_PAGE, p2m[17]);
        assert_true(pv_xen_pte_from_machine(raw).raw == value);
        assert_true(pv_xen_pte_from_machine(as_xen_keeps_it(raw)).raw == value);
    }
}

static void nothing_that_xen_forbids_is_written(void **state)
{
    uint64_t raw = 0;
    (void)state;
    uint64_t value = 3 * PV_XEN_PAGE | PTE_PRESENT | PTE_GLOBAL | 0x7ff0000000000000ull;
    assert_true(pv_xen_pte_to_machine((struct pv_pte){value}, &raw));
    assert_true((raw & 0x7ff0000000000000ull) == 0);
    assert_true((raw & PTE_GLOBAL) == 0);
}

static void a_kernels_page_is_never_global(void **state)
{
    uint64_t raw = 0;
    (void)state;
    assert_true(pv_xen_pte_to_machine((struct pv_pte){PTE_PRESENT | PTE_GLOBAL}, &raw));
    assert_true((raw & PTE_GLOBAL) == 0);
}

static void what_is_not_present_passes_unchanged(void **state)
{
    uint64_t raw = 0;
    (void)state;
    assert_true(pv_xen_pte_to_machine((struct pv_pte){0x123456789abcdef0ull}, &raw));
    assert_true(raw == 0x123456789abcdef0ull);
    assert_true(pv_xen_pte_from_machine(raw).raw == raw);
}

static void a_frame_that_this_domain_does_not_have_is_refused(void **state)
{
    uint64_t raw = 0;
    (void)state;
    assert_false(pv_xen_pte_to_machine((struct pv_pte){PAGES * 0x1000ull | PTE_PRESENT}, &raw));
    assert_false(pv_xen_pte_to_machine((struct pv_pte){PTE_FRAME | PTE_PRESENT}, &raw));
    p2m[4] = UINT64_MAX; /* a page given back to Xen */
    assert_false(pv_xen_pte_to_machine((struct pv_pte){0x4001}, &raw));
}

static void a_machine_frame_is_written_and_read_as_one(void **state)
{
    uint64_t raw = 0;
    (void)state;
    uint64_t value = 0xfee00000ull | PTE_PRESENT | PTE_WRITE | PV_PTE_MACHINE;
    assert_true(pv_xen_pte_to_machine((struct pv_pte){value}, &raw));
    assert_true((raw & PTE_FRAME) == 0xfee00000ull);
    assert_true(pv_xen_pte_from_machine(raw).raw == value);
}

static void an_entry_of_xens_own_is_marked_as_machine_memory(void **state)
{
    (void)state;
    struct pv_pte entry = pv_xen_pte_from_machine(2 * 0x1000ull | 0x63);
    assert_true((entry.raw & PV_PTE_MACHINE) != 0);
}

/* Index of the PAT that an entry chooses. */
static unsigned index_in(uint64_t raw)
{
    return cache_index(raw);
}

static void each_memory_type_is_the_same_under_xens_pat(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PAT_INDICES; i++) {
        uint64_t raw = 0;
        assert_true(
            pv_xen_pte_to_machine((struct pv_pte){0x1000 | PTE_PRESENT | cache_bits[i]}, &raw));
        assert_int_equal(type_at(XEN_PAT, index_in(raw)), type_at(PAT_AT_RESET, i));
        uint64_t back = pv_xen_pte_from_machine(raw).raw;
        assert_int_equal(type_at(PAT_AT_RESET, index_in(back)), type_at(PAT_AT_RESET, i));
    }
}

/* What is not compared is passed on as it is: ops.S. */
static void cache_bits_are_compared_if_xens_types_are_others(void **state)
{
    const uint64_t cache = PTE_PWT | PTE_PCD;

    (void)state;
    assert_true((pv_xen_pte_compared & cache) == 0);
    pat = (XEN_PAT & ~0xffffull) | 0x0604; /* the first two change places */
    pv_xen_pte_begin();
    assert_true((pv_xen_pte_compared & cache) == cache);
    pat = XEN_PAT;
    pv_xen_pte_begin();
    assert_true((pv_xen_pte_compared & cache) == 0);
}

static void without_a_readable_pat_bits_stay_as_they_are(void **state)
{
    uint64_t raw = 0;
    (void)state;
    pat_status = PV_E_MSR;
    pv_xen_pte_begin();
    assert_true(pv_xen_pte_to_machine((struct pv_pte){0x1000 | PTE_PRESENT | PTE_PCD}, &raw));
    assert_true((raw & (PTE_PAT | PTE_PCD | PTE_PWT)) == PTE_PCD);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(both_directions_agree_for_every_page, start),
        cmocka_unit_test_setup(a_page_beyond_the_memory_has_no_machine_frame, start),
        cmocka_unit_test_setup(a_frame_of_another_domain_is_none_of_this_one, start),
        cmocka_unit_test_setup(a_hole_in_the_table_is_no_memory, start),
        cmocka_unit_test_setup(a_frame_beyond_the_table_is_not_looked_up, start),
        cmocka_unit_test_setup(a_table_that_is_not_where_xens_is_is_refused, start),
        cmocka_unit_test_setup(the_highest_frame_is_believed_no_further_than_the_table_goes, start),
        cmocka_unit_test_setup(a_list_that_is_not_mapped_is_an_error, start),
        cmocka_unit_test_setup(a_replaced_page_is_found_in_both_directions, start),
        cmocka_unit_test_setup(a_page_beyond_the_beginning_has_memory_when_it_got_some, start),
        cmocka_unit_test_setup(memory_that_is_too_far_or_has_no_entry_is_not_reached, start),
        cmocka_unit_test_setup(what_is_written_is_read_back, start),
        cmocka_unit_test_setup(nothing_that_xen_forbids_is_written, start),
        cmocka_unit_test_setup(a_kernels_page_is_never_global, start),
        cmocka_unit_test_setup(what_is_not_present_passes_unchanged, start),
        cmocka_unit_test_setup(a_frame_that_this_domain_does_not_have_is_refused, start),
        cmocka_unit_test_setup(a_machine_frame_is_written_and_read_as_one, start),
        cmocka_unit_test_setup(an_entry_of_xens_own_is_marked_as_machine_memory, start),
        cmocka_unit_test_setup(each_memory_type_is_the_same_under_xens_pat, start),
        cmocka_unit_test_setup(cache_bits_are_compared_if_xens_types_are_others, start),
        cmocka_unit_test_setup(without_a_readable_pat_bits_stay_as_they_are, start),
    };

    return cmocka_run_group_tests_name("PV frames and entries", tests, NULL, NULL);
}
