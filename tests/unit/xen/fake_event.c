/* SPDX-License-Identifier: MIT */
/*
 * The event channels of the fake Xen (fake_event.h), and what the tested files need of a kernel.
 */
#include "fake_event.h"

#include <string.h>

#define PORTS          (1u << PV_EVENT_LINK_BITS)
#define WORDS_PER_PAGE 1024u
#define ENDLESS        1000u
#define POOL_PAGES     1024u

struct channel {
    uint32_t vcpu, priority;
    uint32_t last_vcpu, last_priority; /* the queue that it was linked to */
};

bool fake_has_fifo, fake_has_pages, fake_takes_no_pages, fake_timer_in_use;
unsigned fake_pages_lent;
uint32_t fake_next_port, fake_connected;
uint64_t fake_now, fake_also;
void (*fake_relax)(void);
unsigned runs[PORTS];

static struct channel channels[PORTS];
static uint32_t *array[PORTS / WORDS_PER_PAGE];
static uint32_t array_pages;
static struct pv_xen_control_block *blocks[FAKE_CPUS];
static uint32_t tails[FAKE_CPUS][PV_EVENT_QUEUES];
static bool fifo;

/* ---- the kernel ------------------------------------------------------------------------------ */

static struct pv_irqflags irq_save(void)
{
    return (struct pv_irqflags){0};
}

static void irq_restore(struct pv_irqflags flags)
{
    (void)flags;
}

static uint64_t clock_ns(void)
{
    return fake_now;
}

static void relax(void)
{
    if (fake_relax != NULL)
        fake_relax();
}

struct pv_ops pv_ops = {
    .irq_save = irq_save,
    .irq_restore = irq_restore,
    .clock_ns = clock_ns,
    .cpu_relax = relax,
};

/* What is lent is never given back. */
static uint64_t page_alloc(void)
{
    static uint8_t pool[POOL_PAGES][4096] __attribute__((aligned(4096)));
    static unsigned used;

    if (!fake_has_pages)
        return 0;
    assert_true(used < POOL_PAGES);
    fake_pages_lent++;
    return (uintptr_t)pool[used++];
}

static void *phys_to_virt(uint64_t phys)
{
    return (void *)(uintptr_t)phys;
}

bool pv_xen_timer_in_use(void)
{
    return fake_timer_in_use;
}

/* event_keep.c, which has a test of its own */
void pv_xen_events_keep(void)
{
}

void pv_xen_events_kept_restore(void)
{
}

void pv_xen_timer_also(uint64_t ns)
{
    fake_also = ns < fake_also ? ns : fake_also;
}

/* ---- Xen ------------------------------------------------------------------------------------- */

uint32_t *fake_word(uint32_t port)
{
    return port < array_pages * WORDS_PER_PAGE
               ? &array[port / WORDS_PER_PAGE][port % WORDS_PER_PAGE]
               : NULL;
}

struct pv_xen_control_block *fake_block(uint32_t cpu)
{
    return blocks[cpu];
}

/* What a CPU is still to be told. */
struct news {
    uint32_t vcpu;
    uint64_t selector; /* two levels */
    uint32_t ready;    /* FIFO */
};

static void tell(struct news news)
{
    struct pv_xen_vcpu_info *info = &fake_shared.vcpu[news.vcpu];

    if (news.selector == 0 && news.ready == 0)
        return;
    info->pending_selector |= news.selector;
    if (news.ready != 0 && (blocks[news.vcpu]->ready & news.ready) != 0)
        return;
    if (news.ready != 0)
        blocks[news.vcpu]->ready |= news.ready;
    info->upcall_pending = 1;
}

static struct news raise_2l(uint32_t port, uint32_t vcpu)
{
    uint64_t bit = 1ull << port % 64;

    if (fake_shared.pending[port / 64] & bit)
        return (struct news){0};
    fake_shared.pending[port / 64] |= bit;
    if (fake_shared.mask[port / 64] & bit)
        return (struct news){0};
    return (struct news){.vcpu = vcpu, .selector = 1ull << port / 64};
}

static void unmask_2l(uint32_t port)
{
    uint64_t bit = 1ull << port % 64;
    struct pv_xen_vcpu_info *info = &fake_shared.vcpu[channels[port].vcpu];
    bool was_masked = (fake_shared.mask[port / 64] & bit) != 0;

    fake_shared.mask[port / 64] &= ~bit;
    if (!was_masked || (fake_shared.pending[port / 64] & bit) == 0)
        return;
    info->pending_selector |= 1ull << port / 64;
    info->upcall_pending = 1;
}

static struct news link_port(uint32_t port, struct channel *channel, uint32_t vcpu)
{
    uint32_t *old_tail = &tails[channel->last_vcpu][channel->last_priority];
    uint32_t *tail = &tails[vcpu][channel->priority];
    struct pv_xen_control_block *block = blocks[vcpu];

    if (*old_tail == port)
        *old_tail = 0;
    channel->last_vcpu = vcpu;
    channel->last_priority = channel->priority;
    bool linked = *tail != 0 && (*fake_word(*tail) & PV_EVENT_LINKED);
    if (linked)
        *fake_word(*tail) = (*fake_word(*tail) & ~PV_EVENT_LINK) | port;
    else
        block->head[channel->priority] = port;
    *tail = port;
    return (struct news){.vcpu = vcpu, .ready = linked ? 0 : 1u << channel->priority};
}

static struct news raise_fifo(uint32_t port, uint32_t vcpu)
{
    uint32_t *word = fake_word(port);

    assert_non_null(word);
    *word |= PV_EVENT_PENDING;
    if (*word & (PV_EVENT_MASKED | PV_EVENT_LINKED))
        return (struct news){0};
    *word |= PV_EVENT_LINKED;
    return link_port(port, &channels[port], vcpu);
}

static struct news raise_at(uint32_t port, uint32_t vcpu)
{
    return fifo ? raise_fifo(port, vcpu) : raise_2l(port, vcpu);
}

void fake_raise(uint32_t port)
{
    tell(raise_at(port, channels[port].vcpu));
}

static uint32_t looked_up;
static struct news untold;

void fake_raise_looks(uint32_t port)
{
    looked_up = channels[port].vcpu;
}

void fake_raise_links(uint32_t port)
{
    untold = raise_at(port, looked_up);
}

void fake_raise_tells(void)
{
    tell(untold);
}

static void unmask(uint32_t port)
{
    if (!fifo) {
        unmask_2l(port);
        return;
    }
    *fake_word(port) &= ~PV_EVENT_MASKED;
    if (*fake_word(port) & PV_EVENT_PENDING)
        tell(raise_fifo(port, channels[port].vcpu));
}

static int64_t init_control(const struct pv_evtchn_init_control *control)
{
    if (!fake_has_fifo || control->vcpu >= FAKE_CPUS || blocks[control->vcpu] != NULL)
        return -22;
    assert_true(control->offset % 8 == 0 && control->offset <= 4096 - sizeof(*blocks[0]));
    blocks[control->vcpu] = (void *)(uintptr_t)(control->frame * 4096 + control->offset);
    fifo = true;
    return 0;
}

static int64_t expand(const struct pv_evtchn_expand_array *expand)
{
    if (fake_takes_no_pages)
        return -12;
    array[array_pages++] = (void *)(uintptr_t)(expand->frame * 4096);
    return 0;
}

static void forget(void)
{
    memset(blocks, 0, sizeof(blocks));
    memset(tails, 0, sizeof(tails));
    array_pages = 0;
    fifo = false;
}

static uint32_t give_port(uint32_t vcpu)
{
    channels[fake_next_port % PORTS] =
        (struct channel){vcpu, PV_EVENT_PRIORITY_DEFAULT, vcpu, PV_EVENT_PRIORITY_DEFAULT};
    return fake_next_port++;
}

static int64_t answer(uint64_t number, uint64_t command, void *argument)
{
    struct pv_evtchn_bind_virq *virq = argument;
    struct pv_evtchn_bind_ipi *ipi = argument;
    struct pv_evtchn_bind_interdomain *connect = argument;
    struct pv_evtchn_alloc_unbound *offer = argument;
    struct pv_evtchn_bind_pirq *pirq = argument;
    const struct pv_evtchn_bind_vcpu *move = argument;
    struct pv_evtchn_status *status = argument;
    const struct pv_evtchn_set_priority *priority = argument;

    assert_int_equal(number, PV_XEN_HC_EVENT_CHANNEL_OP);
    switch (command) {
    case PV_EVTCHNOP_BIND_VIRQ:
        virq->port = give_port(virq->vcpu);
        return 0;
    case PV_EVTCHNOP_BIND_IPI:
        ipi->port = give_port(ipi->vcpu);
        return 0;
    case PV_EVTCHNOP_BIND_INTERDOMAIN:
        connect->port = give_port(0);
        return 0;
    case PV_EVTCHNOP_ALLOC_UNBOUND:
        offer->port = give_port(0);
        return 0;
    case PV_EVTCHNOP_BIND_PIRQ:
        pirq->port = give_port(0);
        return 0;
    case PV_EVTCHNOP_BIND_VCPU:
        channels[move->port].vcpu = move->vcpu;
        return move->vcpu < FAKE_CPUS ? 0 : -2;
    case PV_EVTCHNOP_SET_PRIORITY:
        channels[priority->port].priority = priority->priority;
        return fifo ? 0 : -38;
    case PV_EVTCHNOP_STATUS:
        status->status = status->port == fake_connected ? PV_EVTCHNSTAT_INTERDOMAIN : 0;
        status->vcpu = 0;
        return 0;
    case PV_EVTCHNOP_UNMASK:
        unmask(((struct pv_evtchn_port *)argument)->port);
        return 0;
    case PV_EVTCHNOP_INIT_CONTROL:
        return init_control(argument);
    case PV_EVTCHNOP_EXPAND_ARRAY:
        return expand(argument);
    case PV_EVTCHNOP_RESET:
        forget();
        return 0;
    default:
        return 0;
    }
}

/* ---- the tests ------------------------------------------------------------------------------- */

void fake_on(uint32_t cpu)
{
    fake_cpu.number = fake_vcpu = cpu;
    struct pv_xen_event_cpu *own = &pv_xen_event_cpus[cpu];
    fake_cpu.backend[PV_XEN_WORD_EVENTS] = own->run != NULL ? (uintptr_t)own : 0;
}

void fake_events_reset(bool with_fifo)
{
    pv_xen_events_end();
    fake_reset();
    fake_answer = answer;
    fake_platform.page_alloc = page_alloc;
    fake_platform.phys_to_virt = phys_to_virt;
    fake_has_fifo = with_fifo;
    fake_has_pages = fake_timer_in_use = true;
    fake_takes_no_pages = false;
    fake_now = 1000000;
    fake_also = UINT64_MAX;
    fake_relax = NULL;
    fake_connected = 0;
    forget();
    memset(runs, 0, sizeof(runs));
    pv_xen_events_start();
    fake_on(1);
    assert_int_equal(pv_xen_events_cpu_start(NULL), PV_OK);
    fake_on(0);
}

bool fake_upcall_wanted(uint32_t cpu)
{
    return fake_shared.vcpu[cpu].upcall_pending != 0;
}

void fake_upcall(uint32_t cpu)
{
    uint32_t before = fake_vcpu;

    fake_on(cpu);
    pv_xen_events_run(NULL);
    fake_on(before);
}

unsigned fake_settle(void)
{
    unsigned upcalls = 0;

    while (fake_upcall_wanted(0) || fake_upcall_wanted(1)) {
        fake_upcall(fake_upcall_wanted(0) ? 0 : 1);
        assert_true(++upcalls < ENDLESS);
    }
    return upcalls;
}

void count(struct pv_regs *regs, void *context)
{
    (void)regs;
    (*(unsigned *)context)++;
}

int bind(uint32_t port, pv_xen_event_handler handler)
{
    fake_next_port = port;
    return pv_xen_event_bind_virq(PV_VIRQ_TIMER, handler, port < PORTS ? &runs[port] : NULL);
}

int fake_start_2l(void **state)
{
    (void)state;
    fake_events_reset(false);
    assert_string_equal(pv_xen_events_name(), "events-2-level");
    return 0;
}

int fake_start_fifo(void **state)
{
    (void)state;
    fake_events_reset(true);
    assert_string_equal(pv_xen_events_name(), "events-fifo");
    return 0;
}

void fake_stop_cpu_1(void)
{
    fake_on(1);
    pv_xen_events_cpu_stop();
    fake_on(0);
}
