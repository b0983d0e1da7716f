/* SPDX-License-Identifier: MIT */
/*
 * An Intel 82574 network card, which sends messages and has a register for interrupting by itself,
 * in reach of ports: Intel 317694, sections 10.2.4 (interrupts) and 10.2.2.6 (registers by ports).
 */
#ifndef GUEST_SELFTEST_CARD_H
#define GUEST_SELFTEST_CARD_H

#include "../pci.h"

/* The number of its device on the first bus; PCI_DEVICES: there is none. */
unsigned card_find(void);

/* It answers by ports, may send, and interrupts when it is asked to. */
void card_start(unsigned device);
void card_raise(void);

/* For handlers: whether there was a reason. Who has not got to saying so when the card's pause
 * between two interrupts is over is told once more. */
bool card_acknowledge(void);

void card_stop(void);

#endif
