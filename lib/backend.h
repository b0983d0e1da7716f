/* SPDX-License-Identifier: MIT */
/*
 * What a backend is to the library. A backend is one constant of type struct pv_backend; the one
 * list of them is lib/backends.c.
 */
#ifndef PVOPS_LIB_BACKEND_H
#define PVOPS_LIB_BACKEND_H

#include "pvops/pvops.h"
#include "lib/cold.h"

/* Bytes that the longest sequence may have. */
#define PV_SEQUENCE_BYTES 20

/*
 * What a site holds instead of a call, as the macros of lib/x86/sequence.inc lay it out. At most
 * one rel32 in it is relative to the site: the fix-up.
 */
struct pv_sequence {
    uint16_t op;
    uint8_t length;       /* bytes in use; 0: an op that needs no instruction at all */
    uint8_t first;        /* length of the first instruction, which takes the padding */
    uint8_t instructions; /* how many */
    uint8_t fixup;        /* where the rel32 is; 0: nowhere */
    uint16_t zero;
    int32_t target; /* what it points at, relative to this field */
    uint8_t bytes[PV_SEQUENCE_BYTES];
};

_Static_assert(sizeof(struct pv_sequence) == 32, "as lib/x86/sequence.inc lays it out");

/* Most pages that a backend is asked to give or take at once. */
#define PV_HOST_MEMORY_PAGES 128u

/* Memory that goes and comes: pvops/memory.h. give() and take() see PV_HOST_MEMORY_PAGES at most,
 * and return how many were done, or a negative status if there was none to be done. */
struct pv_host_memory {
    int (*limits)(struct pv_memory_limits *limits);
    int (*give)(const uint64_t *frames, uint32_t count, struct pv_error *error);
    int (*take)(const uint64_t *frames, uint32_t count, struct pv_error *error);
    int (*machine_map)(struct pv_memory_range *ranges, unsigned room);
};

struct pv_backend {
    const char *name;

    /* The backend whose ops fill the slots that this one leaves empty; NULL for none. */
    const struct pv_backend *base;

    const struct pv_ops *ops;            /* NULL slots: the base's */
    const struct pv_sequence *sequences; /* of this backend's own ops or of the base's */
    const struct pv_sequence *sequences_end;

    /*
     * Whether an op's sequence can be used on this machine (an APIC in another mode, %gs used
     * otherwise); NULL: always. Asked for the sequences of this backend only.
     */
    bool (*sequence_fits)(enum pv_op_id op);

    /*
     * The base lends its ops and the trap handler that they may need, and nothing else: it is
     * neither entered nor left, for the hardware it would bring up is not this machine's (Xen PV).
     */
    bool base_is_ops_only;

    /*
     * What must be there before the first op is used; at the end of pv_early_init(), with the table
     * already this backend's. NULL: nothing. Never undone. The base's is not called.
     */
    int (*begin)(const struct pv_boot_info *boot, struct pv_error *error);

    /*
     * How well this backend serves what detection found: 0 not at all, more is better. The native
     * backend says 1 to everything.
     */
    unsigned (*fitness)(const struct pv_detection *detection);

    /*
     * Registers with the VMM and brings up what the ops need: clock, timer, interrupt controller.
     * Interrupts off; called once per becoming the backend, with the table already its own and the
     * sites not yet. On failure everything is as before the call. The base's comes first.
     */
    int (*enter)(const struct pv_platform *platform, struct pv_error *error);

    /* Undoes enter(), before the table changes hands. The base's comes last. */
    void (*leave)(void);

    /*
     * What enter() and leave() do for the CPU that they run on, for each further one: run on that
     * CPU, interrupts off, behind enter() and before leave(). By pv_cpu_online() and
     * pv_cpu_offline(), and by pv_switch() while all CPUs stand still, several at the same time.
     * cpu_leave() may be run where cpu_enter() failed or was not called. NULL: nothing to do.
     */
    int (*cpu_enter)(struct pv_error *error);
    void (*cpu_leave)(void);

    /*
     * The CPU that this runs on waits for another one, and says so again and again: the VMM may
     * have taken that one's processor away, and be asked to give it this one's. Interrupts off;
     * contains no call site, since some may be half written. Also of the backend that was left, or
     * not yet entered, on this CPU. NULL: nobody to ask.
     */
    void (*waits_for)(const struct pv_cpu *cpu);

    /* Behind leave() when the kernel ends for good: takes back what leave() keeps for the next
     * enter(). NULL: nothing. */
    void (*end)(void);

    /* Names of what was negotiated, up to `room`; returns how many. */
    unsigned (*features)(const char **names, unsigned room);

    const char *clock; /* name of its clock; NULL: the base's */

    const char *signature; /* of the CPUID interface that it drives; NULL: none */

    /*
     * Frequency of the TSC in Hz when the VMM tells it, else 0; NULL: it never does. Asked by the
     * base before it measures, so before enter(); leaves no registration behind.
     */
    uint64_t (*tsc_hz)(void);

    /* Offered #GP, #PF and NMI when this backend is in force; true if it was its own. May be NULL.
     * Contains no call site. */
    bool (*trap)(unsigned vector, struct pv_regs *regs);

    /*
     * What the VMM has for a kernel whatever backend is in force, so before enter() and after
     * leave() too; each may be NULL. Its console, by pv_console_write() and pv_console_read() (both
     * or none). Its memory map where the loader left none, by pv_boot_ask_memory(): fills up to
     * `room` ranges and returns how many, or a negative status. The end of the machine, for the
     * native backend when hardware offers none: returns if that did not work. pv_soft_reset().
     */
    int (*console_write)(const char *text, size_t length);
    int (*console_read)(char *buffer, size_t size);
    int (*memory_map)(struct pv_memory_range *ranges, unsigned room);
    void (*power_off)(int status);
    int (*soft_reset)(struct pv_error *error);

    /* While it is in force; NULL: the machine's memory is what it is. */
    const struct pv_host_memory *memory;

    /* pv_pte_set_foreign(); NULL: page tables are the kernel's, and no other machine's are there.
     */
    int (*pte_set_foreign)(struct pv_pte *entry, struct pv_pte value, uint16_t domain,
                           struct pv_error *error);

    /* Counts of pv_host_calls(); NULL: nothing is counted. */
    void (*host_calls)(struct pv_host_calls *counts);
};

/* What is entered before a backend, left after it, and has features and a clock to name. */
static inline const struct pv_backend *pv_backend_below(const struct pv_backend *backend)
{
    return backend->base_is_ops_only ? NULL : backend->base;
}

extern const struct pv_backend pv_backend_native;
extern const struct pv_backend pv_backend_kvm;
extern const struct pv_backend pv_backend_xen_hvm;
extern const struct pv_backend pv_backend_xen_pv;

/* The one list: native first. */
extern const struct pv_backend *const pv_backends[];
extern const unsigned pv_backend_count;

/* The backend in force and what the kernel lends; set by pv_early_init(). */
extern const struct pv_backend *pv_backend;
extern const struct pv_platform *pv_platform;

/* What the door told; NULL before pv_early_init(), and if it was given nothing. */
extern const struct pv_boot_info *pv_boot;

/* Whether a word stands on the kernel's command line, by itself. */
bool pv_command_line_has(const char *word);

/* Prints one line by pv_platform::log: text, then " 0x" and the number if with_number. */
void pv_log(const char *text);
void pv_log_number(const char *text, uint64_t number);

/* Once. */
static inline void pv_log_once(bool *told, const char *text)
{
    if (!*told)
        pv_log(text);
    *told = true;
}

/* Stops the machine: pv_platform::panic, or ud2. */
_Noreturn void pv_panic(const char *why);

/* The text that handles breakpoints, NMIs and machine checks: no site may lie in it. */
#define PV_NOSITE __attribute__((section(".text.pv_nosite"), noinline))

/* Where a backend without a clock of its own keeps what pv_tsc_khz() tells. */
extern uint32_t pv_tsc_khz_value;

#endif
