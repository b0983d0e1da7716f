/* SPDX-License-Identifier: MIT */
/*
 * Event channels of the fake Xen: both schemes, as xen/common/event_2l.c and event_fifo.c have
 * them, for as many CPUs as the tests need. What is shared with the guest is the tests' to spoil.
 */
#ifndef TESTS_UNIT_XEN_FAKE_EVENT_H
#define TESTS_UNIT_XEN_FAKE_EVENT_H

#include "fake.h"

#include "backends/xen/event_port.h"

#define FAKE_CPUS 2

extern bool fake_has_fifo;       /* init_control is not refused */
extern bool fake_has_pages;      /* the platform has pages to lend */
extern bool fake_takes_no_pages; /* Xen refuses to let its array grow */
extern unsigned fake_pages_lent; /* by the platform, so far */
extern bool fake_timer_in_use;   /* by the library */
extern uint32_t fake_next_port;  /* the next one that is given out; counts up */
extern uint32_t fake_connected;  /* the port that the toolstack has connected; 0: none */
extern uint64_t fake_now;        /* the clock */
extern uint64_t fake_also;       /* the earliest that the timer was asked for; UINT64_MAX: not */
extern void (*fake_relax)(void); /* what others do while this CPU waits; NULL: nothing */
extern unsigned runs[];          /* how often a port's handler ran, if it is `count` */

/* Everything as at boot, with one scheme or the other. */
void fake_events_reset(bool fifo);

/* The same for setups, and a test with each of them. */
int fake_start_2l(void **state);
int fake_start_fifo(void **state);
#define FAKE_BOTH(test) FAKE_BOTH_FROM(test, fake_start_2l, fake_start_fifo)
#define FAKE_BOTH_FROM(test, start_2l, start_fifo)      \
    {#test ", two levels", test, start_2l, NULL, NULL}, \
    {                                                   \
#test ", FIFO", test, start_fifo, NULL, NULL    \
    }

/* The CPU that the test runs on from now on. */
void fake_on(uint32_t cpu);

/* CPU 1 takes no events any more. */
void fake_stop_cpu_1(void);

/* Makes a port pending, as Xen does for another domain. */
void fake_raise(uint32_t port);

/* The same in the three steps that Xen makes of it, which are not made at once: it looks where the
 * port is delivered, makes it pending there, and tells that CPU. */
void fake_raise_looks(uint32_t port);
void fake_raise_links(uint32_t port);
void fake_raise_tells(void);

/* Whether Xen would enter the guest on a CPU, and that: the upcall. */
bool fake_upcall_wanted(uint32_t cpu);
void fake_upcall(uint32_t cpu);

/* Upcalls until none is wanted; returns how many; fails the test if there is no end. */
unsigned fake_settle(void);

/* The words of the FIFO scheme. */
uint32_t *fake_word(uint32_t port);
struct pv_xen_control_block *fake_block(uint32_t cpu);

/* A handler that counts in `runs`, where its context points; and a port with it, or with another.
 */
void count(struct pv_regs *regs, void *context);
int bind(uint32_t port, pv_xen_event_handler handler);

#endif
