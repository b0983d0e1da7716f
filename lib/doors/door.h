/* SPDX-License-Identifier: MIT */
/*
 * Numbers that the doors' assembly shares: which door was taken (lib/boot/names.c compares them
 * with enum pv_door), and what lies where in the memory that the doors use.
 */
#ifndef PVOPS_LIB_DOORS_DOOR_H
#define PVOPS_LIB_DOORS_DOOR_H

#define DOOR_PVH        1
#define DOOR_MULTIBOOT1 2
#define DOOR_MULTIBOOT2 3
#define DOOR_XEN_PV     4

/* In EAX at entry: Multiboot Specification 0.6.96, 3.2; Multiboot2 Specification 2.0, 3.3. */
#define MULTIBOOT1_LOADER 0x2badb002
#define MULTIBOOT2_LOADER 0x36d76289

/* pv_door_memory: four kinds of page tables, then the stack. */
#define LEVEL4      0x0000
#define LEVEL3_LOW  0x1000
#define LEVEL3_HIGH 0x2000
#define LEVEL2      0x3000
#define TABLES_END  0x7000
#define STACK_END   0xb000

/* Selectors of the GDT that the doors leave in force. */
#define DOOR_CS 0x08
#define DOOR_DS 0x10

#endif
