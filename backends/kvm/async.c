/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous page faults: memory that the host has to fetch stops a process, not a CPU. Linux,
 * Documentation/virt/kvm/x86/msr.rst, MSR_KVM_ASYNC_PF_EN.
 *
 * "Not present" comes as a #PF with a token where the address would be, in user mode only, as this
 * backend does not ask for more; the kernel then runs something else (pv_platform::page_wait).
 * "Ready" comes as an interrupt with the same token, perhaps before the wait has begun, perhaps on
 * another CPU. So there is one table of tokens for all CPUs.
 *
 * To wait is never necessary: whoever goes on without the page is stopped by the host. So a fault
 * that comes where nobody may be stopped is just tried again; so is one for which there is no room,
 * and a wait that the kernel ends by itself.
 */
#include "backends/kvm/kvm.h"
#include "backends/kvm/abi/kvm_para.h"

#define WAITS     64
#define RFLAGS_IF 0x200u /* Intel SDM vol. 1, 3.4.3.3 */

enum { FREE, EARLY, WAITING, IN_VAIN };

struct wait {
    uint32_t token;
    uint32_t cpu; /* that was told first, of either */
    uint8_t state;
    volatile bool arrived;
};

static struct wait waits[WAITS];
static struct pv_spinlock lock;
static volatile struct pv_kvm_async_pf areas[PV_CONFIG_MAX_CPUS] __attribute__((aligned(64)));
static int vector = -1;

PV_COLD volatile void *pv_kvm_async_area(const struct pv_cpu *cpu)
{
    return &areas[cpu->number];
}

/* The lock is held. */
PV_COLD static struct wait *find(uint32_t token)
{
    for (unsigned i = 0; i < WAITS; i++)
        if (waits[i].state != FREE && waits[i].token == token)
            return &waits[i];
    return NULL;
}

/*
 * What came early, and for longer than others, may be for a wait that there was no room for: it
 * makes room.
 */
PV_COLD static struct wait *take(uint32_t token, uint8_t state)
{
    struct wait *place = &waits[0];

    for (unsigned i = 1; i < WAITS; i++)
        if (waits[i].state < place->state)
            place = &waits[i];
    if (place->state > EARLY)
        return NULL;
    place->token = token;
    place->cpu = pv_this_cpu()->number;
    place->arrived = false;
    place->state = state;
    return place;
}

/* Interrupts off. */
PV_COLD static void not_present(uint32_t token, bool may_wait)
{
    pv_spin_lock(&lock);
    struct wait *wait = find(token);
    if (wait != NULL && wait->state == EARLY) {
        wait->state = FREE;
        wait = NULL;
    } else {
        wait = wait == NULL ? take(token, may_wait ? WAITING : IN_VAIN) : NULL;
    }
    pv_spin_unlock(&lock);
    if (wait == NULL || !may_wait)
        return;
    pv_platform->page_wait(&wait->arrived);
    pv_spin_lock(&lock);
    wait->state = wait->arrived ? FREE : IN_VAIN;
    pv_spin_unlock(&lock);
}

/* A waiter frees its place itself, when it runs again. */
PV_COLD static void arrive(struct wait *wait)
{
    if (wait->state == WAITING)
        wait->arrived = true;
    else
        wait->state = FREE;
}

PV_COLD static void arrive_all(uint32_t cpu)
{
    for (unsigned i = 0; i < WAITS; i++)
        if (waits[i].cpu == cpu)
            arrive(&waits[i]);
}

PV_COLD static void ready(uint32_t token)
{
    pv_spin_lock(&lock);
    struct wait *wait = find(token);
    if (token == PV_KVM_ASYNC_PF_ALL)
        arrive_all(pv_this_cpu()->number);
    else if (wait != NULL)
        arrive(wait);
    else
        (void)take(token, EARLY); /* without room the waiter waits as long as its kernel likes */
    pv_spin_unlock(&lock);
}

/* One token an interrupt; the acknowledgement brings the next one. */
PV_COLD static void page_ready(struct pv_regs *regs, void *context)
{
    volatile struct pv_kvm_async_pf *area = &areas[pv_this_cpu()->number];
    uint32_t token = area->token;

    (void)regs;
    (void)context;
    if (token == 0)
        return;
    area->token = 0;
    ready(token);
    (void)pv_cpu_msr_write(PV_KVM_MSR_ASYNC_PF_ACK, 1);
}

/*
 * Whether it was no page fault at all. Not inline: what checks the paths of NMIs and breakpoints
 * knows it by its name.
 */
__attribute__((noinline)) static bool pv_kvm_page_fault(const struct pv_regs *regs)
{
    static bool told;
    volatile struct pv_kvm_async_pf *area = &areas[pv_this_cpu()->number];
    bool may_wait = (regs->cs & 3) != 0 && (regs->rflags & RFLAGS_IF) != 0;

    if (!(area->flags & PV_KVM_PAGE_NOT_PRESENT))
        return false;
    uint64_t token = pv_cr2_read();
    area->flags = 0; /* from here on page faults are page faults */
    if (!may_wait && !told)
        pv_log_number("KVM announced a missing page to the kernel itself, at", regs->rip);
    told = told || !may_wait;
    not_present((uint32_t)token, may_wait);
    return true;
}

PV_COLD PV_NOSITE bool pv_kvm_trap(unsigned number, struct pv_regs *regs)
{
    if (number == PV_TRAP_NMI)
        return pv_kvm_nmi();
    return number == PV_TRAP_PAGE_FAULT && vector >= 0 && pv_kvm_page_fault(regs);
}

/* Each CPU's vector is the same. Without somebody who can wait nothing is gained. */
PV_COLD bool pv_kvm_async_begin(void)
{
    if (pv_platform->page_wait == NULL || pv_this_cpu()->number >= PV_CONFIG_MAX_CPUS)
        return false;
    if (vector < 0)
        vector = pv_irq_alloc(page_ready, NULL);
    return vector >= 0 && pv_cpu_msr_write(PV_KVM_MSR_ASYNC_PF_INT, (uint8_t)vector) == PV_OK;
}

/* What was not told yet never will be (msr.rst): all go on and find out. */
PV_COLD void pv_kvm_async_end(bool last)
{
    if (!last || (lock.locked == 0 && lock.tail == 0))
        ready(PV_KVM_ASYNC_PF_ALL);
}
