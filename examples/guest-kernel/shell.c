/* SPDX-License-Identifier: MIT */
/*
 * The monitor prompt on the serial line. The CPU is halted between bytes: the port's interrupt ends
 * the halt where it can be routed, and an alarm that polls does elsewhere.
 */
#include "commands.h"
#include "console.h"
#include "cpu.h"
#include "string.h"
#include "timer.h"

#define COM1_GSI    4
#define LINE_BYTES  128
#define POLL_NS     (20 * NS_PER_MS)
#define PATIENCE_NS (5 * NS_PER_S)

#define CONTROL_D 4
#define BACKSPACE 8
#define DELETE    127

enum outcome { SHELL_GOES_ON, SHELL_ENDS };

struct command {
    const char *name;
    const char *help;
    enum outcome (*run)(char *arguments);
};

static void input_arrived(struct pv_regs *regs, void *context)
{
    (void)regs;
    (void)context;
}

/* It is enough that the halt ends. */
static void poll_now(void)
{
}

/* The byte itself is read outside the interrupt. */
static int input_open(void)
{
    int vector = pv_irq_alloc(input_arrived, NULL);
    if (vector < 0)
        return vector;
    if (pv_irq_route(COM1_GSI, (uint8_t)vector, 0) == PV_OK &&
        pv_irq_mask(COM1_GSI, false) == PV_OK) {
        console_input_interrupts(true);
        return vector;
    }
    pv_irq_free(vector);
    return PV_E_UNSUPPORTED;
}

static void input_close(int vector)
{
    console_input_interrupts(false);
    if (vector < 0)
        return;
    pv_irq_mask(COM1_GSI, true);
    pv_irq_free(vector);
}

/* Interrupts off; on again afterwards. Without a timer the halt might never end. */
static void wait_a_little(void)
{
    if (!timer_works()) {
        pv_irq_enable();
        pv_cpu_relax();
        return;
    }
    timer_start(TIMER_ALARM, pv_clock_ns() + POLL_NS, poll_now);
    pv_irq_enable_halt();
}

/* The next byte, or -1 once the limit has passed. NULL: no limit. */
static int wait_for_byte(const struct limit *limit)
{
    for (;;) {
        pv_irq_disable();
        int c = console_read();
        if (c >= 0 || (limit != NULL && limit_passed(limit))) {
            pv_irq_enable();
            return c;
        }
        wait_a_little();
    }
}

static void echo_erase(void)
{
    print("\b \b");
}

/* false at the end of input. */
static bool read_line(char *line, const struct limit *limit)
{
    size_t used = 0;
    for (;;) {
        int c = wait_for_byte(limit);
        if (c < 0 || (c == CONTROL_D && used == 0))
            return false;
        limit = NULL;
        if (c == '\r' || c == '\n') {
            print("\n");
            line[used] = '\0';
            return true;
        }
        if ((c == BACKSPACE || c == DELETE) && used > 0) {
            used--;
            echo_erase();
        } else if (c >= ' ' && c < DELETE && used + 1 < LINE_BYTES) {
            line[used++] = (char)c;
            print("%c", c);
        }
    }
}

static enum outcome say_result(int status, const struct pv_error *error)
{
    char text[LINE_BYTES];
    if (status == PV_OK) {
        print("done\n");
        return SHELL_GOES_ON;
    }
    pv_error_text(error, text, sizeof(text));
    print("refused: %s\n", text);
    return SHELL_GOES_ON;
}

static enum outcome do_words(char *words)
{
    struct command_line line;
    command_line_parse(words, &line);
    if (line.info)
        (void)info(line.json);
    if (line.sites)
        sites();
    if (line.selftest)
        selftest(&line.tests);
    if (line.bench)
        bench(&line.benches, line.json);
    if (line.crash != NULL)
        crash(line.crash);
    return SHELL_GOES_ON;
}

static enum outcome do_patch(char *arguments)
{
    struct pv_error error;
    (void)arguments;
    pv_irq_disable();
    int status = pv_patch(&error);
    pv_irq_enable();
    return say_result(status, &error);
}

static enum outcome do_unpatch(char *arguments)
{
    struct pv_error error;
    (void)arguments;
    pv_irq_disable();
    int status = pv_unpatch(&error);
    pv_irq_enable();
    return say_result(status, &error);
}

static enum outcome do_switch(char *arguments)
{
    struct pv_error error;
    return say_result(pv_switch(arguments, &error), &error);
}

static enum outcome do_check(char *arguments)
{
    struct pv_error error;
    (void)arguments;
    return say_result(pv_sites_check(NULL, &error), &error);
}

static enum outcome do_poweroff(char *arguments)
{
    (void)arguments;
    return SHELL_ENDS;
}

static enum outcome do_help(char *arguments);

static const struct command commands[] = {
    {"help", "this list", do_help},
    {"patch", "patch all call sites for the backend in force", do_patch},
    {"unpatch", "bring all call sites back to indirect calls", do_unpatch},
    {"switch", "NAME: change the backend of the running kernel", do_switch},
    {"check", "decode every call site again", do_check},
    {"poweroff", "end the machine", do_poweroff},
};

static enum outcome do_help(char *arguments)
{
    (void)arguments;
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        print("%s: %s\n", commands[i].name, commands[i].help);
    print("info [json]: what was found\n");
    print("sites: what each call site holds\n");
    print("selftest [test=a+b]: check the library on this machine\n");
    print("bench [bench=a+b] [json]: costs of the ops\n");
    print("crash=read|ud2|stack: a fatal exception\n");
    return SHELL_GOES_ON;
}

static enum outcome obey(char *line)
{
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const char *rest;
        if (!after_prefix(line, commands[i].name, &rest) || (*rest != '\0' && *rest != ' '))
            continue;
        while (*rest == ' ')
            rest++;
        return commands[i].run(line + (rest - line));
    }
    return do_words(line);
}

int shell(bool quit_if_silent)
{
    char line[LINE_BYTES];
    int vector = input_open();
    (void)timer_works(); /* tried once: now, for the waits for a byte ask with interrupts off */
    struct limit patience = limit_in(PATIENCE_NS);
    const struct limit *limit = quit_if_silent ? &patience : NULL;
    enum outcome outcome = SHELL_GOES_ON;
    print("type help for a list of commands\n");
    while (outcome == SHELL_GOES_ON) {
        print("pvops> ");
        if (!read_line(line, limit))
            break;
        limit = NULL;
        outcome = obey(line);
    }
    print("\n");
    input_close(vector);
    timer_stop(TIMER_ALARM);
    return 0;
}
