/* SPDX-License-Identifier: MIT */
/*
 * How many instructions the shortest paths take: the end of an interrupt that KVM does not want to
 * see, and a lock that nobody else wants, against a test-and-set lock by hand.
 * The sites of this file are given the backends' sequences, and a child process goes through them
 * one instruction at a time.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <asm/prctl.h>
#include <cmocka.h>

#include "backends/kvm/eoi.h"
#include "lib/x86/content.h"
#include "promised.h"

#define BY_HAND  5u
#define PAGE     4096u
#define PATIENCE 1000u

extern const struct pv_sequence pv_native_sequences[] PV_HIDDEN;
extern const struct pv_sequence pv_native_sequences_end[] PV_HIDDEN;
extern const struct pv_sequence pv_kvm_sequences[] PV_HIDDEN;
extern const struct pv_sequence pv_kvm_sequences_end[] PV_HIDDEN;
extern const struct pv_site __start_pv_sites[] PV_HIDDEN;
extern const struct pv_site __stop_pv_sites[] PV_HIDDEN;

struct pv_ops pv_ops;

/* What slow paths of sequences call, which no test takes. */
volatile uint32_t *pv_native_eoi PV_HIDDEN;
void pv_lock_acquire_slow(struct pv_spinlock *lock) PV_HIDDEN;
void pv_lock_release_marked(void) PV_HIDDEN;
void pv_kvm_irq_eoi_due(void) PV_HIDDEN;
void pv_lock_acquire_slow(struct pv_spinlock *lock)
{
    (void)lock;
    abort();
}
void pv_lock_release_marked(void)
{
    abort();
}
void pv_kvm_irq_eoi_due(void)
{
    abort();
}
void pv_op_missing(void)
{
    abort();
}

static struct pv_cpu cpu;

/* ---- what is counted ------------------------------------------------------------------------- */

__attribute__((noinline)) static void nothing(struct pv_spinlock *lock)
{
    __asm__ volatile("" : : "r"(lock) : "memory");
}

__attribute__((noinline)) static void end_of_interrupt(struct pv_spinlock *lock)
{
    (void)lock;
    pv_irq_eoi();
}

__attribute__((noinline)) static void pair(struct pv_spinlock *lock)
{
    pv_spin_lock(lock);
    pv_spin_unlock(lock);
}

/* The shortest that there is; compilers make five to seven instructions of it. */
__attribute__((noinline)) static void test_and_set_pair(struct pv_spinlock *lock)
{
    __asm__ volatile("1: mov $1, %%eax\n\t"
                     "xchg %%al, (%0)\n\t"
                     "test %%al, %%al\n\t"
                     "jne 1b\n\t"
                     "movb $0, (%0)"
                     :
                     : "r"(&lock->locked)
                     : "rax", "memory", "cc");
}

/* ---- how ------------------------------------------------------------------------------------- */

static const struct pv_sequence *find(const struct pv_sequence *from, const struct pv_sequence *end,
                                      unsigned op)
{
    while (from != end && from->op != op)
        from++;
    return from != end ? from : NULL;
}

/* KVM's sequence of an op, or the native one. */
static const struct pv_sequence *sequence_of(bool kvm, unsigned op)
{
    const struct pv_sequence *found = kvm ? find(pv_kvm_sequences, pv_kvm_sequences_end, op) : NULL;

    return found != NULL ? found : find(pv_native_sequences, pv_native_sequences_end, op);
}

static void patch(bool kvm)
{
    for (const struct pv_site *record = __start_pv_sites; record != __stop_pv_sites; record++) {
        uintptr_t site = (uintptr_t)&record->offset + (uintptr_t)(intptr_t)record->offset;
        struct pv_content content;
        uint8_t bytes[PV_SITE_MAX];
        void *page = (void *)(site & ~(uintptr_t)(PAGE - 1));

        pv_content_inline(&content, sequence_of(kvm, record->op), record->length);
        if (!pv_content_at(&content, site, bytes) ||
            mprotect(page, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
            abort();
        memcpy((void *)site, bytes, record->length);
    }
}

static _Noreturn void run_child(bool kvm, void (*function)(struct pv_spinlock *))
{
    static struct pv_spinlock lock = PV_SPINLOCK_FREE;

    syscall(SYS_arch_prctl, ARCH_SET_GS, (uintptr_t)&cpu - PV_CONFIG_CPU_OFFSET);
    patch(kvm);
    *((uint8_t *)&cpu + PV_KVM_EOI_FLAG) = 1;
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    function(&lock);
    _exit(0);
}

static uint64_t next_ip(pid_t child, uint64_t *sp)
{
    struct user_regs_struct regs;
    int status;

    assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(ptrace(PTRACE_GETREGS, child, NULL, &regs), 0);
    *sp = regs.rsp;
    return regs.rip;
}

/* Instructions from the function's entry until it has returned. */
static unsigned steps_through(pid_t child, uintptr_t function)
{
    uint64_t sp, sp_inside, steps = 0;

    while (next_ip(child, &sp) != function)
        if (++steps == PATIENCE)
            return PATIENCE;
    sp_inside = sp;
    for (steps = 1; steps < PATIENCE; steps++) {
        (void)next_ip(child, &sp);
        if (sp > sp_inside)
            break;
    }
    return (unsigned)steps;
}

static unsigned count(bool kvm, void (*function)(struct pv_spinlock *))
{
    int status;
    pid_t child = fork();

    if (child == 0)
        run_child(kvm, function);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSTOPPED(status));
    unsigned steps = steps_through(child, (uintptr_t)function);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    assert_in_range(steps, 1, PATIENCE - 1);
    return steps;
}

/* ---- promises -------------------------------------------------------------------------------- */

static void an_end_that_kvm_does_not_want_to_see_takes_four_instructions_at_most(void **state)
{
    (void)state;
    unsigned steps = count(true, end_of_interrupt) - count(true, nothing);

    print_message("# end of interrupt: %u instructions\n", steps);
    print_message("# figure pv_eoi %u\n", steps);
    assert_in_range(steps, 1, PROMISED_PV_EOI);
}

static void expect_pair(bool kvm, unsigned more)
{
    unsigned empty = count(kvm, nothing);
    unsigned by_hand = count(kvm, test_and_set_pair) - empty;
    unsigned library = count(kvm, pair) - empty;

    print_message("# lock and unlock, %s: %u instructions, and %u by test-and-set\n",
                  kvm ? "kvm" : "native", library, by_hand);
    print_message("# figure lock_pair_%s %u\n", kvm ? "kvm" : "native", library);
    print_message("# figure lock_pair_test_and_set %u\n", by_hand);
    assert_int_equal(by_hand, BY_HAND);
    assert_in_range(library, 1, by_hand + more);
}

static void a_free_lock_takes_one_instruction_more_at_most_natively(void **state)
{
    (void)state;
    expect_pair(false, PROMISED_LOCK_NATIVE);
}

static void a_free_lock_takes_three_instructions_more_at_most_under_kvm(void **state)
{
    (void)state;
    expect_pair(true, PROMISED_LOCK_KVM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_that_kvm_does_not_want_to_see_takes_four_instructions_at_most),
        cmocka_unit_test(a_free_lock_takes_one_instruction_more_at_most_natively),
        cmocka_unit_test(a_free_lock_takes_three_instructions_more_at_most_under_kvm),
    };

    return cmocka_run_group_tests_name("instructions of short paths", tests, NULL, NULL);
}
