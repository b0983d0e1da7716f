/* SPDX-License-Identifier: MIT */
/*
 * Soft reset, as before another kernel in the same memory: Xen is told things by hand, as a kernel
 * that crashes leaves them behind, and knows none of them any more. Then this kernel begins again.
 * `softreset` on the command line says that the machine's manager is there to do it. Like events.c
 * this file looks into the library's own headers, and it comes last.
 */
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/event_channel.h"
#include "backends/xen/abi/memory.h"
#include "backends/xen/abi/sched.h"
#include "backends/xen/abi/version.h"
#include "backends/xen/xen.h"
#include "selftest.h"
#include "../cpu.h"
#include "../memory.h"
#include "../smp.h"
#include "../string.h"
#include "../timer.h"

#define CHANNELS  3u
#define LOOKED_AT 64u
#define MARK      0xa5
#define AWAY_MS   1500u /* Xen writes a CPU's time once a second at least */

/* Of a kind that nobody but this kernel makes. */
static unsigned open_channels(void)
{
    unsigned open = 0;
    for (uint32_t port = 1; port < LOOKED_AT; port++) {
        struct pv_evtchn_status status = {.domain = PV_XEN_DOMID_SELF, .port = port};
        open += pv_xen_event_channel_op(PV_EVTCHNOP_STATUS, &status) == 0 &&
                status.status == PV_EVTCHNSTAT_IPI;
    }
    return open;
}

static void leave_channels_open(void)
{
    for (unsigned i = 0; i < CHANNELS; i++) {
        struct pv_evtchn_bind_ipi bind = {0, 0};
        (void)pv_xen_event_channel_op(PV_EVTCHNOP_BIND_IPI, &bind);
    }
}

/* Xen's page takes the place of a page of this kernel's. */
static int64_t leave_page_shared(uint64_t phys)
{
    struct pv_xen_add_to_physmap add = {
        .domain = PV_XEN_DOMID_SELF,
        .space = PV_XENMAPSPACE_SHARED_INFO,
        .frame = phys / PAGE_BYTES,
    };
    return pv_xen_memory_op(PV_XENMEM_ADD_TO_PHYSMAP, &add);
}

static void be_away(uint32_t khz)
{
    uint64_t begin = read_tsc();
    while (read_tsc() - begin < (uint64_t)khz * AWAY_MS)
        (void)pv_xen_sched_op(PV_SCHEDOP_YIELD, NULL);
}

/* Whether Xen writes the first CPU's time into the page. */
static bool page_is_xens(volatile struct pv_xen_shared_info *page, uint32_t khz)
{
    volatile uint8_t *time = (volatile uint8_t *)&page->vcpu[0].time;
    bool written = false;
    for (unsigned i = 0; i < sizeof(page->vcpu[0].time); i++)
        time[i] = MARK;
    be_away(khz);
    for (unsigned i = 0; i < sizeof(page->vcpu[0].time); i++)
        written = written || time[i] != MARK;
    return written;
}

/* Interrupts off, other CPUs parked, nothing of the library's registered. */
static void reset(struct check *check, uint64_t phys, uint32_t khz)
{
    struct pv_error error = {0};
    volatile struct pv_xen_shared_info *page = direct(phys);
    leave_channels_open();
    int64_t shared = leave_page_shared(phys);
    unsigned open = open_channels();
    bool written = shared == 0 && page_is_xens(page, khz);
    int status = pv_soft_reset(&error);
    bool still_written = page_is_xens(page, khz);
    EXPECT(check, shared == 0 && open == CHANNELS && written,
           "before: page %ld, written %u, %u channels", shared, written, open);
    expect_ok(check, "pv_soft_reset", status, &error);
    EXPECT(check, !still_written, "Xen still writes the page that it shared");
    EXPECT(check, open_channels() == 0, "%u channels are still open", open_channels());
}

static void begin_again(struct check *check, unsigned count)
{
    struct pv_error error;
    for (unsigned cpu = 1; cpu < count; cpu++)
        if (!expect_ok(check, "a CPU does not come back", smp_online(cpu, &error), &error))
            return;
    uint64_t ticks = timer_interrupts();
    sleep_ns(NS_PER_MS);
    EXPECT(check, timer_interrupts() != ticks, "the timer does not fire any more");
    ops_work(check);
}

/* Xen's hardware domain must not ask: the machine would be restarted. */
static bool has_soft_reset(void)
{
    struct pv_facts facts;
    pv_facts(&facts);
    return same_text(facts.vmm, "xen") && privileged() && !pv_xen_has_feature(PV_XENFEAT_DOM0);
}

static void reset_and_begin_again(struct check *check)
{
    struct pv_facts facts;
    struct pv_error error;
    unsigned count = smp_count();
    pv_facts(&facts);
    if (!has_soft_reset() || !pv_command_line_has("softreset")) {
        skip(check, "not on this VMM, or not asked for: it takes a manager that does it");
        return;
    }
    uint64_t phys = page_alloc();
    if (!EXPECT(check, phys != 0, "no memory"))
        return;
    for (unsigned cpu = 1; cpu < count; cpu++)
        EXPECT(check, smp_offline(cpu) == PV_OK, "CPU %u does not go", cpu);
    struct pv_irqflags flags = pv_irq_save();
    pv_shutdown();
    reset(check, phys, facts.tsc_khz);
    int status = pv_init(&error);
    pv_irq_restore(flags);
    if (!expect_ok(check, "pv_init", status, &error))
        return;
    still_going();
    begin_again(check, count);
}

static void nobody_resets(struct check *check)
{
    struct pv_error error = {0};
    if (has_soft_reset()) {
        skip(check, "this VMM has it");
        return;
    }
    int status = pv_soft_reset(&error);
    EXPECT(check, status == PV_E_UNSUPPORTED && error.what != NULL, "status %d", status);
}

static const struct test softreset_tests[] = {
    {"a soft reset is an error value where the VMM has none, or would end the machine",
     nobody_resets},
    {"after a soft reset Xen knows nothing of what it was told, and this kernel begins again",
     reset_and_begin_again},
};

const struct test_group softreset_group = TEST_GROUP(softreset);
