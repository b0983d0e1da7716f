/* SPDX-License-Identifier: MIT */
/*
 * Consoles. A domain made by a toolstack has one of its own: two rings in a page, and an event
 * channel that tells the back end of news (xen/include/public/io/console.h). The hardware domain
 * has Xen's, by hypercall. Both work without anything of the backend's being set up.
 *
 * The back end's indices are not trusted: one that cannot be stops the console; one that does not
 * move is waited for once, for a bounded time, and from then on what finds no room is dropped.
 */
#include "backends/xen/xen.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/console.h"
#include "backends/xen/abi/event_channel.h"
#include "backends/xen/abi/hvm.h"
#include "backends/xen/abi/sched.h"
#include "backends/xen/pv/pv.h"

#define PAGE_BYTES 4096u

/*
 * The daemon behind the ring takes a chatty guest's output every 200 ms (xen/tools/console/daemon/
 * io.c, RATE_LIMIT_PERIOD); a yield takes a microsecond and more.
 */
#define ROOM_YIELDS 1000000u

/* console_io is made for lines, not for megabytes. */
#define LONGEST_CALL 1024u

enum kind { UNKNOWN, RING, HYPERCALL, NONE };

static enum kind kind;
static volatile struct pv_xen_console *ring;
static uint32_t out_producer; /* this side's own; the ring's copies are for the back end */
static uint32_t in_consumer;
static uint32_t port;
static bool stuck;

static uint64_t hvm_param(uint32_t index)
{
    struct pv_xen_hvm_param param = {PV_XEN_DOMID_SELF, 0, index, 0};

    return pv_xen_hvm_op(PV_HVMOP_GET_PARAM, &param) == 0 ? param.value : 0;
}

static bool ring_makes_sense(uint32_t producer, uint32_t consumer, uint32_t size)
{
    return producer - consumer <= size;
}

static enum kind use_ring(void *page, uint64_t event_port)
{
    ring = page;
    if (ring == NULL)
        return UNKNOWN;
    out_producer = ring->out_producer;
    in_consumer = ring->in_consumer;
    port = (uint32_t)event_port;
    return event_port < PV_XEN_EVENT_PORTS ? RING : NONE;
}

/* UNKNOWN again when the page cannot be mapped yet. */
static enum kind open_ring(uint64_t frame, uint64_t event_port)
{
    if (event_port >= PV_XEN_EVENT_PORTS || frame > UINT64_MAX / PAGE_BYTES)
        return NONE;
    if (pv_platform == NULL || pv_platform->map_physical == NULL)
        return UNKNOWN;
    return use_ring(pv_platform->map_physical(frame * PAGE_BYTES, PAGE_BYTES, false), event_port);
}

/* A PV guest's ring is a page of its memory from the start, and told by the door. */
static enum kind find_pv_console(const struct pv_boot_xen_pv *boot)
{
    if (boot->console_frame == 0)
        return pv_xen_console_io(PV_CONSOLEIO_WRITE, 0, "") == 0 ? HYPERCALL : NONE;
    uint64_t frame = pv_xen_from_machine((struct pv_xen_mfn){boot->console_frame});
    if (frame >= pv_xen_pages())
        return NONE;
    return use_ring(pv_platform->phys_to_virt(frame * PAGE_BYTES), boot->console_port);
}

static enum kind find_console(void)
{
    if (pv_boot != NULL && pv_boot->door == PV_DOOR_XEN_PV)
        return find_pv_console(&pv_boot->xen_pv);
    uint64_t frame = hvm_param(PV_HVM_PARAM_CONSOLE_PFN);
    uint64_t event_port = hvm_param(PV_HVM_PARAM_CONSOLE_EVTCHN);

    if (frame != 0 && event_port != 0)
        return open_ring(frame, event_port);
    return pv_xen_console_io(PV_CONSOLEIO_WRITE, 0, "") == 0 ? HYPERCALL : NONE;
}

static enum kind console(void)
{
    if (kind == UNKNOWN)
        kind = find_console();
    return kind;
}

static int broken(void)
{
    kind = NONE;
    pv_log("Xen: the console's indices cannot be; it is not used any more");
    return PV_E_HOST;
}

static void tell_backend(void)
{
    struct pv_evtchn_port send = {port};

    (void)pv_xen_event_channel_op(PV_EVTCHNOP_SEND, &send);
}

/* Bytes of room for output; negative if the indices cannot be. */
static int room(void)
{
    uint32_t consumer = __atomic_load_n(&ring->out_consumer, __ATOMIC_ACQUIRE);

    if (!ring_makes_sense(out_producer, consumer, PV_XEN_CONSOLE_OUT))
        return PV_E_HOST;
    return (int)(PV_XEN_CONSOLE_OUT - (out_producer - consumer));
}

static int wait_for_room(void)
{
    int bytes = room();

    for (uint32_t i = 0; bytes == 0 && !stuck && i < ROOM_YIELDS; i++) {
        (void)pv_xen_sched_op(PV_SCHEDOP_YIELD, NULL);
        bytes = room();
    }
    stuck = bytes == 0;
    return bytes;
}

void pv_xen_console_forget(void)
{
    kind = UNKNOWN;
}

void pv_xen_console_drain(void)
{
    for (uint32_t i = 0; kind == RING && !stuck && i < ROOM_YIELDS; i++) {
        int bytes = room();
        if (bytes < 0 || bytes == PV_XEN_CONSOLE_OUT)
            return;
        (void)pv_xen_sched_op(PV_SCHEDOP_YIELD, NULL);
    }
}

/* As much as there is room for; the number of bytes, or a negative status. */
static int put(const char *text, size_t length)
{
    int bytes = wait_for_room();

    if (bytes < 0)
        return broken();
    if ((size_t)bytes > length)
        bytes = (int)length;
    for (int i = 0; i < bytes; i++)
        ring->out[(out_producer + (uint32_t)i) % PV_XEN_CONSOLE_OUT] = text[i];
    out_producer += (uint32_t)bytes;
    __atomic_store_n(&ring->out_producer, out_producer, __ATOMIC_RELEASE);
    tell_backend();
    return bytes;
}

static int write_ring(const char *text, size_t length)
{
    while (length > 0) {
        int bytes = put(text, length);
        if (bytes < 0)
            return bytes;
        if (bytes == 0)
            return PV_E_TIMEOUT;
        text += bytes;
        length -= (size_t)bytes;
    }
    return PV_OK;
}

static int write_by_hypercall(const char *text, size_t length)
{
    while (length > 0) {
        size_t bytes = length < LONGEST_CALL ? length : LONGEST_CALL;
        if (pv_xen_console_io(PV_CONSOLEIO_WRITE, bytes, text) != 0)
            return PV_E_HOST;
        text += bytes;
        length -= bytes;
    }
    return PV_OK;
}

int pv_xen_console_write(const char *text, size_t length)
{
    switch (console()) {
    case RING:
        return write_ring(text, length);
    case HYPERCALL:
        return write_by_hypercall(text, length);
    case UNKNOWN:
        return PV_E_BUSY;
    default:
        return PV_E_UNSUPPORTED;
    }
}

static int read_ring(char *buffer, size_t size)
{
    uint32_t producer = __atomic_load_n(&ring->in_producer, __ATOMIC_ACQUIRE);
    uint32_t bytes = producer - in_consumer;

    if (!ring_makes_sense(producer, in_consumer, PV_XEN_CONSOLE_IN))
        return broken();
    if (bytes > size)
        bytes = (uint32_t)size;
    for (uint32_t i = 0; i < bytes; i++)
        buffer[i] = ring->in[(in_consumer + i) % PV_XEN_CONSOLE_IN];
    in_consumer += bytes;
    __atomic_store_n(&ring->in_consumer, in_consumer, __ATOMIC_RELEASE);
    if (bytes != 0)
        tell_backend();
    return (int)bytes;
}

static int read_by_hypercall(char *buffer, size_t size)
{
    size_t most = size < LONGEST_CALL ? size : LONGEST_CALL;
    int64_t bytes = pv_xen_console_io(PV_CONSOLEIO_READ, most, buffer);

    return bytes >= 0 && bytes <= (int64_t)most ? (int)bytes : PV_E_HOST;
}

int pv_xen_console_read(char *buffer, size_t size)
{
    switch (console()) {
    case RING:
        return read_ring(buffer, size);
    case HYPERCALL:
        return read_by_hypercall(buffer, size);
    case UNKNOWN:
        return PV_E_BUSY;
    default:
        return PV_E_UNSUPPORTED;
    }
}
