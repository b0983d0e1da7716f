/* SPDX-License-Identifier: MIT */
/*
 * Where a CPU's time went: a record for each CPU that Xen writes whenever it gives the CPU a
 * processor or takes it away (xen/include/public/vcpu.h,
 * VCPUOP_register_runstate_memory_area). So stolen time, and whether another CPU stands still, are
 * read without a hypercall.
 *
 * It lies in the line of the CPU's block that is a VMM's for a clock, which Xen's are not in. Xen
 * writes to it by address, in whichever space is in force: a block is mapped in all. Of a CPU that
 * is in user mode a PV guest's record is written later, when it is back in the kernel.
 */
#include "backends/xen/xen.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/sched.h"
#include "backends/xen/abi/vcpu.h"
#include "lib/clock.h"
#include "lib/cold.h"

/* A record that is written all this time is left alone until the next call. */
#define ATTEMPTS 100

/* No CPU waits for 146 years. */
#define MOST_NS (1ull << 62)

_Static_assert(sizeof(struct pv_xen_runstate) <= sizeof(((struct pv_cpu *)0)->vmm_clock),
               "the record fits into the CPU's line");
_Static_assert(offsetof(struct pv_xen_runstate, state) == PV_XEN_RUNSTATE_STATE, "abi/vcpu.h");

/* By CPU number; NULL: it has none. Read by ops.S. */
volatile struct pv_xen_runstate *pv_xen_runstates[PV_CONFIG_MAX_CPUS];

static uint64_t most_stolen_ns[PV_CONFIG_MAX_CPUS];

static uint32_t vcpus[PV_CONFIG_MAX_CPUS]; /* Xen's numbers of those that have one */

static bool set_area(uint32_t vcpu, const volatile void *record)
{
    struct pv_xen_runstate_area area = {pv_xen_pointer(record)};

    return pv_xen_vcpu_op(PV_VCPUOP_REGISTER_RUNSTATE_AREA, vcpu, &area) == 0;
}

void pv_xen_runstate_start(void)
{
    struct pv_cpu *cpu = pv_this_cpu();

    if (cpu->number >= PV_CONFIG_MAX_CPUS)
        return;
    /* Without the flag a CPU still reads its own right: it runs while it does. */
    (void)pv_xen_vm_assist(PV_VMASST_ENABLE, PV_VMASST_RUNSTATE_UPDATE_FLAG);
    vcpus[cpu->number] = pv_xen_this_vcpu();
    if (set_area(vcpus[cpu->number], cpu->vmm_clock))
        pv_xen_runstates[cpu->number] = (struct pv_xen_runstate *)(void *)cpu->vmm_clock;
}

/* Address 0 is none; but Xen tries to write there once, so nothing of value is to be mapped. */
static void stop(uint32_t number)
{
    if (number >= PV_CONFIG_MAX_CPUS || pv_xen_runstates[number] == NULL)
        return;
    pv_xen_runstates[number] = NULL;
    (void)set_area(vcpus[number], NULL);
}

void pv_xen_runstate_stop(void)
{
    stop(pv_this_cpu()->number);
}

/* Xen takes the call for any CPU, so one that stands still loses its record too. */
PV_COLD void pv_xen_runstates_end(void)
{
    for (uint32_t number = 0; number < PV_CONFIG_MAX_CPUS; number++)
        stop(number);
}

bool pv_xen_runstate_in_use(void)
{
    uint32_t number = pv_this_cpu()->number;

    return number < PV_CONFIG_MAX_CPUS && pv_xen_runstates[number] != NULL;
}

static bool add_up(uint64_t waited_ns, uint64_t paused_ns, uint64_t *stolen_ns)
{
    if (waited_ns > MOST_NS || paused_ns > MOST_NS)
        return false;
    *stolen_ns = waited_ns + paused_ns;
    return true;
}

static bool read_record(const volatile struct pv_xen_runstate *record, uint64_t *stolen_ns)
{
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        uint64_t since = __atomic_load_n(&record->since_ns, __ATOMIC_ACQUIRE);
        uint64_t waited_ns = record->time_ns[PV_RUNSTATE_RUNNABLE];
        uint64_t paused_ns = record->time_ns[PV_RUNSTATE_OFFLINE];
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if ((since & PV_XEN_RUNSTATE_UPDATE) == 0 &&
            __atomic_load_n(&record->since_ns, __ATOMIC_RELAXED) == since)
            return add_up(waited_ns, paused_ns, stolen_ns);
    }
    return false;
}

/* For a CPU whose record Xen did not take. */
static bool ask(uint64_t *stolen_ns)
{
    struct pv_xen_runstate state = {0};

    return pv_xen_vcpu_op(PV_VCPUOP_GET_RUNSTATE_INFO, pv_xen_this_vcpu(), &state) == 0 &&
           add_up(state.time_ns[PV_RUNSTATE_RUNNABLE], state.time_ns[PV_RUNSTATE_OFFLINE],
                  stolen_ns);
}

/* Never less than before, whatever Xen says. */
uint64_t pv_xen_steal_ns(void)
{
    uint32_t number = pv_this_cpu()->number;
    uint64_t stolen_ns;

    if (number >= PV_CONFIG_MAX_CPUS)
        return 0;
    const volatile struct pv_xen_runstate *record = pv_xen_runstates[number];
    if (!(record != NULL ? read_record(record, &stolen_ns) : ask(&stolen_ns)))
        return most_stolen_ns[number];
    return pv_clock_monotonic(&most_stolen_ns[number], stolen_ns);
}

/* Who has no record, or no longer, may have been preempted: then it is Xen that knows. To whom the
 * processor is given is Xen's choice. */
void pv_xen_waits_for(const struct pv_cpu *cpu)
{
    uint32_t number = cpu->number;

    if (number >= PV_CONFIG_MAX_CPUS || pv_xen_runstates[number] == NULL ||
        pv_xen_vcpu_is_preempted(number))
        (void)pv_xen_sched_op(PV_SCHEDOP_YIELD, NULL);
}
