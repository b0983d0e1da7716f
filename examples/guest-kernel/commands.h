/* SPDX-License-Identifier: MIT */
/*
 * What the kernel does once it is up: the commands of its command line and of the shell.
 */
#ifndef GUEST_COMMANDS_H
#define GUEST_COMMANDS_H

#include "pvops/boot.h"

/* Most names that a list takes. */
#define LIST_MOST 32

/* Names separated by `,` or `+`. An empty list means "all". */
struct name_list {
    unsigned count;
    const char *names[LIST_MOST];
};

struct command_line {
    bool info;
    bool sites;
    bool selftest;
    bool bench;
    bool shell;
    bool json;
    unsigned most_cpus;      /* the one that booted included */
    unsigned storm_seconds;  /* the same of a storm of events */
    unsigned wall_seconds;   /* since 1970, when the guest was started; 0: nobody has said */
    unsigned stress_seconds; /* how long the self-test stresses address spaces; 0: as it likes */
    const char *crash;       /* NULL: no */
    struct name_list tests;
    struct name_list benches;
};

/* The boot information that the door left. */
extern struct pv_boot_info boot_info;

/* Takes the text apart, in place: the result points into it. Words of the library are let pass. */
void command_line_parse(char *text, struct command_line *line);

bool list_wants(const struct name_list *list, const char *name);

/* Does the commands in the order info, sites, selftest, bench, crash, shell. 0 if all succeeded. */
int commands_run(const struct command_line *line);

/* What was found; not 0 if a call site holds what it should not: the counts end there. */
int info(bool json);

/* What each call site of the image holds: a line "site ADDRESS BYTES", in hexadecimal. */
void sites(void);

/* What a loader told and was not believed, as comments; `info` says it first. */
void print_complaints(void);
int selftest(const struct name_list *tests);

/* How long the self-test stresses address spaces; 0: a moment. */
extern unsigned stress_seconds, storm_seconds;

/* What the host has said that the time was when it started the guest; 0: nothing. */
extern unsigned wall_seconds;

int bench(const struct name_list *benches, bool json);

/* Makes a mistake that ends in a fatal exception; returns if there is none of that name: not 0. */
int crash(const char *name);

/* Reads commands from the console until `poweroff`, or until nobody has typed anything for a while
 * and quit_if_silent says so. */
int shell(bool quit_if_silent);

#endif
