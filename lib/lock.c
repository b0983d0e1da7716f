/* SPDX-License-Identifier: MIT */
/*
 * The slow path of a spin lock: a queue in the manner of Mellor-Crummey and Scott (ACM TOCS 9/1,
 * 1991), whose end is kept in the lock itself. The lock word has three parts that change apart:
 *
 *     locked   0 -> 1 by whoever finds the whole word 0 (the fast path), by the first in the
 *              queue, and by a CPU whose nodes are used up; back to 0 by the holder
 *     tail     exchanged by each CPU that queues up; cleared by the first in the queue when
 *              nobody is behind it
 *
 * The first in the queue waits on the lock, all others on a byte of their own. A backend whose
 * lock_wait halts marks that byte with PV_LOCK_ASLEEP: it kicks in its lock_release if it finds the
 * mark there, and here the mark is looked for before the next in the queue is kicked.
 */
#include "lib/backend.h"
#include "lib/lock.h"

#define NODES (sizeof(((struct pv_cpu *)NULL)->nodes) / sizeof(struct pv_lock_node))

struct pv_cpu *pv_lock_cpus[PV_CONFIG_MAX_CPUS];

/* The lock as one word; little-endian. */
typedef uint32_t __attribute__((may_alias)) lock_word;

#define WORD_LOCKED     0x00000001u
#define WORD_LOCKED_ALL 0x000000ffu
#define WORD_TAIL_SHIFT 16

PV_COLD static uint16_t tail_of(const struct pv_cpu *cpu, uint32_t nesting)
{
    return (uint16_t)((cpu->number << 2 | nesting) + 1);
}

PV_COLD static struct pv_lock_node *node_of(uint16_t tail)
{
    uint32_t place = (uint32_t)tail - 1;

    return &pv_lock_cpus[place >> 2]->nodes[place & 3];
}

/*
 * For the case that an NMI interrupts a machine check interrupts ..., and for a CPU that is too
 * many for the table: unfair, but it ends.
 */
PV_COLD static void acquire_without_node(struct pv_spinlock *lock)
{
    uint8_t free = 0;

    while (!__atomic_compare_exchange_n(&lock->locked, &free, 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
        free = 0;
        pv_cpu_relax();
    }
}

PV_COLD static void wait_for_turn(struct pv_lock_node *node, uint16_t before)
{
    __atomic_store_n(&node_of(before)->next, node, __ATOMIC_RELEASE);
    uint8_t go;
    while ((go = __atomic_load_n(&node->go, __ATOMIC_ACQUIRE)) != 1)
        pv_lock_wait(&node->go, go);
}

/* Takes the lock as the first in the queue. true: nobody was behind, the queue is empty. */
PV_COLD static bool take_as_first(struct pv_spinlock *lock, uint16_t tail)
{
    lock_word *word = (lock_word *)lock;
    uint32_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);

    for (;;) {
        if (seen & WORD_LOCKED_ALL) {
            pv_lock_wait(&lock->locked, (uint8_t)seen);
            seen = __atomic_load_n(word, __ATOMIC_RELAXED);
            continue;
        }
        bool last = seen >> WORD_TAIL_SHIFT == tail;
        uint32_t taken = last ? WORD_LOCKED : seen | WORD_LOCKED;
        if (__atomic_compare_exchange_n(word, &seen, taken, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return last;
    }
}

PV_COLD static void wake_next(struct pv_lock_node *node)
{
    struct pv_lock_node *next;

    /* It has put itself at the end already and is about to link itself. */
    while ((next = __atomic_load_n(&node->next, __ATOMIC_ACQUIRE)) == NULL)
        pv_cpu_relax();
    /* Its node may be gone as soon as it may go. */
    uint32_t cpu = next->cpu;
    if (__atomic_exchange_n(&next->go, 1, __ATOMIC_SEQ_CST) & PV_LOCK_ASLEEP)
        pv_lock_kick(cpu);
}

PV_COLD void pv_lock_queue(struct pv_spinlock *lock)
{
    struct pv_cpu *self = pv_this_cpu();
    uint32_t nesting = self->lock_depth;

    if (nesting >= NODES || self->number >= PV_CONFIG_MAX_CPUS) {
        acquire_without_node(lock);
        return;
    }
    /* Before the node is touched: an interrupt from here on takes the next one. */
    __atomic_store_n(&self->lock_depth, nesting + 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);

    struct pv_lock_node *node = &self->nodes[nesting];
    node->next = NULL;
    node->go = 0;
    node->cpu = self->number;

    uint16_t tail = tail_of(self, nesting);
    uint16_t before = __atomic_exchange_n(&lock->tail, tail, __ATOMIC_ACQ_REL);
    if (before != 0)
        wait_for_turn(node, before);
    if (!take_as_first(lock, tail))
        wake_next(node);

    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&self->lock_depth, nesting, __ATOMIC_RELAXED);
}
