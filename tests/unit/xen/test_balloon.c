/* SPDX-License-Identifier: MIT */
/*
 * Memory given to Xen and taken again (backends/xen/balloon.c, lib/memory.c) on the host, with a
 * Xen that says what it likes. What a real one does the self-test sees, up to a machine without
 * memory.
 */
#include "fake.h"

#include <string.h>

#include "backends/xen/balloon.c"
#include "lib/memory.c"

#define PAGES 300u

static uint8_t memory[PAGES][PV_XEN_PAGE];
static uint64_t frames[PAGES];
static bool has[PAGES];      /* memory, by the fake Xen's books */
static int64_t answers_with; /* by Xen to whatever it is asked; INT64_MAX: the truth */
static uint32_t most_a_call; /* extents that are done in one */
static uint32_t free_pages;  /* that Xen has to give */
static struct pv_error error;

bool pv_xen_is_pv(void)
{
    return false;
}

uint32_t pv_xen_pv_given_ok(const uint64_t *list, uint32_t count)
{
    (void)list;
    return count;
}

uint32_t pv_xen_pv_taken_ok(const uint64_t *list, uint32_t count)
{
    (void)list;
    return count;
}

int pv_xen_machine_memory_map(struct pv_memory_range *ranges, unsigned room)
{
    (void)ranges;
    return (int)room;
}

int pv_xen_pv_give(const uint64_t *list, uint32_t count)
{
    (void)list;
    return (int)count;
}

int pv_xen_pv_take(const uint64_t *list, uint32_t count)
{
    (void)list;
    return (int)count;
}

static const struct pv_backend backend = {.memory = &pv_xen_host_memory};
const struct pv_backend *pv_backend = &backend;

static void *at(uint64_t phys)
{
    return phys / PV_XEN_PAGE < PAGES ? memory[phys / PV_XEN_PAGE] : NULL;
}

static int64_t change_one(uint64_t command, uint64_t frame)
{
    assert_true(frame < PAGES);
    if (command == PV_XENMEM_POPULATE_PHYSMAP && free_pages == 0)
        return 0;
    free_pages += command == PV_XENMEM_POPULATE_PHYSMAP ? UINT32_MAX : 1;
    has[frame] = command == PV_XENMEM_POPULATE_PHYSMAP;
    return 1;
}

static int64_t answer(uint64_t number, uint64_t command, void *argument)
{
    const struct pv_xen_memory_reservation *change = argument;
    int64_t done = 0;

    assert_int_equal(number, PV_XEN_HC_MEMORY_OP);
    if (answers_with != INT64_MAX)
        return answers_with;
    if (command == PV_XENMEM_CURRENT_RESERVATION || command == PV_XENMEM_MAXIMUM_RESERVATION)
        return command == PV_XENMEM_CURRENT_RESERVATION ? 200 : 300;
    while (done < (int64_t)change->count && done < most_a_call &&
           change_one(command, change->extents[done]) == 1)
        done++;
    return done;
}

static int begin(void **state)
{
    (void)state;
    fake_reset();
    fake_answer = answer;
    fake_platform.phys_to_virt = at;
    answers_with = INT64_MAX;
    most_a_call = UINT32_MAX;
    free_pages = 0;
    memset(memory, 0x55, sizeof(memory));
    for (unsigned i = 0; i < PAGES; i++) {
        frames[i] = i;
        has[i] = true;
    }
    error = (struct pv_error){0, NULL, 0, 0};
    return 0;
}

static bool is_clear(unsigned page)
{
    for (unsigned i = 0; i < PV_XEN_PAGE; i++)
        if (memory[page][i] != 0)
            return false;
    return true;
}

static void all_are_given_cleared_and_in_pieces(void **state)
{
    (void)state;
    assert_int_equal(pv_memory_give(frames, PAGES, &error), PAGES);
    assert_int_equal(fake_calls(PV_XEN_HC_MEMORY_OP, PV_XENMEM_DECREASE_RESERVATION), 3);
    for (unsigned i = 0; i < PAGES; i++)
        assert_true(!has[i] && is_clear(i));
    assert_int_equal(error.status, 0);
}

static void what_is_taken_is_cleared(void **state)
{
    (void)state;
    free_pages = PAGES;
    assert_int_equal(pv_memory_take(frames, PAGES, &error), PAGES);
    for (unsigned i = 0; i < PAGES; i++)
        assert_true(is_clear(i));
}

static void no_more_memory_is_a_number_and_a_reason(void **state)
{
    (void)state;
    free_pages = 130; /* in the second piece of the list */
    assert_int_equal(pv_memory_take(frames, PAGES, &error), 130);
    assert_int_equal(error.status, PV_E_FULL);
    assert_int_equal(error.where, 130);
    assert_int_equal(pv_memory_take(frames, 1, &error), 0);
    assert_int_equal(error.where, 0);
    assert_true(!is_clear(130));
}

static void xen_that_does_a_part_is_not_asked_for_ever(void **state)
{
    (void)state;
    most_a_call = 5;
    assert_int_equal(pv_memory_give(frames, PAGES, &error), 5);
    assert_int_equal(error.status, PV_E_HOST);
    assert_int_equal(error.where, 5);
    assert_int_equal(fake_calls(PV_XEN_HC_MEMORY_OP, PV_XENMEM_DECREASE_RESERVATION), 1);
}

static void more_than_was_asked_for_is_not_believed(void **state)
{
    static const int64_t lies[] = {PV_HOST_MEMORY_PAGES + 1, INT64_MAX - 1, -1, -38, INT64_MIN};

    (void)state;
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        answers_with = lies[i];
        assert_int_equal(pv_memory_take(frames, PAGES, &error), 0);
        assert_int_equal(pv_memory_give(frames, PAGES, &error), 0);
    }
}

static void a_page_that_is_not_there_ends_the_list(void **state)
{
    (void)state;
    frames[2] = PAGES;
    assert_int_equal(pv_memory_give(frames, 4, &error), 2);
    assert_int_equal(error.status, PV_E_ARGUMENT);
    assert_true(error.where == PAGES);
    frames[0] = UINT64_MAX;
    assert_int_equal(pv_memory_give(frames, 4, &error), PV_E_ARGUMENT);
    assert_true(error.where == UINT64_MAX);
}

static void limits_are_told_or_are_an_error(void **state)
{
    struct pv_memory_limits limits = {0};

    (void)state;
    assert_int_equal(pv_memory_limits(&limits), PV_OK);
    assert_true(limits.pages == 200 && limits.most == 300);
    answers_with = PV_XEN_ENOSYS;
    assert_int_equal(pv_memory_limits(&limits), PV_E_UNSUPPORTED);
    answers_with = -22;
    assert_int_equal(pv_memory_limits(&limits), PV_E_HOST);
}

static void without_a_backend_that_can_nothing_is_given(void **state)
{
    static const struct pv_backend plain = {.name = "plain"};
    struct pv_memory_limits limits;

    (void)state;
    pv_backend = &plain;
    assert_int_equal(pv_memory_limits(&limits), PV_E_UNSUPPORTED);
    assert_int_equal(pv_memory_give(frames, 1, &error), PV_E_UNSUPPORTED);
    assert_int_equal(pv_memory_take(frames, 1, &error), PV_E_UNSUPPORTED);
    assert_int_equal(pv_pte_set_foreign(NULL, (struct pv_pte){0}, 1, &error), PV_E_UNSUPPORTED);
    pv_backend = &backend;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_are_given_cleared_and_in_pieces, begin),
        cmocka_unit_test_setup(what_is_taken_is_cleared, begin),
        cmocka_unit_test_setup(no_more_memory_is_a_number_and_a_reason, begin),
        cmocka_unit_test_setup(xen_that_does_a_part_is_not_asked_for_ever, begin),
        cmocka_unit_test_setup(more_than_was_asked_for_is_not_believed, begin),
        cmocka_unit_test_setup(a_page_that_is_not_there_ends_the_list, begin),
        cmocka_unit_test_setup(limits_are_told_or_are_an_error, begin),
        cmocka_unit_test_setup(without_a_backend_that_can_nothing_is_given, begin),
    };

    return cmocka_run_group_tests_name("memory that goes and comes", tests, NULL, NULL);
}
