/* SPDX-License-Identifier: MIT */
/*
 * A second CPU: started late, by sysfs, since a boot on two takes a host of one CPU many times as
 * long; and the interrupts that CPUs send each other, as /proc/interrupts counts them.
 */
#include "operations.h"
#include <linux/fcntl.h>

#define TEXT_BYTES 16384u

static failure mount_once(bool *mounted, const char *kind, const char *where)
{
    if (*mounted)
        return NULL;
    *mounted = true;
    long status = system_call(__NR_mount, (uint64_t)kind, (uint64_t)where, (uint64_t)kind, 0, 0, 0);
    return status == 0 ? NULL : "/proc or /sys cannot be mounted";
}

uint32_t usable_cpus(void)
{
    uint64_t mask = 0;
    uint32_t cpus = 0;
    call3(__NR_sched_getaffinity, 0, sizeof(mask), (uint64_t)&mask);
    for (; mask != 0; mask &= mask - 1)
        cpus++;
    return cpus;
}

failure start_second_cpu(void)
{
    static const char path[] = "/sys/devices/system/cpu/cpu1/online";
    static bool mounted;
    failure failed = mount_once(&mounted, "sysfs", "/sys");
    if (failed != NULL)
        return failed;
    long file = call2(__NR_open, (uint64_t)path, O_WRONLY);
    if (file < 0)
        return "there is no second CPU";
    char on = '1';
    long wrote = call3(__NR_write, (uint64_t)file, (uint64_t)&on, 1);
    call1(__NR_close, (uint64_t)file);
    return wrote == 1 ? NULL : "the second CPU does not start";
}

failure run_on_cpu(uint32_t cpu)
{
    uint64_t mask = 1ul << cpu;
    long status = call3(__NR_sched_setaffinity, 0, sizeof(mask), (uint64_t)&mask);
    return status == 0 ? NULL : "a CPU is not there (sched_setaffinity)";
}

/* Of " 12 0 words" the sum of the numbers. */
static uint64_t sum_of_numbers(const char *at)
{
    uint64_t sum = 0;
    while (*at == ' ') {
        uint64_t number = 0;
        while (*at == ' ')
            at++;
        while (*at >= '0' && *at <= '9')
            number = number * 10 + (uint64_t)(*at++ - '0');
        sum += number;
    }
    return sum;
}

static size_t read_file(const char *path, char *text, size_t room)
{
    long file = call2(__NR_open, (uint64_t)path, O_RDONLY);
    size_t bytes = 0;
    long got = 0;
    do {
        got = call3(__NR_read, (uint64_t)file, (uint64_t)&text[bytes], room - bytes);
        bytes += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    call1(__NR_close, (uint64_t)file);
    return bytes;
}

/* "RES" is rescheduling, "CAL" are function calls: a wake-up takes either way. */
failure cpu_interrupts(uint64_t *count)
{
    static char text[TEXT_BYTES + 1];
    static bool mounted;
    failure failed = mount_once(&mounted, "proc", "/proc");
    if (failed != NULL)
        return failed;
    text[read_file("/proc/interrupts", text, TEXT_BYTES)] = '\0';
    *count = 0;
    for (const char *at = text; *at != '\0'; at++) {
        const char *numbers = after_prefix(at, "RES:");
        if (numbers == NULL)
            numbers = after_prefix(at, "CAL:");
        if (numbers != NULL)
            *count += sum_of_numbers(numbers);
    }
    return *count != 0 ? NULL : "/proc/interrupts does not show what CPUs send each other";
}
