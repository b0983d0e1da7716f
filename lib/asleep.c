/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a byte (pv_lock_wait()) without keeping a processor busy, for backends whose VMM can
 * stop a CPU until another one kicks it.
 *
 * Who waits spins a while, then says so twice: in `asleep`, on what; and in the byte itself, by a
 * mark that its owner meets. So the owner of a byte that nobody sleeps on makes no hypercall and
 * looks nowhere. The order of the sleeper is: name the byte, mark it, look at it again, sleep; of
 * the owner: change the byte, look who names it, kick.
 */
#include "lib/asleep.h"
#include "lib/backend.h"

/* Looks at the byte before a waiter sleeps. Longer than a lock is held, unless its holder is not
 * running; far shorter than the time slice that the waiter would waste. */
#define SPINS 4096u

static const uint8_t *asleep[PV_CONFIG_MAX_CPUS];

PV_COLD void pv_lock_wait_asleep(const uint8_t *byte, uint8_t value,
                                 void (*sleep)(const uint8_t *byte, uint8_t marked))
{
    uint32_t self = pv_this_cpu()->number;
    uint8_t marked = value | PV_LOCK_ASLEEP;
    uint8_t seen = value;

    for (unsigned spins = 0; spins < SPINS; spins++) {
        if (__atomic_load_n(byte, __ATOMIC_SEQ_CST) != value)
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
        sleep(byte, marked);
    __atomic_store_n(&asleep[self], interrupted, __ATOMIC_SEQ_CST);
    /* The interrupted wait was not named meanwhile, and a kick for it may have ended this one: it
     * is to look at its byte again before it sleeps. */
    if (interrupted != NULL)
        pv_lock_kick(self);
}

PV_COLD void pv_lock_released_asleep(struct pv_spinlock *lock)
{
    __atomic_store_n(&lock->locked, 0, __ATOMIC_SEQ_CST);
    for (uint32_t cpu = 0; cpu < PV_CONFIG_MAX_CPUS; cpu++)
        if (__atomic_load_n(&asleep[cpu], __ATOMIC_SEQ_CST) == &lock->locked)
            pv_lock_kick(cpu);
}
