/* SPDX-License-Identifier: MIT */
/*
 * An interrupt to another CPU and its answer, and nothing else: membarrier(2), which interrupts the
 * CPUs that run threads of the caller's process and waits for them. The other thread does nothing
 * but run. Only of use where each virtual CPU has a processor: otherwise both take turns.
 */
#include "operations.h"
#include <linux/membarrier.h>
#include <linux/sched.h>

#define STACK_BYTES 16384u
#define THREAD      (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define PATIENCE    100000000u

static uint8_t stack[STACK_BYTES] __attribute__((aligned(16)));
static volatile uint32_t running, stop, ended;
static uint64_t interrupts_before;

/* The pause also lets an emulator go on with the other processor. */
static bool await_flag(const volatile uint32_t *flag)
{
    for (uint32_t i = 0; i < PATIENCE; i++) {
        if (*flag)
            return true;
        __builtin_ia32_pause();
    }
    return false;
}

/* On its own stack until the end; `ended` is 2 if it could not be where it should. */
__attribute__((used)) static uint32_t run_until_stopped(void)
{
    if (run_on_cpu(1) != NULL)
        return 2;
    running = 1;
    while (!stop)
        __builtin_ia32_pause();
    return 1;
}

/* clone(2) with a new stack: the thread begins behind the system call, and its last store is to
 * `ended`, after which it needs no stack any more. */
static long start_thread(void)
{
    long result;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "call run_until_stopped\n\t"
                     "mov %%eax, %[ended]\n\t"
                     "xor %%edi, %%edi\n\t"
                     "mov %[exit], %%eax\n\t"
                     "syscall\n"
                     "1:"
                     : "=a"(result), [ended] "=m"(ended)
                     : "a"((long)__NR_clone), "D"((uint64_t)THREAD), "S"(stack + STACK_BYTES),
                       "d"(0ul), [exit] "i"(__NR_exit)
                     : "rcx", "r8", "r9", "r10", "r11", "memory");
    return result;
}

failure prepare_barrier(uint32_t count)
{
    (void)count;
    failure failed = run_on_cpu(0);
    if (failed != NULL)
        return failed;
    if (call2(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0) != 0)
        return "no interrupts between threads (membarrier)";
    running = stop = ended = 0;
    if (start_thread() < 0 || !await_flag(&running))
        return "no second thread (clone)";
    return cpu_interrupts(&interrupts_before);
}

failure run_barrier(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (call2(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0) != 0)
            return "a barrier fails (membarrier)";
    return NULL;
}

/* A thread that was not running at the time was not interrupted. */
failure finish_barrier(uint32_t count)
{
    uint64_t interrupts;
    failure failed = cpu_interrupts(&interrupts);
    stop = 1;
    if (!await_flag(&ended) || ended != 1)
        return "the second thread does not end";
    if (failed == NULL && interrupts - interrupts_before < count)
        failed = not_whole;
    return failed;
}
