/* SPDX-License-Identifier: MIT */
/*
 * The probe guest for the Xen rigs: one ELF file that runs as PV and as PVH, as dom0 and as domU,
 * and makes its hypercalls directly (no hypercall page). It prints and leaves as docs/vmms-xen.md
 * asks of every guest there: as dom0 it prints by console_io and leaves through isa-debug-exit; as
 * domU it prints on the PV console's ring and leaves by SCHEDOP_shutdown.
 *
 * The first letter of the command line picks what it does:
 *   (none), 'h'  hypercall: ask Xen's version, succeed     'f'  one failing check
 *   'p'  succeed with one check less than planned         'm'  print many checks, succeed
 *   'l'  say half a line, then block for ever             's'  spin for ever
 *   'x'  say half a line, then die of an exception        't'  TSC ticks of a known loop
 *   'o', 'r', 'c'  SCHEDOP_shutdown at once: poweroff, reboot, crash
 *   'q'  good TAP, but the result says failure
 *
 * ABI: hypercall numbers and registers, struct start_info, console_io: xen/xen.h,
 * xen/arch-x86/xen-x86_64.h; xen/version.h, xen/sched.h, xen/event_channel.h, xen/physdev.h,
 * xen/io/console.h; HVM parameters: xen/hvm/hvm_op.h, xen/hvm/params.h; PVH's start_info:
 * xen/arch-x86/hvm/start_info.h.
 */
#include <stddef.h>
#include <stdint.h>

enum how { HOW_PV, HOW_PVH };

enum {
    HYPERVISOR_xen_version = 17,
    HYPERVISOR_console_io = 18,
    HYPERVISOR_sched_op = 29,
    HYPERVISOR_event_channel_op = 32,
    HYPERVISOR_physdev_op = 33,
    HYPERVISOR_hvm_op = 34,
    XENVER_version = 0,
    CONSOLEIO_write = 0,
    SCHEDOP_yield = 0,
    SCHEDOP_shutdown = 2,
    SCHEDOP_poll = 3,
    EVTCHNOP_send = 4,
    PHYSDEVOP_set_iopl = 6,
    HVMOP_get_param = 1,
    HVM_PARAM_CONSOLE_PFN = 17,
    HVM_PARAM_CONSOLE_EVTCHN = 18,
    DOMID_SELF = 0x7ff0,
    SIF_INITDOMAIN = 1 << 1,
};

enum shutdown { SHUTDOWN_poweroff, SHUTDOWN_reboot, SHUTDOWN_suspend, SHUTDOWN_crash };

#define MACH2PHYS    ((const uint64_t *)0xffff800000000000)
#define DEBUG_EXIT   0xf4
#define EXIT_SUCCESS 0x10
#define EXIT_FAILURE 0x11
#define LOOPS        1000000
#define MANY         400
/* A console daemon that is gone must not hold the guest for ever. */
#define PATIENCE 200000

struct start_info {
    char magic[32];
    uint64_t nr_pages;
    uint64_t shared_info;
    uint32_t flags;
    uint64_t store_mfn;
    uint32_t store_evtchn;
    uint64_t console_mfn;
    uint32_t console_evtchn;
    uint64_t page_tables[5];
    char cmd_line[1024];
};

struct hvm_start_info {
    uint32_t magic, version, flags, nr_modules;
    uint64_t modlist_paddr, cmdline_paddr;
};

struct console_ring {
    char in[1024];
    char out[2048];
    uint32_t in_cons, in_prod;
    uint32_t out_cons, out_prod;
};

_Static_assert(offsetof(struct start_info, console_mfn) == 72, "xen/xen.h");
_Static_assert(offsetof(struct start_info, cmd_line) == 128, "xen/xen.h");
_Static_assert(offsetof(struct hvm_start_info, cmdline_paddr) == 24, "hvm/start_info.h");
_Static_assert(offsetof(struct console_ring, out_prod) == 3084, "xen/io/console.h");

static enum how how;
static int amd;
static int is_dom0;
static volatile struct console_ring *ring;
static uint32_t ring_port;

static long hypercall(unsigned long number, unsigned long a, unsigned long b, unsigned long c)
{
    if (how == HOW_PV)
        __asm__ volatile("syscall"
                         : "+a"(number), "+D"(a), "+S"(b), "+d"(c)
                         :
                         : "rcx", "r8", "r9", "r10", "r11", "memory");
    else if (amd)
        __asm__ volatile("vmmcall" : "+a"(number), "+D"(a), "+S"(b), "+d"(c) : : "memory");
    else
        __asm__ volatile("vmcall" : "+a"(number), "+D"(a), "+S"(b), "+d"(c) : : "memory");
    return (long)number;
}

static void notify_console(void)
{
    uint32_t port = ring_port;

    hypercall(HYPERVISOR_event_channel_op, EVTCHNOP_send, (unsigned long)&port, 0);
}

/* Waits until no more than `left` bytes of output are unread. */
static void await_console(uint32_t left)
{
    notify_console();
    for (int i = 0; i < PATIENCE && ring->out_prod - ring->out_cons > left; i++)
        hypercall(HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
}

static void put_ring(char c)
{
    uint32_t at = ring->out_prod;

    if (at - ring->out_cons >= sizeof(ring->out))
        await_console(sizeof(ring->out) / 2);
    ring->out[at % sizeof(ring->out)] = c;
    __asm__ volatile("" : : : "memory");
    ring->out_prod = at + 1;
}

static void say(const char *text)
{
    size_t length = 0;

    while (text[length])
        length++;
    if (is_dom0) {
        hypercall(HYPERVISOR_console_io, CONSOLEIO_write, length, (unsigned long)text);
        return;
    }
    if (!ring)
        return;
    for (size_t i = 0; i < length; i++)
        put_ring(text[i]);
    /* xenconsoled listens 16 times in 200 ms and no more, so it is not told of every word. */
    if (length && text[length - 1] == '\n')
        notify_console();
}

static void say_number(unsigned long value)
{
    char text[24];
    char *at = text + sizeof(text) - 1;

    *at = 0;
    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    say(at);
}

static void shut_down(enum shutdown reason)
{
    uint32_t argument = reason;

    if (ring)
        await_console(0);
    hypercall(HYPERVISOR_sched_op, SCHEDOP_shutdown, (unsigned long)&argument, 0);
}

static void leave(int success)
{
    uint32_t iopl = 1;

    if (!is_dom0)
        shut_down(success ? SHUTDOWN_poweroff : SHUTDOWN_crash);
    if (how == HOW_PV)
        hypercall(HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, (unsigned long)&iopl, 0);
    __asm__ volatile("outb %b0, $%c1"
                     :
                     : "a"(success ? EXIT_SUCCESS : EXIT_FAILURE), "i"(DEBUG_EXIT));
}

/* SCHEDOP_poll of no ports, without a time limit. SCHEDOP_block would open PV's event mask. */
static void block_for_ever(void)
{
    struct {
        uint64_t ports;
        uint32_t nr_ports;
        uint64_t timeout;
    } poll = {0, 0, 0};

    if (ring)
        await_console(0);
    for (;;)
        hypercall(HYPERVISOR_sched_op, SCHEDOP_poll, (unsigned long)&poll, 0);
}

static void die(void)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) empty = {0, 0};

    if (how == HOW_PVH)
        __asm__ volatile("lidt %0" : : "m"(empty));
    __asm__ volatile("ud2");
}

static uint64_t timed_loop(uint64_t loops)
{
    uint32_t low, high, low2, high2;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    __asm__ volatile("1: dec %0; jnz 1b" : "+r"(loops));
    __asm__ volatile("rdtsc" : "=a"(low2), "=d"(high2));
    return ((uint64_t)high2 << 32 | low2) - ((uint64_t)high << 32 | low);
}

/* N and 2N iterations of two instructions; the difference is free of what surrounds the loop. */
static void tell_ticks(void)
{
    uint64_t once = timed_loop(LOOPS);

    say("1..1\n# instructions 2000000 ticks ");
    say_number(timed_loop(2 * LOOPS) - once);
    say("\nok 1 - the loop was timed\n");
}

static void tell_version(void)
{
    long version = hypercall(HYPERVISOR_xen_version, XENVER_version, 0, 0);

    say("1..1\n# Xen ");
    say_number((unsigned long)version >> 16);
    say(".");
    say_number((unsigned long)version & 0xffff);
    say(how == HOW_PV ? ", PV " : ", PVH ");
    say(is_dom0 ? "dom0\n" : "domU\n");
    say(version > 0 ? "ok" : "not ok");
    say(" 1 - Xen tells its version\n");
    leave(version > 0);
}

static void tell_much(void)
{
    say("1..");
    say_number(MANY);
    say("\n");
    for (unsigned long i = 1; i <= MANY; i++) {
        say("ok ");
        say_number(i);
        say(" - a line that is longer than it would have to be, to fill the console\n");
    }
}

static void act(char letter)
{
    say("TAP version 13\n");
    switch (letter) {
    case 'f':
        say("1..1\nnot ok 1 - a check that fails\n");
        leave(0);
        break;
    case 'q':
        say("1..1\nok 1 - all is well\n");
        leave(0);
        break;
    case 'p':
        say("1..2\nok 1 - the only one of two\n");
        leave(1);
        break;
    case 'm':
        tell_much();
        leave(1);
        break;
    case 'l':
        say("1..1\nok 1 - before the ha");
        block_for_ever();
        break;
    case 's':
        for (;;)
            __asm__ volatile("pause");
        break;
    case 'x':
        say("1..1\nok 1 - before the fau");
        die();
        break;
    case 't':
        tell_ticks();
        leave(1);
        break;
    case 'o':
    case 'r':
    case 'c':
        say("1..1\nok 1 - about to shut down\n");
        shut_down(letter == 'o'   ? SHUTDOWN_poweroff
                  : letter == 'r' ? SHUTDOWN_reboot
                                  : SHUTDOWN_crash);
        break;
    default:
        tell_version();
    }
}

static uint64_t hvm_parameter(uint32_t index)
{
    struct {
        uint16_t domain;
        uint32_t index;
        uint64_t value;
    } parameter = {DOMID_SELF, index, 0};

    return hypercall(HYPERVISOR_hvm_op, HVMOP_get_param, (unsigned long)&parameter, 0)
               ? 0
               : parameter.value;
}

static void find_vendor(void)
{
    uint32_t a = 0, b, c, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    amd = b == 0x68747541; /* "Auth", the vendor's first word */
}

static const char *enter_pv(const struct start_info *info)
{
    is_dom0 = (info->flags & SIF_INITDOMAIN) != 0;
    if (!is_dom0) {
        ring = (void *)(MACH2PHYS[info->console_mfn] << 12);
        ring_port = info->console_evtchn;
    }
    return info->cmd_line;
}

static const char *enter_pvh(const struct hvm_start_info *info)
{
    find_vendor();
    is_dom0 = (info->flags & SIF_INITDOMAIN) != 0;
    if (!is_dom0) {
        ring = (void *)(hvm_parameter(HVM_PARAM_CONSOLE_PFN) << 12);
        ring_port = (uint32_t)hvm_parameter(HVM_PARAM_CONSOLE_EVTCHN);
    }
    return (const char *)info->cmdline_paddr;
}

void probe_main(enum how door, const void *info);

void probe_main(enum how door, const void *info)
{
    how = door;
    const char *cmdline = door == HOW_PV ? enter_pv(info) : enter_pvh(info);
    act(cmdline ? *cmdline : 0);
    block_for_ever();
}
