/* SPDX-License-Identifier: MIT */
/*
 * Machine checks of a PV guest of Xen. The entry is tried everywhere; beyond that, Xen is told to
 * find an uncorrected error in a page of this machine's memory, which goes the whole way that a
 * real one would: the trap in Xen, the page taken out of use, the registers that the kernel is
 * shown, and the trap of each of its CPUs.
 *
 * Xen does so from 4.19 on, for its hardware domain, on processors of Intel: for those of AMD it
 * has no such way (xen/arch/x86/cpu/mcheck/mce_amd.c registers no handlers, and panics), and any
 * other PV domain is ended with its page (mcaction.c, unmmap_broken_page). Natively a self-test
 * raises the trap by `int`, and under KVM the host does. Like events.c this file looks into the
 * library's own headers.
 */
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/pv.h"
#include "backends/xen/abi/version.h"
#include "backends/xen/pv/hypercall.h"
#include "backends/xen/pv/pv.h"
#include "mca.h"
#include "selftest.h"
#include "../commands.h"
#include "../cpu.h"
#include "../memory.h"
#include "../smp.h"
#include "../timer.h"
#include "../traps.h"

/* All of Xen's processors wait for each other, and an emulated machine runs them in turn. */
#define PATIENCE_NS (30 * NS_PER_S)
#define ROUNDS      100u
#define STUB_BYTES  16u

/* Its list of banks to look at was empty up to then (commit 532988dccc of Xen). */
#define FIRST_THAT_LOOKS (4 << 16 | 19)
/* Compares the instruction with what the processor says of it. */
#define FIRST_THAT_READS (4 << 16 | 19)

/* Intel SDM vol. 3B, 17.3: registers, here of bank 1, which is the one that Xen shows. */
#define MSR_GLOBAL_STATUS 0x17au
#define MSR_STATUS        0x405u
#define MSR_ADDRESS       0x406u
#define MSR_MISC          0x407u

#define GLOBAL_CAN_GO_ON   1ull
#define GLOBAL_IN_PROGRESS 4ull

/* Valid, uncorrected, enabled, with address and kind of address, signalled: 17.6.1; code: 17.9.3.1,
 * found while memory was scrubbed. */
#define STATUS_SCRUB  0xbd000000000000c0ull
#define STATUS_CODE   0xffffull
#define MISC_PHYSICAL 0x8cull /* 17.3.2.4: a physical address, of a page */

static volatile struct {
    uint32_t count;
    uint64_t global, status, address;
} seen[MOST_CPUS];

static uint64_t read_msr(uint32_t msr)
{
    uint64_t value = 0;
    (void)pv_cpu_msr_read(msr, &value);
    return value;
}

/* The last write says that the next one may come. */
static void on_machine_check(struct pv_regs *regs)
{
    unsigned cpu = pv_this_cpu()->number;
    if (regs->vector != VECTOR_MACHINE_CHECK)
        return;
    seen[cpu].global = read_msr(MSR_GLOBAL_STATUS);
    seen[cpu].status = read_msr(MSR_STATUS);
    seen[cpu].address = read_msr(MSR_ADDRESS);
    seen[cpu].count++;
    (void)pv_cpu_msr_write(MSR_STATUS, 0);
    (void)pv_cpu_msr_write(MSR_GLOBAL_STATUS, 0);
}

static void forget_seen(void)
{
    for (unsigned cpu = 0; cpu < MOST_CPUS; cpu++)
        seen[cpu].count = 0;
}

static int64_t call(struct mca *request, uint32_t command)
{
    request->command = command;
    request->version = MCA_VERSION;
    return pv_xen_hypercall(HC_MCA, pv_xen_pointer(request), 0, 0, 0, 0);
}

/* On the machine's first processor. */
static int64_t raise_for(uint64_t machine)
{
    struct mca request = {
        .set = {.flags = MCA_INTERPOSE,
                .count = 4,
                .values = {{MSR_GLOBAL_STATUS, GLOBAL_IN_PROGRESS | GLOBAL_CAN_GO_ON},
                           {MSR_STATUS, STATUS_SCRUB},
                           {MSR_ADDRESS, machine},
                           {MSR_MISC, MISC_PHYSICAL}}}};
    int64_t result = call(&request, MCA_SET_MSRS);
    request = (struct mca){.raise_on = 0};
    return result != 0 ? result : call(&request, MCA_RAISE);
}

static int64_t version(void)
{
    return pv_xen_version_call(PV_XENVER_VERSION, NULL);
}

static bool skip_here(struct check *check)
{
    if (!pv_xen_is_pv())
        skip(check, "Xen raises them for its PV hardware domain");
    else if (!boot_info.xen_pv.is_hardware_domain)
        skip(check, "Xen ends any other domain that has a broken page");
    else if (!processor_is_by("GenuineIntel"))
        skip(check, "Xen passes on those of Intel's processors only");
    else if (version() < FIRST_THAT_LOOKS)
        skip(check, "before version 4.19 Xen finds no error in any bank");
    return check->outcome == CHECK_SKIPPED;
}

static bool all_came(void)
{
    bool all = true;
    for (unsigned cpu = 0; cpu < smp_count(); cpu++)
        all = all && seen[cpu].count != 0;
    return all;
}

/* The error is shown to the first CPU; to the others, that there is one. */
static void expect_seen(struct check *check, uint64_t page)
{
    struct limit limit = limit_in(PATIENCE_NS);
    while (!all_came() && !limit_passed(&limit))
        pv_cpu_relax();
    for (unsigned cpu = 0; cpu < smp_count(); cpu++)
        EXPECT(check, seen[cpu].count == 1 && (seen[cpu].global & GLOBAL_IN_PROGRESS) != 0,
               "CPU %u: %u machine checks, status %lx", cpu, seen[cpu].count, seen[cpu].global);
    EXPECT(check, (seen[0].status & STATUS_CODE) == (STATUS_SCRUB & STATUS_CODE),
           "status of the bank: %lx", seen[0].status);
    EXPECT(check, seen[0].address == page, "the page is %lx and not %lx", seen[0].address, page);
}

/* A page that is broken is given to nobody again. */
static void machine_check_comes(struct check *check)
{
    uint64_t page = skip_here(check) ? 0 : page_alloc();
    if (check->outcome == CHECK_SKIPPED || !EXPECT(check, page != 0, "no memory"))
        return;
    forget_seen();
    trap_hook = on_machine_check;
    int64_t result = raise_for(pv_xen_to_machine(page / PAGE_BYTES).frame * PAGE_BYTES);
    if (EXPECT(check, result == 0, "Xen raises none: %ld", result))
        expect_seen(check, page);
    trap_hook = NULL;
}

/* ---- the way in ------------------------------------------------------------------------------ */

#define VECTOR_HALF (VECTOR_MACHINE_CHECK / 2)

extern const char pv_xen_pv_stubs[] PV_HIDDEN;

/*
 * By `int`, which Xen passes on to whatever its table of traps names. QEMU's emulation tells Xen
 * twice the vector; so 9, which no processor raises, is led to the same place as 18.
 */
static void entry_leads_to_kernel(struct check *check)
{
    struct pv_xen_trap traps[3] = {{0}};
    if (!pv_xen_is_pv()) {
        skip(check, "the processor enters the kernel by itself");
        return;
    }
    if (version() >= FIRST_THAT_READS) {
        skip(check, "Xen reads the instruction, and an emulated processor may name another vector");
        return;
    }
    for (unsigned i = 0; i < 2; i++)
        traps[i] = (struct pv_xen_trap){
            .vector = (uint8_t)(i == 0 ? VECTOR_HALF : VECTOR_MACHINE_CHECK),
            .flags = PV_XEN_TRAP_ANYBODY | PV_XEN_TRAP_EVENTS_OFF,
            .cs = PV_XEN_FLAT_CS,
            .address = (uintptr_t)pv_xen_pv_stubs + VECTOR_MACHINE_CHECK * STUB_BYTES,
        };
    forget_seen();
    preempt_off();
    int64_t result = pv_xen_pv_call(PV_XEN_HC_SET_TRAP_TABLE, pv_xen_pv_pointer(traps), 0, 0, 0);
    trap_hook = on_machine_check;
    for (unsigned i = 0; i < ROUNDS && result == 0; i++)
        __asm__ volatile("int %0" : : "i"(VECTOR_HALF) : "memory");
    trap_hook = NULL;
    traps_load();
    unsigned count = seen[pv_this_cpu()->number].count;
    preempt_on();
    EXPECT(check, result == 0, "Xen refuses the entry: %ld", result);
    EXPECT(check, count == ROUNDS, "%u of %u reached the kernel", count, ROUNDS);
}

static const struct test mce_tests[] = {
    {"the entry of machine checks leads to the kernel's handler and back", entry_leads_to_kernel},
    {"a machine check that Xen passes on reaches each CPU, and names this machine's page",
     machine_check_comes},
};

const struct test_group mce_group = TEST_GROUP(mce);
