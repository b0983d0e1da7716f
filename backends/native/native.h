/* SPDX-License-Identifier: MIT */
/*
 * The parts of the native backend to each other.
 */
#ifndef PVOPS_NATIVE_NATIVE_H
#define PVOPS_NATIVE_NATIVE_H

#include "lib/backend.h"
#include "lib/clock.h"
#include "lib/irq_save.h"

/* ops.S: functions that change nothing but rax and the flags. */
void pv_native_cpu_relax(void) PV_HIDDEN;
void pv_native_cpu_kernel_stack_set(uint64_t top) PV_HIDDEN;
uint64_t pv_native_cr2_read(void) PV_HIDDEN;
uint64_t pv_native_cr3_read(void) PV_HIDDEN;
void pv_native_cr3_write(uint64_t cr3) PV_HIDDEN;
void pv_native_tlb_invlpg(uint64_t address) PV_HIDDEN;
void pv_native_tlb_flush(void) PV_HIDDEN;
struct pv_pte pv_native_pte_get(const struct pv_pte *entry) PV_HIDDEN;
void pv_native_pte_set(struct pv_pte *entry, struct pv_pte value) PV_HIDDEN;
void pv_native_pte_clear(struct pv_pte *entry) PV_HIDDEN;
void pv_native_paging_batch_open(void) PV_HIDDEN;
void pv_native_paging_batch_close(void) PV_HIDDEN;
int pv_native_paging_table_add(uint64_t frame, uint32_t level) PV_HIDDEN;
void pv_native_paging_table_remove(uint64_t frame, uint32_t level) PV_HIDDEN;
void pv_native_irq_disable(void) PV_HIDDEN;
void pv_native_irq_enable(void) PV_HIDDEN;
struct pv_irqflags pv_native_irq_save(void) PV_HIDDEN;
void pv_native_irq_restore(struct pv_irqflags flags) PV_HIDDEN;
struct pv_irqflags pv_native_irq_flags(void) PV_HIDDEN;
void pv_native_irq_enable_halt(void) PV_HIDDEN;
void pv_native_irq_eoi(void) PV_HIDDEN;
bool pv_native_vcpu_is_preempted(uint32_t cpu) PV_HIDDEN;
void pv_native_lock_release(struct pv_spinlock *lock) PV_HIDDEN;

/* ops.S: functions with the C convention that are the same as their sequences. */
void pv_native_cpu_tls_set(uint64_t base) PV_HIDDEN;
void pv_native_lock_acquire(struct pv_spinlock *lock) PV_HIDDEN;
void pv_native_lock_wait(const uint8_t *byte, uint8_t value) PV_HIDDEN;
void pv_native_lock_kick(uint32_t cpu) PV_HIDDEN;

/* ops.S: nobody to ask, nothing to gain. */
int pv_native_cpu_halt_poll(bool host_polls) PV_HIDDEN;
int pv_native_cpu_migration_allow(bool allowed) PV_HIDDEN;
int pv_native_clock_pair(struct pv_clock_pair *pair) PV_HIDDEN;
void pv_native_smp_yield_to(uint32_t cpu) PV_HIDDEN;

/* ipi_many.c */
void pv_native_smp_ipi_many(const struct pv_cpu_set *cpus, uint8_t vector);

/* cpu.c */
void pv_native_kernel_stack_set_by_call(uint64_t top) PV_HIDDEN;
void pv_native_cpu_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *regs);
void pv_native_cpu_gdt_load(const void *table, uint32_t bytes);
int pv_native_cpu_gdt_entry_set(uint64_t *table, uint32_t index, uint64_t descriptor);
int pv_native_cpu_ldt_add(uint64_t *table, uint32_t entries) PV_HIDDEN;    /* ops.S */
int pv_native_cpu_ldt_remove(uint64_t *table, uint32_t entries) PV_HIDDEN; /* the same */
int pv_native_cpu_ldt_load(uint16_t selector, const uint64_t *table, uint32_t entries);
int pv_native_cpu_ldt_entry_set(uint64_t *table, uint32_t index, uint64_t descriptor);
int pv_native_cpu_syscall_set(const struct pv_syscall_entry *entry);
void pv_native_cpu_user_selectors(uint16_t *cs, uint16_t *ss);
void pv_native_cpu_fpu_trap(bool trap);
uint64_t pv_native_cpu_debug_read(uint32_t index);
int pv_native_cpu_debug_write(uint32_t index, uint64_t value);
void pv_native_cpu_idt_load(const void *table, uint32_t bytes);
void pv_native_cpu_task_load(uint16_t selector);
uint64_t pv_native_cpu_cr0_read(void);
void pv_native_cpu_cr0_write(uint64_t value);
uint64_t pv_native_cpu_cr4_read(void);
void pv_native_cpu_cr4_write(uint64_t value);
void pv_native_cpu_init(void);
bool pv_native_cpu_has(uint32_t feature); /* of CPUID.1:ECX */
bool pv_native_cpu_has_pcid(void);
bool pv_native_cpu_has_invpcid(void);
void pv_native_tlb_flush_all(void);
void pv_native_pte_change(struct pv_pte *entry, struct pv_pte value);

/* msr.S, msr.c */
int pv_native_cpu_msr_read(uint32_t msr, uint64_t *value) PV_HIDDEN;
int pv_native_cpu_msr_write(uint32_t msr, uint64_t value) PV_HIDDEN;
bool pv_native_trap(unsigned vector, struct pv_regs *regs);

/* io.c */
uint8_t pv_native_io_in8(uint16_t port);
uint16_t pv_native_io_in16(uint16_t port);
uint32_t pv_native_io_in32(uint16_t port);
void pv_native_io_out8(uint16_t port, uint8_t value);
void pv_native_io_out16(uint16_t port, uint16_t value);
void pv_native_io_out32(uint16_t port, uint32_t value);
uint32_t pv_native_mmio_read32(const volatile void *address);
void pv_native_mmio_write32(volatile void *address, uint32_t value);

/* acpi.c: what the tables say; all zero without tables. */
#define PV_ACPI_IOAPICS   8
#define PV_ACPI_OVERRIDES 24
#define PV_ACPI_CPUS      PV_CONFIG_MAX_CPUS

struct pv_acpi_ioapic {
    uint32_t address;
    uint32_t gsi_base;
};

struct pv_acpi_override {
    uint32_t gsi;
    uint16_t flags; /* PV_ACPI_POLARITY_*, PV_ACPI_TRIGGER_* */
    uint16_t zero;
};

/* MPS INTI flags: ACPI 6.5, 5.2.12.5. */
#define PV_ACPI_POLARITY_MASK 0x3u
#define PV_ACPI_POLARITY_LOW  0x3u
#define PV_ACPI_TRIGGER_MASK  0xcu
#define PV_ACPI_TRIGGER_LEVEL 0xcu

struct pv_acpi {
    uint32_t ioapics;
    uint32_t overrides;
    struct pv_acpi_ioapic ioapic[PV_ACPI_IOAPICS];
    struct pv_acpi_override override[PV_ACPI_OVERRIDES];
    uint32_t cpus;              /* that can be used; firmware may list the same CPU twice */
    uint32_t cpus_left_out;     /* for which there was no room */
    uint32_t cpu[PV_ACPI_CPUS]; /* identities of their local APICs */
    uint64_t hpet;              /* its registers, 0: none */
    uint16_t pm_timer;          /* port, 0: none */
    uint32_t pm_timer_mask;     /* its width */
    uint16_t pm1a_control;      /* port, 0: none */
    uint16_t pm1b_control;
    uint16_t smi_command; /* port, 0: none */
    uint8_t acpi_enable;  /* value for it */
    uint8_t cmos_century; /* CMOS register, 0: none */
    bool no_cmos;
    bool no_keyboard_controller;
    bool sleep_known; /* the next two are valid */
    uint8_t sleep_type_a;
    uint8_t sleep_type_b;
    uint16_t sleep_port;          /* sleep control register of reduced hardware, a port */
    volatile uint8_t *sleep_mmio; /* ... or in memory */
};

extern struct pv_acpi pv_native_acpi;
void pv_native_acpi_read(void);

/* apic.c: the local APIC */
void pv_native_apic_init(void);
int pv_native_apic_cpu_enter(struct pv_error *error);
void pv_native_apic_cpu_leave(void);
void pv_native_apic_hold_others(void); /* all that are up, but for the one that booted */
bool pv_native_apic_present(void);
bool pv_native_apic_is_x2(void);
uint32_t pv_native_apic_boot_id(void); /* of the CPU that booted */
/* False: there is no such CPU, or it is not up. */
bool pv_native_apic_id_of(uint32_t cpu, uint32_t *apic_id);
int pv_native_apic_send(uint32_t apic_id, uint32_t command);
uint32_t pv_native_apic_read(uint32_t offset);
void pv_native_apic_write(uint32_t offset, uint32_t value);
void pv_native_smp_ipi(uint32_t cpu, uint8_t vector);

int pv_native_smp_nmi(uint32_t cpu);

/* Commands, and their delivery modes: Intel SDM vol. 3A, 11.6.1. */
#define APIC_ICR_NMI     0x400u
#define APIC_ICR_INIT    0x500u
#define APIC_ICR_STARTUP 0x600u
#define APIC_ICR_ASSERT  0x4000u

/* Offsets of registers: Intel SDM vol. 3A, table 11-1. */
#define APIC_LVT_TIMER     0x320u
#define APIC_TIMER_INITIAL 0x380u
#define APIC_TIMER_CURRENT 0x390u
#define APIC_TIMER_DIVIDE  0x3e0u
/* In a local vector table entry: Intel SDM vol. 3A, figure 11-8. */
#define APIC_LVT_MASKED   0x10000u
#define APIC_LVT_PERIODIC 0x20000u
#define APIC_LVT_DEADLINE 0x40000u

/* timer.c */
void pv_native_timer_init(void);
void pv_native_timer_cpu_enter(void);
void pv_native_timer_pause(void);
bool pv_native_timer_by_deadline(void);
void pv_native_timer_set(uint64_t deadline_ns);
void pv_native_timer_periodic(uint64_t period_ns);

/* smp.c, smp_entry.S */
uint32_t pv_native_smp_list(uint32_t *hardware_ids, uint32_t room);
int pv_native_smp_start(const struct pv_smp_start *start, struct pv_error *error);
void pv_native_smp_park(uint32_t *parked) PV_HIDDEN;
uint64_t pv_native_ticks(uint64_t ns); /* of the TSC; not fewer than that time has */

/* shootdown.c */
void pv_native_shootdown_init(void);
void pv_native_shootdown_cpu_leave(void);
int pv_native_tlb_flush_others(const struct pv_cpu_set *cpus, uint64_t start, uint64_t end);

/* pic.c, ioapic.c */
void pv_native_pic_disable(void);
void pv_native_ioapic_init(void);
int pv_native_irq_message(uint32_t cpu, uint8_t vector, struct pv_irq_message *message);
int pv_native_irq_route(uint32_t gsi, uint8_t vector, uint32_t flags);
int pv_native_irq_mask(uint32_t gsi, bool masked);

/* calibrate.c: one counter measured by another. */
struct pv_native_counter {
    uint32_t (*read)(void);
    uint32_t mask; /* its width */
    bool down;     /* it counts down */
};

/*
 * Waits until reference has counted `window`, and tells how far the TSC came in that time.
 * false: the reference does not count.
 */
bool pv_native_measure(const struct pv_native_counter *reference, uint32_t window,
                       uint64_t *counted, uint64_t *tsc);
uint64_t pv_native_measure_tsc_hz(void);

/* frequency.c: frequencies from whoever tells them, in Hz; 0 if nobody does */
uint64_t pv_native_tsc_hz(void);
uint64_t pv_native_apic_hz(void); /* of the local APIC's timer */

/* tsc.c: the clock */
void pv_native_tsc_init(void);
uint64_t pv_native_tsc_frequency(void);
uint64_t pv_native_clock_ns(void);
uint64_t pv_native_steal_ns(void);

/* cmos.c */
int pv_native_wallclock(uint64_t *unix_ns);

/* power.c */
void pv_native_cpu_power_off(int status);

#endif
