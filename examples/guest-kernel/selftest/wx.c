/* SPDX-License-Identifier: MIT */
/*
 * No page is both writable and executable: the tables in force are walked, whoever made them.
 */
#include "selftest.h"
#include "../cpu.h"
#include "../memory.h"
#include "../string.h"
#include "../traps.h"

static bool look_for_both(uintptr_t address, uint64_t bytes, uint64_t rights, void *context)
{
    (void)bytes;
    if ((rights & PTE_WRITE) == 0 || (rights & PTE_NX) != 0)
        return true;
    *(uintptr_t *)context = address;
    return false;
}

uintptr_t writable_and_executable(void)
{
    uintptr_t found = 0;
    paging_walk(pv_cr3_read() & PTE_ADDRESS, look_for_both, &found);
    return found;
}

static bool count_leaf(uintptr_t address, uint64_t bytes, uint64_t rights, void *context)
{
    (void)address;
    (void)bytes;
    (void)rights;
    ++*(uint64_t *)context;
    return true;
}

static void no_such_page(struct check *check)
{
    uint64_t leaves = 0;
    uintptr_t found = writable_and_executable();
    EXPECT(check, found == 0, "there is one at %lx", found);
    paging_walk(pv_cr3_read() & PTE_ADDRESS, count_leaf, &leaves);
    EXPECT(check, leaves > 100, "only %lu pages were seen", leaves);
}

static void nor_after_patching(struct check *check)
{
    struct pv_error error;
    if (skip_if_bound(check))
        return;
    pv_irq_disable();
    expect_ok(check, "pv_unpatch", pv_unpatch(&error), &error);
    uintptr_t unpatched = writable_and_executable();
    expect_ok(check, "pv_patch", pv_patch(&error), &error);
    uintptr_t patched = writable_and_executable();
    pv_irq_enable();
    EXPECT(check, unpatched == 0 && patched == 0, "there is one at %lx", unpatched | patched);
}

/* The alias is there for a page at a time, and is data as long as it is. */
static void nor_while_aliased(struct check *check)
{
    void *alias = text_alias((uintptr_t)no_such_page, 8);
    if (!EXPECT(check, alias != NULL, "no alias"))
        return;
    uintptr_t found = writable_and_executable();
    bool same = memcmp(alias, (const void *)(uintptr_t)no_such_page, 8) == 0;
    text_unalias(alias, 8);
    uint64_t value;
    EXPECT(check, found == 0, "there is one at %lx", found);
    EXPECT(check, same, "the alias shows something else");
    EXPECT(check, !probe_read(alias, &value), "the alias is there after its end");
}

static void boot_tables_are_gone(struct check *check)
{
    uint64_t value;
    EXPECT(check, !probe_read((void *)0x200000, &value), "memory is still mapped at its address");
}

static void other_name_is_read_only(struct check *check)
{
    void *text = direct(virt_to_phys((void *)(uintptr_t)no_such_page));
    EXPECT(check, !probe_write(text, 0), "text was written through the direct map");
}

static const struct test wx_tests[] = {
    {"no page is both writable and executable", no_such_page},
    {"nor after pv_unpatch() and pv_patch()", nor_after_patching},
    {"nor while text has a writable alias, which ends with its use", nor_while_aliased},
    {"the page tables of the boot are gone", boot_tables_are_gone},
    {"the kernel's text has no other, writable address", other_name_is_read_only},
};

const struct test_group wx_group = TEST_GROUP(wx);
