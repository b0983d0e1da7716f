/* SPDX-License-Identifier: MIT */
/*
 * A thread that stands still at each instruction in turn while its site is rewritten.
 *
 * Theory: what a site holds may change while somebody is inside the call that it made, and before
 * its first instruction; both go on at an instruction boundary of the new content. In the middle
 * of several instructions there is no such place: the change must be refused as long as anybody
 * stands there, whether his CPU was interrupted there or his saved context lies there. The thread
 * is single-stepped through the site and its callee; between two steps the text is changed.
 */
#include "host.h"

#include <sched.h>

enum { PREEMPTED, INTERRUPTED, MOVING };

/* What the stepped thread shall do, and how it went. */
static struct {
    uintptr_t site;
    unsigned length;
    unsigned park_at; /* instruction, counted from the first of the site */
    int how;          /* PREEMPTED: its context is saved. INTERRUPTED: it takes interrupts here */
    unsigned steps;   /* instructions since the first of the site */
    bool begun;       /* it has come to the site */
    bool parked;      /* it stands */
    bool released;    /* it may go on */
    bool over;        /* it has returned */
    uintptr_t ip;     /* where it stands */
    uint64_t value;   /* what the site returned */
    uint64_t argument;
} thread;

static struct host_object object;
static struct pv_spinlock lock;

static void park(struct pv_regs *regs)
{
    thread.ip = regs->rip;
    __atomic_store_n(&thread.parked, true, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&thread.released, __ATOMIC_ACQUIRE)) {
        if (thread.how == INTERRUPTED)
            host_take_interrupts(regs);
        sched_yield();
    }
}

static void stepped(struct pv_regs *regs)
{
    if (thread.how == MOVING)
        host_take_interrupts(regs);
    if (regs->rip == thread.site)
        thread.begun = true;
    if (!thread.begun || thread.how == MOVING)
        return;
    if (thread.steps++ == thread.park_at)
        park(regs);
}

static void run_stepped(unsigned number)
{
    (void)number;
    do {
        host_step_begin();
        thread.value = host_call(thread.site, thread.argument, 0);
        host_step_end();
    } while (thread.how == MOVING && !host_asked_to_end());
    __atomic_store_n(&thread.over, true, __ATOMIC_RELEASE);
    while (!host_asked_to_end())
        host_sleep_us(50);
}

static void idle(unsigned number)
{
    (void)number;
    while (!host_asked_to_end())
        host_sleep_us(50);
}

static void saved_ip(bool (*visit)(uintptr_t ip, void *argument), void *argument)
{
    if (__atomic_load_n(&thread.parked, __ATOMIC_ACQUIRE) && !thread.released)
        visit(thread.ip, argument);
}

/* A change of text, and what the op may return around it. */
struct change {
    const char *from;  /* backend before */
    bool compiled;     /* sites not patched before */
    enum pv_op_id op;  /* whose site the thread runs */
    int (*make)(void); /* the change */
    bool single;       /* one instruction before and after: it is never refused */
    uint64_t before;   /* what the op returns; 0: anything */
    uint64_t after;
};

static const struct change *now;

static int to_beta(void)
{
    return pv_switch("beta", NULL);
}

static int to_alpha(void)
{
    return pv_switch("alpha", NULL);
}

static int to_override(void)
{
    return pv_op_override(now->op, host_override_slow, NULL);
}

static void prepare(const struct change *change)
{
    now = change;
    host_start(change->from);
    if (!change->compiled)
        assert_int_equal(pv_init(NULL), PV_OK);
    host_object_make(&object, HOST_PAGE, 4);
    uintptr_t site = host_object_site(&object, change->op);
    assert_int_equal(pv_text_add(&object.text, NULL), PV_OK);
    if (change->compiled)
        assert_int_equal(pv_unpatch(NULL), PV_OK);
    memset(&thread, 0, sizeof(thread));
    thread.site = site;
    thread.length = host_length(change->op);
    lock = (struct pv_spinlock)PV_SPINLOCK_FREE;
    thread.argument = (uint64_t)(uintptr_t)&lock;
    host_stepped = stepped;
    host_platform.each_saved_ip = saved_ip;
}

static void clean(void)
{
    host_join_cpus();
    host_platform.each_saved_ip = NULL;
    host_stop();
    assert_int_equal(pv_text_remove(&object.text), PV_OK);
    host_object_free(&object);
}

static bool inside(void)
{
    return thread.ip > thread.site && thread.ip < thread.site + thread.length;
}

static void check_value(bool changed)
{
    if (now->before != 0 && thread.value != now->before &&
        !(changed && (thread.value == now->after)))
        fail_msg("%s returned %lx", pv_op_name((int)now->op), (unsigned long)thread.value);
}

/* One run, the thread parked at one instruction. false: the call has fewer. */
static bool change_at(const struct change *change, int how, unsigned instruction)
{
    prepare(change);
    thread.how = how;
    thread.park_at = instruction;
    /* Preempted, the thread is no CPU: CPU 1 runs something else. */
    if (how == PREEMPTED)
        host_start_cpu(1, idle);
    host_start_cpu(how == PREEMPTED ? 2 : 1, run_stepped);
    host_cpu_count = 2;
    while (!__atomic_load_n(&thread.parked, __ATOMIC_ACQUIRE) &&
           !__atomic_load_n(&thread.over, __ATOMIC_ACQUIRE))
        sched_yield();
    bool parked = thread.parked;
    int status = PV_OK;
    if (parked) {
        status = change->make();
        bool must_refuse = inside() && !change->single;
        if (status != (must_refuse ? PV_E_RENDEZVOUS : PV_OK))
            fail_msg("%s, instruction %u at +%ld: status %d", pv_op_name((int)change->op),
                     instruction, (long)(thread.ip - thread.site), status);
        assert_int_equal(pv_sites_check(NULL, NULL), PV_OK);
    }
    __atomic_store_n(&thread.released, true, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&thread.over, __ATOMIC_ACQUIRE))
        sched_yield();
    check_value(status == PV_OK);
    /* It has moved on: nothing is in the way now. */
    if (parked && status != PV_OK)
        assert_int_equal(change->make(), PV_OK);
    host_cpu_count = how == PREEMPTED ? 3 : 2;
    clean();
    return parked;
}

static void change_everywhere(const struct change *change, int how)
{
    unsigned instructions = 0;

    while (instructions < 16 && change_at(change, how, instructions))
        instructions++;
    assert_true(instructions >= 2);
}

#define CHANGE(name, ...)                                  \
    static const struct change name = {__VA_ARGS__};       \
    static void name##_of_a_preempted_thread(void **state) \
    {                                                      \
        (void)state;                                       \
        change_everywhere(&name, PREEMPTED);               \
    }                                                      \
    static void name##_of_an_interrupted_cpu(void **state) \
    {                                                      \
        (void)state;                                       \
        change_everywhere(&name, INTERRUPTED);             \
    }

CHANGE(indirect_to_inline, "beta", true, PV_OPID_irq_flags, to_alpha, true, BETA(irq_flags),
       ALPHA(irq_flags))
CHANGE(indirect_to_direct, "alpha", true, PV_OPID_irq_flags, to_override, true, ALPHA(irq_flags),
       OVERRIDE_SLOW)
CHANGE(direct_to_direct, "alpha", false, PV_OPID_irq_flags, to_override, true, ALPHA(irq_flags),
       OVERRIDE_SLOW)
CHANGE(inline_to_direct, "beta", false, PV_OPID_irq_flags, to_override, true, BETA(irq_flags),
       OVERRIDE_SLOW)
CHANGE(direct_to_inline, "alpha", false, PV_OPID_irq_flags, to_beta, true, ALPHA(irq_flags),
       BETA(irq_flags))
CHANGE(direct_to_several, "alpha", false, PV_OPID_tlb_flush, to_beta, true, ALPHA(tlb_flush), 0x3b)
CHANGE(several_to_direct, "beta", false, PV_OPID_tlb_flush, to_alpha, false, 0x3b, ALPHA(tlb_flush))
CHANGE(several_to_override, "beta", false, PV_OPID_tlb_flush, to_override, false, 0x3b,
       OVERRIDE_SLOW)
/* The site has nothing to do, and is part of the `ret` behind it. */
CHANGE(prefixes_to_direct, "beta", false, PV_OPID_paging_batch_open, to_override, true, 0, 0)
CHANGE(prefixes_to_another_backend, "beta", false, PV_OPID_paging_batch_open, to_alpha, true, 0, 0)
CHANGE(direct_to_prefixes, "alpha", false, PV_OPID_paging_batch_open, to_beta, true, 0, 0)
CHANGE(indirect_to_prefixes, "alpha", true, PV_OPID_paging_batch_open, to_beta, true, 0, 0)
CHANGE(padded_call_to_sequence, "alpha", false, PV_OPID_lock_acquire, to_beta, false, 0, 0)
CHANGE(sequence_to_padded_call, "beta", false, PV_OPID_lock_acquire, to_alpha, false, 0, 0)

/* Steps on all the time, and is interrupted at each step: the change finds a moment. */
static void a_thread_that_moves_on_lets_the_change_through(void **state)
{
    static const struct change change = {"beta", false, PV_OPID_irq_save, to_alpha,
                                         false,  0x3b,  ALPHA(irq_save)};
    (void)state;
    prepare(&change);
    thread.how = MOVING;
    host_start_cpu(1, run_stepped);
    while (__atomic_load_n(&thread.value, __ATOMIC_ACQUIRE) == 0)
        sched_yield();
    for (unsigned i = 0; i < 50; i++) {
        struct pv_error error = {0};
        if (pv_switch(i % 2 ? "beta" : "alpha", &error) != PV_OK)
            fail_msg("change %u: %s", i, error.what);
        check_value(true);
    }
    clean();
}

#define BOTH(name) \
    cmocka_unit_test(name##_of_a_preempted_thread), cmocka_unit_test(name##_of_an_interrupted_cpu)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        BOTH(indirect_to_inline),
        BOTH(indirect_to_direct),
        BOTH(direct_to_direct),
        BOTH(inline_to_direct),
        BOTH(direct_to_inline),
        BOTH(direct_to_several),
        BOTH(several_to_direct),
        BOTH(several_to_override),
        BOTH(prefixes_to_direct),
        BOTH(prefixes_to_another_backend),
        BOTH(direct_to_prefixes),
        BOTH(indirect_to_prefixes),
        BOTH(padded_call_to_sequence),
        BOTH(sequence_to_padded_call),
        cmocka_unit_test(a_thread_that_moves_on_lets_the_change_through),
    };

    return cmocka_run_group_tests_name("suspended threads", tests, NULL, NULL);
}
