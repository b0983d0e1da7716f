/* SPDX-License-Identifier: MIT */
/*
 * A kernel that calls every op once, each in a function of its own: use_NAME(). Made from the op
 * lists, so that a new op is in the build matrix without anybody thinking of it.
 */
#include "pvops/pvops.h"

#define PV_OP(kind, convention, length, shape, type, name, params, args) \
    type use_##name params;                                              \
    __attribute__((noinline, used)) type use_##name params               \
    {                                                                    \
        return pv_##name args;                                           \
    }
#include "pvops/ops/cpu.h"
#include "pvops/ops/mmu.h"
#include "pvops/ops/irq.h"
#include "pvops/ops/time.h"
#include "pvops/ops/smp.h"
#include "pvops/ops/lock.h"
#include "pvops/ops/io.h"
#if PV_CONFIG_PAGING_OPS
#include "pvops/ops/paging.h"
#endif
#undef PV_OP

/* What is not an op by itself but is written with ops. */
void use_the_rest(struct pv_spinlock *lock, struct pv_pte *entry, struct pv_pte value);
__attribute__((noinline, used)) void use_the_rest(struct pv_spinlock *lock, struct pv_pte *entry,
                                                  struct pv_pte value)
{
    pv_spin_lock(lock);
    pv_mmu_batch_begin();
    pv_pte_set(entry, value);
    pv_pte_clear(entry);
    pv_mmu_batch_end();
    pv_spin_unlock(lock);
}

/* Every call of the library, so that link-time optimisation keeps it all. */
static struct pv_platform platform;
static struct pv_boot_info boot;
static struct pv_cpu cpu;
static struct pv_text text;

static void *below_4_gib(uint64_t phys)
{
    return (void *)(uintptr_t)phys;
}

static void on_interrupt(struct pv_regs *regs, void *context)
{
    (void)context;
    regs->rax = pv_clock_ns() + pv_tsc_khz();
}

void handle(struct pv_regs *regs);
__attribute__((used, noinline)) void handle(struct pv_regs *regs)
{
    if (!pv_trap((unsigned)regs->vector, regs))
        platform.panic(pv_clock_name());
}

static int life(struct pv_error *error, int vector)
{
    struct pv_site_counts counts;
    struct pv_facts facts;
    char line[80];

    int status = pv_boot_from_pvh((uint64_t)vector, below_4_gib, &boot);
    status |= pv_early_init(&platform, &boot, error) | pv_init(error);
    status |= pv_sites_check(&counts, error) | pv_unpatch(error) | pv_patch(error);
    status |= pv_text_add(&text, error);
    pv_text_remove(&text);
    status |= pv_op_override(PV_OPID_irq_disable, NULL, error) | pv_switch("native", error);
    pv_facts(&facts);
    status |= (int)pv_error_text(error, line, sizeof(line));
    platform.log(pv_door_name(boot.door));
    platform.log(pv_op_name(error->op));
    platform.log(facts.backend);
    platform.log(line);
    return status;
}

void _start(void);
__attribute__((used)) void _start(void)
{
    struct pv_error error = {0, NULL, 0, 0};

    pv_cpu_setup(&cpu, 0);
    int vector = pv_irq_alloc(on_interrupt, NULL);
    pv_cpu_power_off(life(&error, vector));
    pv_irq_free(vector);
    pv_shutdown();
    for (;;)
        pv_irq_enable_halt();
}
