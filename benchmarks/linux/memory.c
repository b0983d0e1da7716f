/* SPDX-License-Identifier: MIT */
/*
 * Anonymous memory, page by page: transparent huge pages are off for this process, since the kernel
 * that is compared maps pages of 4 KiB.
 */
#include "operations.h"
#include <linux/mman.h>
#include <linux/prctl.h>

#define READ_WRITE ((uint64_t)(PROT_READ | PROT_WRITE))
#define PRIVATE    ((uint64_t)(MAP_PRIVATE | MAP_ANONYMOUS))
/* struct rusage (linux/resource.h): two times of 16 bytes, four sizes, then the minor faults. */
#define RUSAGE_SELF  0u
#define RUSAGE_WORDS 18u
#define MINOR_FAULTS 8u

uint32_t space_pages;

static uint64_t area;
static uint64_t faults_before;

failure no_huge_pages(void)
{
    long status = system_call(__NR_prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0, 0);
    return status == 0 ? NULL : "huge pages cannot be switched off (prctl)";
}

static failure map(uint32_t pages, uint64_t flags)
{
    long at =
        system_call(__NR_mmap, 0, pages * PAGE_BYTES, READ_WRITE, PRIVATE | flags, (uint64_t)-1, 0);
    if (at < 0)
        return "no memory can be mapped (mmap)";
    area = (uint64_t)at;
    return NULL;
}

failure run_unmap(uint32_t pages)
{
    return call2(__NR_munmap, area, pages * PAGE_BYTES) == 0 ? NULL : "munmap fails";
}

static failure minor_faults(uint64_t *faults)
{
    uint64_t usage[RUSAGE_WORDS] = {0};
    if (call2(__NR_getrusage, RUSAGE_SELF, (uint64_t)usage) != 0)
        return "getrusage fails";
    *faults = usage[MINOR_FAULTS];
    return NULL;
}

failure prepare_untouched(uint32_t pages)
{
    failure failed = map(pages, 0);
    return failed != NULL ? failed : minor_faults(&faults_before);
}

failure run_first_touches(uint32_t pages)
{
    for (uint32_t i = 0; i < pages; i++)
        *(volatile uint64_t *)(area + i * PAGE_BYTES) = i;
    return NULL;
}

failure finish_pages(uint32_t pages)
{
    uint64_t faults;
    failure failed = minor_faults(&faults);
    if (failed != NULL)
        return failed;
    /* Tables and other pages of the process may add some. */
    if (faults - faults_before < pages)
        return "touching a page for the first time made no page fault";
    return run_unmap(pages);
}

failure run_page_by_page(uint32_t pages)
{
    for (uint32_t i = 0; i < pages; i++) {
        failure failed = map(1, MAP_POPULATE);
        if (failed != NULL)
            return failed;
        *(volatile uint64_t *)area = i;
        failed = run_unmap(1);
        if (failed != NULL)
            return failed;
    }
    return NULL;
}

failure run_populate(uint32_t pages)
{
    return map(pages, MAP_POPULATE);
}

failure prepare_populated(uint32_t pages)
{
    return map(pages, MAP_POPULATE);
}

static _Noreturn void populate_and_end(void)
{
    end_process(map(space_pages, MAP_POPULATE) == NULL ? 0 : 1);
}

failure run_spaces(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        long child = fork_process();
        if (child == 0)
            populate_and_end();
        failure failed = child > 0 ? await_child(child) : "no child (clone)";
        if (failed != NULL)
            return failed;
    }
    return NULL;
}
