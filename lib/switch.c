/* SPDX-License-Identifier: MIT */
/*
 * Becoming a backend, ceasing to be one, and doing both while the kernel runs.
 *
 * Backends stand on each other (kvm on native); a change leaves and enters only what the two do
 * not share. Its order: the old one's registrations with the VMM are undone, sites go back to the
 * compiled form while the table is still the old one's, the table changes, the new one's
 * registrations are made, sites are patched. At every step each site works. Sites of ops that are
 * the same for both are left alone.
 */
#include "lib/switch.h"
#include "lib/irq_save.h"
#include "lib/live.h"

const struct pv_backend *pv_backend;

PV_COLD static bool stands_on(const struct pv_backend *backend, const struct pv_backend *below)
{
    while (backend != NULL && backend != below)
        backend = pv_backend_below(backend);
    return backend != NULL;
}

/* `further`: what a backend has to do on each CPU but the one that changes it. */
PV_COLD static void leave_chain(const struct pv_backend *backend, const struct pv_backend *except,
                                bool further)
{
    for (; backend != NULL && !stands_on(except, backend); backend = pv_backend_below(backend))
        if ((further ? backend->cpu_leave : backend->leave) != NULL)
            (further ? backend->cpu_leave : backend->leave)();
}

/* Deepest first; what `except` stands on is there already. All of it, or nothing. */
PV_COLD static int enter_chain(const struct pv_backend *backend, const struct pv_backend *except,
                               bool further, struct pv_error *error)
{
    if (backend == NULL || stands_on(except, backend))
        return PV_OK;
    int status = enter_chain(pv_backend_below(backend), except, further, error);
    if (status != PV_OK)
        return status;
    if (further)
        status = backend->cpu_enter != NULL ? backend->cpu_enter(error) : PV_OK;
    else
        status = backend->enter != NULL ? backend->enter(pv_platform, error) : PV_OK;
    if (status != PV_OK)
        leave_chain(pv_backend_below(backend), except, further);
    return status;
}

/* The old backend of the change under way, and the new one. */
static const struct pv_backend *changing[2];

enum { OLD, NEW, ENTERS };

/* What a CPU that stands still does of the change: it leaves one of them, or ENTERS it. */
PV_COLD static int cpu_changes(unsigned step)
{
    const struct pv_backend *backend = changing[step & NEW];
    const struct pv_backend *except = changing[~step & NEW];

    if (step & ENTERS)
        return enter_chain(backend, except, true, NULL);
    leave_chain(backend, except, true);
    return PV_OK;
}

/* What the other stands on is not left or entered; to do nothing no CPU has to be woken by its VMM.
 */
PV_COLD static bool stays(unsigned which)
{
    return stands_on(changing[!which], changing[which]);
}

/* All other CPUs leave before this one does, and enter after it. */
PV_COLD static int all_leave(unsigned which, struct pv_error *error)
{
    if (stays(which))
        return PV_OK;
    int status = pv_stop_run(cpu_changes, which, error);
    leave_chain(changing[which], changing[!which], false);
    return status;
}

PV_COLD static int all_enter(unsigned which, struct pv_error *error)
{
    int status = enter_chain(changing[which], changing[!which], false, error);

    if (status != PV_OK || stays(which))
        return status;
    status = pv_stop_run(cpu_changes, which | ENTERS, error);
    /* If one cannot be with the new one, none shall be. Of the old one: as many as can. */
    if (status != PV_OK && which == NEW)
        (void)all_leave(NEW, NULL);
    return status;
}

PV_COLD int pv_cpu_online(struct pv_error *error)
{
    if (pv_backend == NULL)
        return pv_fail_too_early(error);
    if (pv_this_cpu()->number >= PV_CONFIG_MAX_CPUS)
        return pv_fail_at(error, PV_E_RANGE, "the CPU's number is beyond PV_CONFIG_MAX_CPUS",
                          pv_this_cpu()->number);
    return enter_chain(pv_backend, NULL, true, error);
}

PV_COLD void pv_cpu_offline(void)
{
    leave_chain(pv_backend, NULL, true);
}

PV_COLD void pv_backend_set(const struct pv_backend *backend)
{
    pv_backend = backend;
    pv_ops_fill(backend);
    pv_contents_fill(backend);
}

PV_COLD int pv_backend_enter(struct pv_error *error)
{
    int status = enter_chain(pv_backend, NULL, false, error);

    if (status == PV_OK)
        pv_contents_fill(pv_backend); /* what fits may depend on what was found */
    return status;
}

PV_COLD void pv_shutdown(void)
{
    if (pv_backend != NULL)
        leave_chain(pv_backend, NULL, false);
    for (unsigned i = 0; i < pv_backend_count; i++)
        if (pv_backends[i]->end != NULL)
            pv_backends[i]->end();
}

PV_COLD const struct pv_backend *pv_backend_named(const char *name, size_t length)
{
    for (unsigned i = 0; i < pv_backend_count; i++) {
        const char *is = pv_backends[i]->name;
        size_t same = 0;
        while (same < length && is[same] != '\0' && is[same] == name[same])
            same++;
        if (same == length && is[same] == '\0')
            return pv_backends[i];
    }
    return NULL;
}

/*
 * Who waits for a lock may be about to sleep, and only the backend that put it to sleep wakes it. A
 * lock that is held, and that nobody waits for, is the same to all backends: one byte, 1, which is
 * to become 0. A batch's entries are not written yet.
 */
PV_COLD static int something_open(struct pv_error *error)
{
    unsigned count = pv_other_cpus() + 1;

    for (unsigned number = 0; number < count; number++) {
        const struct pv_cpu *cpu = pv_cpu_of(number);
        if (cpu == NULL)
            continue;
        if (__atomic_load_n(&cpu->lock_depth, __ATOMIC_RELAXED) != 0)
            return pv_fail_at(error, PV_E_BUSY, "a CPU waits for a PV lock", 0);
        if (__atomic_load_n(&cpu->batch_depth, __ATOMIC_RELAXED) != 0)
            return pv_fail_at(error, PV_E_BUSY, "an MMU batch is open", 0);
    }
    return PV_OK;
}

/* What a backend can do is known for certain only when it has been entered. */
PV_COLD static int write_moved(const struct pv_backend *to, struct pv_error *error)
{
    int status = PV_OK;

    if (pv_moving_find(to, false))
        status = pv_sites_write(PV_MOVING_OPS, PV_GOAL_COMPILED, error);
    if (status != PV_OK)
        return status;
    pv_contents_fill(to);
    return pv_sites_write(PV_MOVING_OPS, PV_GOAL_BEST, error);
}

PV_COLD static int change_to(const struct pv_backend *to, struct pv_error *error)
{
    changing[OLD] = pv_backend;
    changing[NEW] = to;
    int status = all_leave(OLD, error);
    if (status == PV_OK) {
        (void)pv_moving_find(to, true);
        status = pv_sites_write(PV_MOVING_OPS, PV_GOAL_COMPILED, error);
        if (status == PV_OK) {
            pv_backend_set(to);
            status = all_enter(NEW, error);
        }
        if (status == PV_OK)
            return write_moved(to, error);
        pv_backend_set(changing[OLD]);
    }
    /* The old one again; what it had undone it can do once more. */
    if (all_enter(OLD, NULL) != PV_OK)
        pv_log("pvops: a CPU is not yet registered with the old backend again, or cannot be");
    /* Who did not come to an end in time may still run sites: those that changed stay calls. */
    if (status == PV_E_RENDEZVOUS)
        return status;
    pv_contents_fill(changing[OLD]);
    (void)pv_sites_write(PV_ALL_OPS, PV_GOAL_BEST, NULL);
    return status;
}

PV_COLD static int switch_stopped(const struct pv_backend *to, struct pv_error *error)
{
    struct pv_irqflags flags = pv_irq_save_seldom();
    int status = something_open(error);

    if (status == PV_OK)
        status = pv_stop_begin(PV_ALL_OPS, error);
    if (status == PV_OK) {
        status = something_open(error);
        if (status == PV_OK)
            status = change_to(to, error);
        pv_stop_end();
    }
    pv_irq_restore(flags);
    return status;
}

PV_COLD static int switch_claimed(const struct pv_backend *to, struct pv_error *error)
{
    int status = pv_live_finish(error);

    if (status == PV_OK)
        status = pv_sites_verify(PV_ALL_OPS, error);
    if (status != PV_OK || to == pv_backend)
        return status;
    if (pv_platform->preempt_off != NULL)
        pv_platform->preempt_off();
    status = switch_stopped(to, error);
    if (pv_platform->preempt_on != NULL)
        pv_platform->preempt_on();
    return status;
}

PV_COLD static size_t length_of(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0')
        length++;
    return length;
}

PV_COLD int pv_switch(const char *backend, struct pv_error *error)
{
    if (pv_backend == NULL || backend == NULL)
        return pv_fail_too_early(error);
    const struct pv_backend *to = pv_backend_named(backend, length_of(backend));
    if (to == NULL)
        return pv_fail_at(error, PV_E_BACKEND, "no backend has that name", 0);
    if (to->fitness(pv_detected()) == 0)
        return pv_fail_at(error, PV_E_BACKEND, "the VMM underneath does not offer what it needs",
                          0);
    int status = pv_patch_claim(error);
    if (status != PV_OK)
        return status;
    status = switch_claimed(to, error);
    pv_patch_release();
    return status;
}
