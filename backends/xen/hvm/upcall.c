/* SPDX-License-Identifier: MIT */
/*
 * How Xen tells a hardware-virtualized CPU of events: by an interrupt. Two ways, both in
 * xen/include/public/hvm.
 *
 * The CPU's own vector (HVMOP_set_evtchn_upcall_vector) goes through the local APIC, comes once for
 * each time that upcall_pending becomes set, and is ended like any other interrupt. It cannot be
 * taken back, so its vector is never given to anybody else.
 *
 * The domain's vector (HVM_PARAM_CALLBACK_IRQ) passes by the local APIC, so that an end of
 * interrupt would end another one's service; Xen asserts it for as long as upcall_pending is set
 * (xen/arch/x86/hvm/irq.c, hvm_vcpu_has_pending_irq). It is taken where the other is not to be had,
 * by `upcall=domain` on the command line, and never together with it: every event would come twice.
 *
 * The parameter is set in either case. When it is, Xen looks whether its caller runs in 64-bit mode
 * and lays the shared page out accordingly, which firmware may have had otherwise, and fills in the
 * wall clock (xen/arch/x86/hvm/hvm.c, hvm_latch_shinfo_size).
 */
#include "backends/xen/hvm/hvm.h"
#include "backends/xen/event.h"
#include "backends/xen/hypercall.h"
#include "backends/xen/abi/hvm.h"
#include "backends/xen/abi/version.h"
#include "lib/irq.h"
#include "lib/patch.h"

/*
 * A line of an interrupt controller that is never raised while the CPU has its own vector. Not 0,
 * for that tells the tools of the host that nobody drives Xen's interfaces in here.
 */
#define CALLBACK_UNUSED 1u

/* Vectors below are not interrupts. */
#define FIRST_VECTOR 16

static int own_vector = PV_E_FULL;    /* through the local APIC */
static int domain_vector = PV_E_FULL; /* past it */

static void on_upcall(struct pv_regs *regs, void *context)
{
    (void)context;
    pv_xen_events_run(regs);
}

static int64_t set_callback(uint64_t value)
{
    struct pv_xen_hvm_param param = {PV_XEN_DOMID_SELF, 0, PV_HVM_PARAM_CALLBACK_IRQ, value};

    return pv_xen_hvm_op(PV_HVMOP_SET_PARAM, &param);
}

/* Of the CPU that this runs on. */
static bool set_own_vector(void)
{
    struct pv_xen_upcall_vector upcall = {pv_xen_this_vcpu(), (uint8_t)own_vector};

    return pv_xen_hvm_op(PV_HVMOP_SET_EVTCHN_UPCALL_VECTOR, &upcall) == 0;
}

static bool use_own_vector(void)
{
    if (own_vector < 0)
        own_vector = pv_irq_alloc(on_upcall, NULL);
    if (own_vector < FIRST_VECTOR)
        return false;
    if (!set_own_vector()) {
        pv_irq_free(own_vector);
        own_vector = PV_E_FULL;
        return false;
    }
    if (set_callback(CALLBACK_UNUSED) != 0)
        pv_log("Xen: the layout of the shared page is as it was found");
    return true;
}

static bool use_domain_vector(void)
{
    if (!pv_xen_has_feature(PV_XENFEAT_HVM_CALLBACK_VECTOR))
        return false;
    domain_vector = pv_irq_alloc_unended(on_upcall, NULL);
    if (domain_vector < FIRST_VECTOR)
        return false;
    uint64_t callback = PV_HVM_CALLBACK_VECTOR;
    callback |= (uint32_t)domain_vector;
    if (set_callback(callback) == 0)
        return true;
    pv_irq_free(domain_vector);
    domain_vector = PV_E_FULL;
    return false;
}

int pv_xen_hvm_upcall_start(struct pv_error *error)
{
    bool only_domain = pv_command_line_has("upcall=domain");

    if ((!only_domain && use_own_vector()) || use_domain_vector())
        return PV_OK;
    return pv_fail(error, PV_E_UNSUPPORTED, "Xen has no way to deliver events to this CPU", 0, -1);
}

/* The domain's vector is every CPU's. */
int pv_xen_hvm_upcall_cpu_start(struct pv_error *error)
{
    if (domain_vector >= 0 || set_own_vector())
        return PV_OK;
    return pv_fail(error, PV_E_HOST, "Xen takes no vector for the events of this CPU",
                   pv_this_cpu()->number, -1);
}

void pv_xen_hvm_upcall_stop(void)
{
    (void)set_callback(0);
    if (domain_vector >= 0)
        pv_irq_free(domain_vector);
    domain_vector = PV_E_FULL;
}

const char *pv_xen_hvm_upcall_name(void)
{
    return domain_vector >= 0 ? "callback-vector" : "upcall-vector";
}
