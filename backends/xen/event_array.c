/* SPDX-License-Identifier: MIT */
/*
 * What the FIFO event scheme shares with Xen: the array of ports' words, a page at a time, and each
 * CPU's control block (xen/common/event_fifo.c, evtchn_fifo_init_control and
 * evtchn_fifo_expand_array). Xen keeps all of it until EVTCHNOP_reset.
 */
#include "backends/xen/event_port.h"
#include "backends/xen/hypercall.h"

/* Xen does as much of a reset at a time as it likes. */
#define MOST_RESETS 64u

uint32_t *pv_xen_event_pages[PV_XEN_EVENT_PAGES];
uint32_t pv_xen_event_words_end;
uint32_t pv_xen_event_last;
bool pv_xen_event_lie_told;

/* A block must not cross a page, and a cache line is not shared by two CPUs. */
static union {
    struct pv_xen_control_block block;
    uint8_t bytes[128];
} blocks[PV_CONFIG_MAX_CPUS] __attribute__((aligned(128)));

_Static_assert(PV_XEN_EVENT_PAGE % sizeof(blocks[0]) == 0, "no block crosses a page");

/* A page that Xen did not take, for the next time: what the platform lends is not given back. */
static uint32_t *spare;
static uint64_t spare_frame;

static uint32_t first_page[PV_XEN_EVENT_PAGE_WORDS] __attribute__((aligned(PV_XEN_EVENT_PAGE)));

static bool add_page(uint32_t *page, uint64_t frame)
{
    struct pv_evtchn_expand_array expand = {frame};

    for (unsigned i = 0; i < PV_XEN_EVENT_PAGE_WORDS; i++)
        __atomic_store_n(&page[i], PV_EVENT_MASKED, __ATOMIC_RELAXED);
    pv_xen_event_pages[pv_xen_event_words_end / PV_XEN_EVENT_PAGE_WORDS] = page;
    if (pv_xen_event_channel_op(PV_EVTCHNOP_EXPAND_ARRAY, &expand) != 0)
        return false;
    __atomic_store_n(&pv_xen_event_words_end,
                     pv_xen_event_words_end + (uint32_t)PV_XEN_EVENT_PAGE_WORDS, __ATOMIC_RELEASE);
    __atomic_store_n(&pv_xen_event_last, pv_xen_event_words_end - 1, __ATOMIC_RELEASE);
    return true;
}

bool pv_xen_events_fifo_reach(uint32_t port)
{
    while (port >= pv_xen_event_words_end && pv_xen_event_words_end < PV_XEN_PORTS) {
        if (spare == NULL)
            spare = pv_xen_event_page(&spare_frame);
        if (spare == NULL || !add_page(spare, spare_frame))
            return false;
        spare = NULL;
    }
    return port < pv_xen_event_words_end;
}

bool pv_xen_events_fifo_cpu(struct pv_xen_event_cpu *cpu)
{
    struct pv_xen_control_block *block = &blocks[cpu - pv_xen_event_cpus].block;
    uint64_t phys = pv_xen_phys(block);
    struct pv_evtchn_init_control control = {
        .frame = pv_xen_frame_of(phys),
        .offset = (uint32_t)(phys % PV_XEN_EVENT_PAGE),
        .vcpu = cpu->vcpu,
    };

    /* Once, and until the reset. */
    if (cpu->block != NULL)
        return true;
    *block = (struct pv_xen_control_block){.ready = 0};
    if (pv_xen_event_channel_op(PV_EVTCHNOP_INIT_CONTROL, &control) != 0)
        return false;
    cpu->block = block;
    return true;
}

bool pv_xen_events_fifo_begin(struct pv_xen_event_cpu *cpu)
{
    pv_xen_event_lie_told = false;
    if (!pv_xen_events_fifo_cpu(cpu))
        return false;
    for (uint32_t port = 0; port < pv_xen_event_words_end; port++)
        __atomic_fetch_or(pv_xen_event_word(port), PV_EVENT_MASKED, __ATOMIC_SEQ_CST);
    if (pv_xen_event_words_end != 0 ||
        add_page(first_page, pv_xen_frame_of(pv_xen_phys(first_page))))
        return true;
    pv_log("Xen: it has event queues but takes no page for them");
    pv_xen_events_fifo_end();
    return false;
}

/* Xen does as much at a time as it likes, so it is asked again, for a bounded time. */
void pv_xen_events_fifo_end(void)
{
    struct pv_evtchn_reset reset = {PV_XEN_DOMID_SELF};
    int64_t result = -1;

    pv_xen_events_keep();
    for (unsigned i = 0; i < MOST_RESETS && result != 0; i++)
        result = pv_xen_event_channel_op(PV_EVTCHNOP_RESET, &reset);
    if (result != 0)
        pv_log_number("Xen: event channels and their queues stay as they are, errno:",
                      (uint64_t)-result);
    pv_xen_events_kept_restore();
    for (uint32_t number = 0; number < PV_CONFIG_MAX_CPUS; number++)
        pv_xen_event_cpus[number].block = NULL;
    pv_xen_event_words_end = pv_xen_event_last = 0;
}
