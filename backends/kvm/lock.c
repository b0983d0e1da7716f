/* SPDX-License-Identifier: MIT */
/*
 * Spin locks whose waiters halt instead of spinning for ever (PV_UNHALT: Linux, Documentation/virt/
 * kvm/x86/hypercalls.rst, KVM_HC_KICK_CPU).
 *
 * Who waits for a byte (lib/lock.c) spins a while, then says so twice: in `asleep`, on what; and in
 * the byte itself, by a mark that its owner exchanges away. So the owner of a byte that nobody
 * sleeps on makes no hypercall and looks nowhere. The order of the sleeper is: name the byte, mark
 * it, look at it again, halt; of the owner: exchange the byte, look who names it, kick. A kick that
 * comes before the halt ends it at once.
 */
#include "backends/kvm/kvm.h"
#include "backends/kvm/hypercall.h"
#include "lib/live.h"
#include "lib/lock.h"

/* Looks at the byte before a waiter halts. Longer than a lock is held, unless its holder is not
 * running; far shorter than the time slice that the waiter would waste. */
#define SPINS 4096u

static const uint8_t *asleep[PV_CONFIG_MAX_CPUS];

static uint8_t look(const uint8_t *byte)
{
    return __atomic_load_n(byte, __ATOMIC_SEQ_CST);
}

/* Interrupts as they are: with interrupts off a kick is all that ends the halt. */
static void halt_while(const uint8_t *byte, uint8_t marked)
{
    struct pv_irqflags flags = pv_irq_save();

    if (look(byte) == marked) {
        if (pv_irqs_were_on(flags))
            pv_irq_enable_halt();
        else
            __asm__ volatile("hlt" ::: "memory");
    }
    pv_irq_restore(flags);
}

PV_COLD void pv_kvm_lock_wait(const uint8_t *byte, uint8_t value)
{
    uint32_t self = pv_this_cpu()->number;
    uint8_t marked = value | PV_LOCK_ASLEEP;
    uint8_t seen = value;

    for (unsigned spins = 0; spins < SPINS; spins++) {
        if (look(byte) != value)
            return;
        __builtin_ia32_pause();
    }
    if (self >= PV_CONFIG_MAX_CPUS)
        return;
    /* An interrupt handler may have to wait too, while this one is named. */
    const uint8_t *interrupted = asleep[self];
    __atomic_store_n(&asleep[self], byte, __ATOMIC_SEQ_CST);
    if (value == marked || __atomic_compare_exchange_n((uint8_t *)byte, &seen, marked, false,
                                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        halt_while(byte, marked);
    __atomic_store_n(&asleep[self], interrupted, __ATOMIC_SEQ_CST);
}

PV_COLD void pv_kvm_lock_kick(uint32_t cpu)
{
    const struct pv_cpu *whom = pv_cpu_of(cpu);

    if (whom != NULL)
        pv_kvm_hc_kick_cpu(whom->apic_id);
}

/* The lock was marked. From here on it is free; who sleeps on it is told. Called by ops.S. */
PV_COLD void pv_kvm_lock_released(struct pv_spinlock *lock)
{
    __atomic_store_n(&lock->locked, 0, __ATOMIC_SEQ_CST);
    for (uint32_t cpu = 0; cpu < PV_CONFIG_MAX_CPUS && cpu <= pv_other_cpus(); cpu++)
        if (__atomic_load_n(&asleep[cpu], __ATOMIC_SEQ_CST) == &lock->locked)
            pv_kvm_lock_kick(cpu);
}
