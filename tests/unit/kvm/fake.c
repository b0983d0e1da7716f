/* SPDX-License-Identifier: MIT */
/*
 * The rest of the library, as far as the KVM backend sees it, and KVM itself.
 */
#include "fake.h"
#include "lib/live.h"

struct pv_cpu *test_cpu;
unsigned fake_cpus;
struct pv_cpu fake_blocks[PV_CONFIG_MAX_CPUS];
unsigned fake_called;
struct fake_call fake_calls[FAKE_CALLS];
int64_t fake_status;
void (*fake_host)(uint64_t number, uint64_t a);
unsigned fake_writes;
uint32_t fake_msr;
uint64_t fake_value;
int fake_msr_status;
unsigned fake_lines, fake_natively;
uint64_t fake_cr2;
void (*fake_page_wait)(const volatile bool *arrived);
pv_irq_handler fake_handler;

static struct pv_platform platform;
const struct pv_platform *pv_platform = &platform;
bool pv_kvm_vmmcall;
uint32_t pv_kvm_features __attribute__((weak)) = UINT32_MAX; /* feature.c has another */

/* ops.S calls this, in an op that the tests do not run. */
extern void (*pv_kvm_base_eoi)(void) PV_HIDDEN;
void (*pv_kvm_base_eoi)(void);

int64_t pv_kvm_hypercall(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    fake_calls[fake_called++ % FAKE_CALLS] = (struct fake_call){number, a, b, c, d};
    if (fake_host != NULL)
        fake_host(number, a);
    return fake_status;
}

static int write_msr(uint32_t msr, uint64_t value)
{
    fake_writes++;
    fake_msr = msr;
    fake_value = value;
    return fake_msr_status;
}

/* Ops that keep every register but rax must do so here too: they have no need of any. */
static struct pv_irqflags irq_save(void)
{
    return (struct pv_irqflags){0};
}

static void irq_restore(struct pv_irqflags flags)
{
    (void)flags;
}

static uint64_t read_cr2(void)
{
    return fake_cr2;
}

static void acquire(struct pv_spinlock *lock)
{
    lock->locked = 1;
}

static void release(struct pv_spinlock *lock)
{
    lock->locked = 0;
}

struct pv_ops pv_ops = {
    .irq_save = irq_save,
    .irq_restore = irq_restore,
    .cpu_msr_write = write_msr,
    .cr2_read = read_cr2,
    .vcpu_is_preempted = pv_kvm_vcpu_is_preempted,
    .smp_yield_to = pv_kvm_smp_yield_to,
    .lock_acquire = acquire,
    .lock_release = release,
};

static void send_natively(uint32_t cpu, uint8_t vector)
{
    (void)cpu;
    (void)vector;
    fake_natively++;
}

/* Tells how many were left to be asked. */
static int flush_natively(const struct pv_cpu_set *cpus, uint64_t start, uint64_t end)
{
    int left = 0;

    (void)start;
    (void)end;
    for (unsigned cpu = 0; cpu < PV_CONFIG_MAX_CPUS; cpu++)
        left += pv_cpu_set_has(cpus, cpu);
    return left;
}

static const struct pv_ops base_ops = {
    .smp_ipi = send_natively,
    .tlb_flush_others = flush_natively,
};
static const struct pv_backend base = {.ops = &base_ops};
const struct pv_backend pv_backend_kvm = {.base = &base};

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

int pv_irq_alloc(pv_irq_handler handler, void *context)
{
    (void)context;
    fake_handler = handler;
    return 77;
}

unsigned pv_other_cpus(void)
{
    return fake_cpus - 1;
}

struct pv_cpu *pv_cpu_of(unsigned number)
{
    return number < fake_cpus ? &fake_blocks[number] : NULL;
}

void fake_have(unsigned cpus, uint32_t first, uint32_t step)
{
    fake_cpus = cpus;
    for (unsigned i = 0; i < cpus; i++) {
        fake_blocks[i].number = i;
        fake_blocks[i].apic_id = first + i * step;
    }
}

int fake_begin(void **state)
{
    (void)state;
    memset(fake_blocks, 0, sizeof(fake_blocks));
    memset((void *)pv_kvm_steal_records, 0, PV_CONFIG_MAX_CPUS * sizeof(void *));
    test_cpu = &fake_blocks[0];
    fake_have(1, 0, 1);
    fake_called = fake_writes = fake_lines = fake_natively = 0;
    fake_status = 0;
    fake_host = NULL;
    fake_msr_status = PV_OK;
    fake_page_wait = NULL;
    platform = (struct pv_platform){.page_wait = NULL};
    return 0;
}
