/* SPDX-License-Identifier: MIT */
/*
 * The parts of the Xen backends to each other: what PV and HVM share, and what each of them does in
 * its own way for the shared parts.
 */
#ifndef PVOPS_XEN_XEN_H
#define PVOPS_XEN_XEN_H

#include "lib/backend.h"
#include "backends/xen/abi/shared_info.h"

/* The page shared with Xen; NULL until the backend is entered. hvm/shared_info.c */
extern struct pv_xen_shared_info *pv_xen_shared;

/* The number that Xen knows this CPU by, which need not be the kernel's; and any CPU, once that has
 * asked: UINT32_MAX before. cpuid.c */
uint32_t pv_xen_this_vcpu(void);
void pv_xen_ask_this_vcpu(
    void); /* again, by a CPU that comes: the kernel may have numbered it anew */
uint32_t pv_xen_vcpu_of(const struct pv_cpu *cpu);

/* Where Xen keeps this CPU's events and clock; NULL: nowhere. For PVH and HVM, on each CPU before
 * that, once the shared page is there: a place for one that has none in it. vcpu_info.c */
struct pv_xen_vcpu_info *pv_xen_this_vcpu_info(void);
int pv_xen_vcpu_info_start(struct pv_error *error);
bool pv_xen_vcpu_info_is_own(void); /* some CPU's is not in the shared page */

/* Xen's leaf at a distance from its base; false, and zeroes, when there is no such leaf. cpuid.c */
bool pv_xen_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *regs);

/* Xen's version, major and minor as 16:16, and its features, asked by hypercall. version.c */
int pv_xen_version_read(uint32_t *version, struct pv_error *error);
bool pv_xen_has_feature(unsigned number);

/* clock.c */
extern const struct pv_pvclock_source pv_xen_clock_source;
/* Whether pv_pvclock_to_vmm() says when Xen is to do something. In a PV guest it does so when the
 * clock was given up, too: there is no other timer. */
bool pv_xen_knows_times(void);
int pv_xen_wallclock(uint64_t *unix_ns);

/*
 * runstate.c: Xen's record of this CPU's time, in the CPU's block, begun and ended on that CPU with
 * interrupts off. Without one stolen time is asked for by hypercall. At the end of it nothing of
 * value may be mapped writable at address 0.
 */
void pv_xen_runstate_start(void);
void pv_xen_runstate_stop(void);
void pv_xen_runstates_end(void); /* of all CPUs, on any */
bool pv_xen_runstate_in_use(void);
uint64_t pv_xen_steal_ns(void);
bool pv_xen_vcpu_is_preempted(uint32_t cpu) PV_HIDDEN; /* ops.S */
void pv_xen_waits_for(const struct pv_cpu *cpu);       /* contains no call site */

/*
 * lock.c: what lets this CPU block while it waits for a lock, and be kicked; on that CPU, while
 * there are events for it. Without it, it spins. false: Xen gives no port.
 */
bool pv_xen_locks_start(void);
void pv_xen_locks_stop(void);
bool pv_xen_locks_in_use(void);
void pv_xen_lock_wait(const uint8_t *byte, uint8_t value);
void pv_xen_lock_kick(uint32_t cpu);
void pv_xen_smp_yield_to(uint32_t cpu);

/* timer.c */
int pv_xen_timer_start(struct pv_error *error);
void pv_xen_timer_stop(void);
bool pv_xen_timer_in_use(void);
void pv_xen_timer_set(uint64_t deadline_ns);
void pv_xen_timer_periodic(uint64_t period_ns);
/* Calls pv_xen_events_late_run() at a time, beside what else this CPU's timer does. Interrupts off,
 * and only while the timer is in use. */
void pv_xen_timer_also(uint64_t ns);

/* ipi.c: interrupts between CPUs by event channels; for each CPU that is to be reached */
int pv_xen_ipi_start(struct pv_error *error);
void pv_xen_ipi_stop(void);
void pv_xen_smp_ipi(uint32_t cpu, uint8_t vector);

/* tsc.c: "tsc-native" or "tsc-emulated"; NULL: Xen does not tell */
const char *pv_xen_tsc_mode(void);

/* console.c */
int pv_xen_console_write(const char *text, size_t length);
int pv_xen_console_read(char *buffer, size_t size);
/* Waits, for a bounded time, until the back end has taken all output. */
void pv_xen_console_drain(void);

/* It is looked for again when it is used next. */
void pv_xen_console_forget(void);

/* Whether this is a PV guest, which has frames of the machine to deal with. cpuid.c */
bool pv_xen_is_pv(void);

/* memory.c: where something in the library's data lies, and a frame as Xen wants it named */
uint64_t pv_xen_phys(const volatile void *address);
uint64_t pv_xen_frame_of(uint64_t phys);

/* balloon.c */
extern const struct pv_host_memory pv_xen_host_memory;

int pv_xen_memory_map(struct pv_memory_range *ranges, unsigned room);
int pv_xen_machine_memory_map(struct pv_memory_range *ranges, unsigned room);

/* power.c: by port and hypercall; by hypercall only */
void pv_xen_power_off(int status);
void pv_xen_shut_down(int status);
int pv_xen_soft_reset(struct pv_error *error);

/*
 * What goes on where Xen's clock and timer cannot be used: the native ops; or, in a PV guest, the
 * counter's clock, and nothing. timer.c
 */
extern const struct pv_ops *pv_xen_below;

static inline const struct pv_ops *pv_xen_base_ops(void)
{
    return pv_xen_below;
}

#endif
