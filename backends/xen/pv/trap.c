/* SPDX-License-Identifier: MIT */
/*
 * Traps, events and system calls: where Xen enters the kernel. Its own entry points are the stubs
 * of entry.S, which hand over to those of the kernel's interrupt descriptor table; the table itself
 * is read when it is loaded, and never used by a processor.
 *
 * Events come at one of the kernel's interrupt vectors, taken by pv_irq_alloc() like any other.
 */
#include "backends/xen/event.h"
#include "backends/xen/pv/hypercall.h"
#include "backends/xen/pv/pv.h"
#include "backends/xen/pv/queue.h"
#include "lib/irq.h"

#define VECTORS    256u
#define STUB_BYTES 16u

/* A gate: Intel SDM vol. 3A, 6.14.1. */
struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint16_t type;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t zero;
};

#define GATE_PRESENT   0x8000u
#define GATE_DPL(type) (((type) >> 13) & 3u)

extern const char pv_xen_pv_stubs[] PV_HIDDEN;
extern const char pv_xen_pv_syscall[] PV_HIDDEN;
extern const char pv_xen_pv_failsafe[] PV_HIDDEN;
extern const char pv_xen_pv_probe_access[] PV_HIDDEN;
extern const char pv_xen_pv_probe_failed[] PV_HIDDEN;

/* Read by entry.S. */
uint64_t pv_xen_pv_gates[VECTORS] PV_HIDDEN;
uint64_t pv_xen_pv_syscall_entry PV_HIDDEN;

static int upcall_vector = PV_E_FULL;

static const char *stub(unsigned vector)
{
    return pv_xen_pv_stubs + (size_t)vector * STUB_BYTES;
}

static void refused(const char *what, int64_t result)
{
    if (result != 0)
        pv_log_number(what, (uint64_t)-result);
}

static void on_upcall(struct pv_regs *regs, void *context)
{
    (void)context;
    struct pv_xen_paused paused = pv_xen_queue_pause();

    pv_xen_events_run(regs);
    pv_xen_queue_resume(paused);
}

static void register_callbacks(void)
{
    if (upcall_vector < 0)
        upcall_vector = pv_irq_alloc_unended(on_upcall, NULL);
    if (upcall_vector < 0) {
        pv_log("Xen PV: no vector is left for events (pv_platform::vector_first and _last)");
        return;
    }
    refused("Xen PV: the entry for events is refused, errno",
            pv_xen_callback(PV_CALLBACKTYPE_EVENT, 0, stub((unsigned)upcall_vector)));
    refused(
        "Xen PV: the failsafe entry is refused, errno",
        pv_xen_callback(PV_CALLBACKTYPE_FAILSAFE, PV_CALLBACKF_MASK_EVENTS, pv_xen_pv_failsafe));
    refused("Xen PV: the entry for NMIs is refused, errno",
            pv_xen_callback(PV_CALLBACKTYPE_NMI, 0, stub(PV_TRAP_NMI)));
}

/* NMIs and events have entries of their own. All others start with events off. */
static uint32_t read_gates(const struct gate *gates, uint32_t count, struct pv_xen_trap *traps)
{
    uint32_t used = 0;

    for (uint32_t vector = 0; vector < count; vector++) {
        const struct gate *gate = &gates[vector];
        if ((gate->type & GATE_PRESENT) == 0)
            continue;
        pv_xen_pv_gates[vector] = gate->offset_low | (uint64_t)gate->offset_middle << 16 |
                                  (uint64_t)gate->offset_high << 32;
        if (vector == PV_TRAP_NMI)
            continue;
        traps[used++] = (struct pv_xen_trap){
            .vector = (uint8_t)vector,
            .flags = (uint8_t)(GATE_DPL(gate->type) | PV_XEN_TRAP_EVENTS_OFF),
            .cs = PV_XEN_FLAT_CS,
            .address = (uintptr_t)stub(vector),
        };
    }
    return used;
}

void pv_xen_pv_cpu_idt_load(const void *table, uint32_t bytes)
{
    static struct pv_xen_trap traps[VECTORS + 1];
    uint32_t count = bytes / (uint32_t)sizeof(struct gate);

    if (count > VECTORS)
        count = VECTORS;
    uint32_t used = read_gates(table, count, traps);
    traps[used].address = 0;
    refused("Xen PV: the table of traps is refused, errno",
            pv_xen_pv_call(PV_XEN_HC_SET_TRAP_TABLE, pv_xen_pv_pointer(traps), 0, 0, 0));
    register_callbacks();
}

int pv_xen_pv_cpu_syscall_set(const struct pv_syscall_entry *entry)
{
    pv_xen_pv_syscall_entry = (uintptr_t)entry->framed;
    int64_t result =
        pv_xen_callback(PV_CALLBACKTYPE_SYSCALL, PV_CALLBACKF_MASK_EVENTS, pv_xen_pv_syscall);
    return result == 0 ? PV_OK : PV_E_HOST;
}

void pv_xen_pv_cpu_user_selectors(uint16_t *cs, uint16_t *ss)
{
    *cs = PV_XEN_FLAT_CS;
    *ss = PV_XEN_FLAT_SS;
}

bool pv_xen_pv_trap(unsigned vector, struct pv_regs *regs)
{
    if (vector != PV_TRAP_PAGE_FAULT)
        return false;
    if (regs->rip == (uintptr_t)pv_xen_pv_probe_access) {
        regs->rip = (uintptr_t)pv_xen_pv_probe_failed;
        return true;
    }
    pv_xen_pv_report_fault(regs);
    return false;
}
