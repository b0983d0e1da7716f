/* SPDX-License-Identifier: MIT */
/*
 * The fake machine of fake.h.
 */
#include "fake.h"
#include "lib/live.h"

#include <string.h>

#define LEAVES 16
#define MSRS   32

struct pv_cpu fake_cpu;
struct pv_platform fake_platform;
const struct pv_platform *pv_platform = &fake_platform;
const struct pv_boot_info *pv_boot;
uint32_t pv_tsc_khz_value;
unsigned fake_lines;
uint32_t (*fake_mmio_read)(const volatile void *address);
void (*fake_mmio_write)(volatile void *address, uint32_t value);

static struct {
    uint32_t leaf;
    uint32_t regs[4];
} leaves[LEAVES];
static unsigned leaf_count;

static struct {
    uint32_t msr;
    uint64_t value;
    unsigned writes;
} msrs[MSRS];
static unsigned msr_count;

static struct pv_irqflags irq_save(void)
{
    return (struct pv_irqflags){0};
}

static void irq_restore(struct pv_irqflags flags)
{
    (void)flags;
}

static void cpu_relax(void)
{
}

struct pv_ops pv_ops = {
    .irq_save = irq_save,
    .irq_restore = irq_restore,
    .cpu_relax = cpu_relax,
};

void fake_reset(void)
{
    memset(&fake_cpu, 0, sizeof(fake_cpu));
    memset(&fake_platform, 0, sizeof(fake_platform));
    leaf_count = 0;
    msr_count = 0;
    fake_lines = 0;
    fake_mmio_read = NULL;
    fake_mmio_write = NULL;
    pv_tsc_khz_value = 0;
}

void fake_leaf(uint32_t leaf, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
    assert_true(leaf_count < LEAVES);
    leaves[leaf_count].leaf = leaf;
    memcpy(leaves[leaf_count++].regs, (uint32_t[4]){eax, ebx, ecx, edx}, sizeof(uint32_t[4]));
}

void pv_native_cpu_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *regs)
{
    (void)subleaf;
    memset(regs, 0, sizeof(uint32_t[4]));
    for (unsigned i = 0; i < leaf_count; i++)
        if (leaves[i].leaf == leaf)
            memcpy(regs, leaves[i].regs, sizeof(uint32_t[4]));
}

void fake_msr(uint32_t msr, uint64_t value)
{
    assert_true(msr_count < MSRS);
    msrs[msr_count].msr = msr;
    msrs[msr_count].writes = 0;
    msrs[msr_count++].value = value;
}

static int find(uint32_t msr)
{
    for (unsigned i = 0; i < msr_count; i++)
        if (msrs[i].msr == msr)
            return (int)i;
    return -1;
}

uint64_t fake_msr_value(uint32_t msr)
{
    assert_true(find(msr) >= 0);
    return msrs[find(msr)].value;
}

unsigned fake_msr_writes(uint32_t msr)
{
    return find(msr) < 0 ? 0 : msrs[find(msr)].writes;
}

int pv_native_cpu_msr_read(uint32_t msr, uint64_t *value)
{
    if (find(msr) < 0)
        return PV_E_MSR;
    *value = msrs[find(msr)].value;
    return PV_OK;
}

int pv_native_cpu_msr_write(uint32_t msr, uint64_t value)
{
    if (find(msr) < 0)
        return PV_E_MSR;
    msrs[find(msr)].value = value;
    msrs[find(msr)].writes++;
    return PV_OK;
}

uint32_t pv_native_mmio_read32(const volatile void *address)
{
    return fake_mmio_read != NULL ? fake_mmio_read(address) : *(const volatile uint32_t *)address;
}

void pv_native_mmio_write32(volatile void *address, uint32_t value)
{
    if (fake_mmio_write != NULL)
        fake_mmio_write(address, value);
    else
        *(volatile uint32_t *)address = value;
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

int pv_fail_at(struct pv_error *error, int status, const char *what, uint64_t where)
{
    return pv_fail(error, status, what, where, -1);
}

unsigned pv_other_cpus(void)
{
    return fake_platform.cpu_count != NULL ? fake_platform.cpu_count() - 1 : 0;
}

struct pv_cpu *pv_cpu_of(unsigned number)
{
    if (number == fake_cpu.number)
        return &fake_cpu;
    return number <= pv_other_cpus() ? fake_platform.cpu(number) : NULL;
}
