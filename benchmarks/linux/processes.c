/* SPDX-License-Identifier: MIT */
/*
 * System calls, and processes that come and go.
 */
#include "operations.h"

#define NO_OPTIONS 0u

long fork_process(void)
{
    return system_call(__NR_clone, SIGCHLD, 0, 0, 0, 0, 0);
}

void end_process(int status)
{
    for (;;)
        call1(__NR_exit_group, (uint64_t)status);
}

failure await_child(long child)
{
    int status = -1;
    if (system_call(__NR_wait4, (uint64_t)child, (uint64_t)&status, NO_OPTIONS, 0, 0, 0) != child)
        return "a child is lost (wait4)";
    return status == 0 ? NULL : "a child failed";
}

failure run_system_calls(uint32_t count)
{
    long id = 1;
    for (uint32_t i = 0; i < count; i++)
        id = call0(__NR_getpid);
    return id == 1 ? NULL : "this is not process 1";
}

failure run_forks(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        long child = fork_process();
        if (child == 0)
            end_process(0);
        failure failed = child > 0 ? await_child(child) : "no child (clone)";
        if (failed != NULL)
            return failed;
    }
    return NULL;
}
