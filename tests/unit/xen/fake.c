/* SPDX-License-Identifier: MIT */
/*
 * The fake Xen of fake.h, and what the tested files need of the rest of the library.
 */
#include "fake.h"

#include <string.h>

#define NUMBERS  64
#define COMMANDS 64

struct pv_cpu fake_cpu;
struct pv_xen_shared_info fake_shared;
uint32_t fake_vcpu;
uint64_t fake_last_vcpu;
struct pv_platform fake_platform;
unsigned fake_lines;
const char *fake_word_given;
int64_t (*fake_answer)(uint64_t number, uint64_t command, void *argument);

struct pv_xen_shared_info *pv_xen_shared = &fake_shared;
const struct pv_platform *pv_platform = &fake_platform;
const struct pv_boot_info *pv_boot;
struct pv_boot_info fake_boot;

static unsigned calls[NUMBERS][COMMANDS];

void fake_reset(void)
{
    memset(&fake_shared, 0, sizeof(fake_shared));
    memset(&fake_cpu, 0, sizeof(fake_cpu));
    fake_cpu.self = &fake_cpu;
    memset(&fake_platform, 0, sizeof(fake_platform));
    memset(calls, 0, sizeof(calls));
    fake_vcpu = 0;
    memset(&fake_boot, 0, sizeof(fake_boot));
    pv_boot = NULL;
    fake_lines = 0;
    fake_word_given = NULL;
    fake_answer = NULL;
}

unsigned fake_calls(uint64_t number, uint64_t command)
{
    return calls[number][command];
}

/* The argument is the second one of most calls and the third of the vcpu and console ones. */
int64_t pv_xen_hypercall(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                         uint64_t e)
{
    bool third = number == PV_XEN_HC_VCPU_OP || number == PV_XEN_HC_CONSOLE_IO;

    (void)d;
    (void)e;
    assert_true(number < NUMBERS && a < COMMANDS);
    calls[number][a]++;
    if (number == PV_XEN_HC_VCPU_OP)
        fake_last_vcpu = b;
    return fake_answer != NULL ? fake_answer(number, a, (void *)(uintptr_t)(third ? c : b)) : 0;
}

/* Unless a test takes the real ones. */
__attribute__((weak)) uint32_t pv_xen_this_vcpu(void)
{
    return fake_vcpu;
}

__attribute__((weak)) struct pv_xen_vcpu_info *pv_xen_this_vcpu_info(void)
{
    return fake_vcpu < PV_XEN_SHARED_VCPUS ? &fake_shared.vcpu[fake_vcpu] : NULL;
}

/* A PV guest of 16 pages, whose machine frames are 1000 higher. */
uint64_t pv_xen_pages(void)
{
    return 16;
}

uint64_t pv_xen_from_machine(struct pv_xen_mfn mfn)
{
    return mfn.frame >= 1000 && mfn.frame < 1016 ? mfn.frame - 1000 : PV_XEN_NO_FRAME;
}

uint64_t pv_xen_phys(const volatile void *address)
{
    return (uintptr_t)address;
}

uint64_t pv_xen_frame_of(uint64_t phys)
{
    return phys / PV_XEN_PAGE;
}

bool pv_command_line_has(const char *word)
{
    return fake_word_given != NULL && strcmp(word, fake_word_given) == 0;
}

void pv_log(const char *text)
{
    (void)text;
    fake_lines++;
}

void pv_log_number(const char *text, uint64_t number)
{
    (void)text;
    (void)number;
    fake_lines++;
}

int pv_fail(struct pv_error *error, int status, const char *what, uint64_t where, int op)
{
    if (error != NULL)
        *error = (struct pv_error){status, what, where, op};
    return status;
}
