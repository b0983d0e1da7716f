/* SPDX-License-Identifier: MIT */
/*
 * Time, as Xen keeps it: a clock record in each CPU's part of the shared page (xen/include/public/
 * xen.h, struct vcpu_time_info), and the wall clock at system time 0 in the same page.
 */
#include "backends/xen/xen.h"
#include "lib/pvclock.h"

/* Xen keeps the record from the CPU's start on, whether anybody looks or not. */
static int add(struct pv_cpu *cpu, volatile struct pv_pvclock_record **record)
{
    struct pv_xen_vcpu_info *info = pv_xen_this_vcpu_info();

    (void)cpu;
    if (info == NULL)
        return PV_E_UNSUPPORTED;
    *record = &info->time;
    return PV_OK;
}

static uint64_t base_ns(void)
{
    return pv_xen_base_ops()->clock_ns();
}

const struct pv_pvclock_source pv_xen_clock_source = {
    .name = "xen",
    .add = add,
    .base_ns = base_ns,
};

bool pv_xen_knows_times(void)
{
    return pv_pvclock_in_use() || pv_xen_is_pv();
}

/* The seconds' upper half is left alone: it is 0 until the year 2106. */
int pv_xen_wallclock(uint64_t *unix_ns)
{
    uint64_t start_ns, now_ns;
    struct pv_irqflags flags = pv_irq_save();
    bool known = pv_pvclock_vmm_ns(&now_ns);

    pv_irq_restore(flags);
    if (!known || pv_pvclock_wall_read(&pv_xen_shared->wall, &start_ns) != PV_OK)
        return pv_xen_base_ops()->wallclock(unix_ns);
    *unix_ns = start_ns + now_ns;
    return PV_OK;
}
