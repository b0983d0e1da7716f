/* SPDX-License-Identifier: MIT */
/*
 * Questions to the test rig: one word a line goes out of COM2, lines come back, the last is a full
 * stop. The port is a 16550A: National Semiconductor PC16550D, section 8. Each wait is bounded.
 */
#include "outside.h"
#include "cpu.h"
#include "string.h"
#include "timer.h"

#define COM2            0x2f8
#define COM_DATA        (COM2 + 0)
#define COM_INTERRUPTS  (COM2 + 1)
#define COM_FIFO        (COM2 + 2)
#define COM_LINE        (COM2 + 3)
#define COM_MODEM       (COM2 + 4)
#define COM_LINE_STATUS (COM2 + 5)
#define LINE_8N1        0x03
#define LINE_DIVISOR    0x80
#define FIFO_ON         0x07
#define MODEM_DTR_RTS   0x03
#define STATUS_READY    0x01
#define STATUS_EMPTY    0x20
#define STATUS_NO_PORT  0xff
#define LINE_BYTES      64
#define LINES_MOST      32
#define WAIT_NS         (20 * NS_PER_S)

static bool absent;

static bool open_port(void)
{
    static bool open;
    if (absent || open)
        return !absent;
    absent = !privileged() || pv_io_in8(COM_LINE_STATUS) == STATUS_NO_PORT;
    if (absent)
        return false;
    pv_io_out8(COM_INTERRUPTS, 0);
    pv_io_out8(COM_LINE, LINE_DIVISOR | LINE_8N1);
    pv_io_out8(COM_DATA, 1);
    pv_io_out8(COM_INTERRUPTS, 0);
    pv_io_out8(COM_LINE, LINE_8N1);
    pv_io_out8(COM_FIFO, FIFO_ON);
    pv_io_out8(COM_MODEM, MODEM_DTR_RTS);
    open = true;
    return true;
}

static bool wait_status(uint8_t bit, const struct limit *limit)
{
    while ((pv_io_in8(COM_LINE_STATUS) & bit) == 0)
        if (limit_passed(limit))
            return false;
    return true;
}

static bool send(const char *word, const struct limit *limit)
{
    for (;; word++) {
        if (!wait_status(STATUS_EMPTY, limit))
            return false;
        pv_io_out8(COM_DATA, *word != '\0' ? (uint8_t)*word : '\n');
        if (*word == '\0')
            return true;
    }
}

static bool receive(char *line, const struct limit *limit)
{
    size_t used = 0;
    for (;;) {
        if (!wait_status(STATUS_READY, limit))
            return false;
        char c = (char)pv_io_in8(COM_DATA);
        if (c == '\n')
            break;
        if (used + 1 < LINE_BYTES)
            line[used++] = c;
    }
    line[used] = '\0';
    return true;
}

static const char *number_at(const char *text, uint64_t *number)
{
    *number = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        *number = *number * 10 + (uint64_t)(*text - '0');
    return text;
}

static bool take_number(const char *line, const char *name, uint64_t *number)
{
    const char *digits;
    bool is = after_prefix(line, name, &digits);
    if (is)
        (void)number_at(digits, number);
    return is;
}

/* Who does not answer once is not asked again. */
static bool ask(const char *word, void (*take)(const char *line, void *what), void *what)
{
    struct limit limit = limit_in(WAIT_NS);
    char line[LINE_BYTES];
    if (!open_port())
        return false;
    absent = !send(word, &limit);
    for (unsigned i = 0; i < LINES_MOST && !absent; i++) {
        absent = !receive(line, &limit);
        if (same_text(line, "."))
            break;
        if (take != NULL)
            take(line, what);
    }
    return !absent;
}

static void take_counter(const char *line, void *what)
{
    struct outside *outside = what;
    uint64_t by_port;
    if (take_number(line, "io_exits ", &by_port))
        outside->exits -= by_port;
    if (take_number(line, "exits ", &by_port))
        outside->exits += by_port;
    take_number(line, "halt_exits ", &outside->halts);
    take_number(line, "halt_attempted_poll ", &outside->polls);
    take_number(line, "hypercalls ", &outside->hypercalls);
    take_number(line, "directed_yield_attempted ", &outside->yields);
    take_number(line, "swap ", &outside->swap);
}

bool outside_look(struct outside *outside)
{
    *outside = (struct outside){.exits = 0};
    return ask("counters", take_counter, outside) && outside->exits != 0;
}

static void take_waited(const char *line, void *what)
{
    const char *rest;
    uint64_t cpu;
    if (!after_prefix(line, "waited_ns ", &rest))
        return;
    rest = number_at(rest, &cpu);
    if (cpu < OUTSIDE_CPUS && *rest == ' ')
        (void)number_at(rest + 1, &((uint64_t *)what)[cpu]);
}

bool outside_waited(uint64_t ns[OUTSIDE_CPUS])
{
    for (unsigned cpu = 0; cpu < OUTSIDE_CPUS; cpu++)
        ns[cpu] = 0;
    return ask("waited", take_waited, ns) && ns[0] != 0;
}

static void take_time(const char *line, void *what)
{
    take_number(line, "time ", what);
}

bool outside_time(uint64_t *seconds)
{
    *seconds = 0;
    return ask("time", take_time, seconds) && *seconds != 0;
}

bool outside_do(const char *word)
{
    return ask(word, NULL, NULL);
}
