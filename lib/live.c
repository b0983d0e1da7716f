/* SPDX-License-Identifier: MIT */
/*
 * Changing one op while other CPUs run it.
 *
 * Where its sites hold one instruction before and after, by breakpoints: `int3` goes over the
 * first byte of each site; every CPU serialises; the tails are written; every CPU serialises; then
 * the first bytes. Between two steps a CPU sees the old instruction, the new one, or the
 * breakpoint; who meets that makes the op's call from the handler, which is right before and after
 * the change and never waits. (Intel SDM vol. 3A, 9.1.3 on cross-modifying code.)
 *
 * Everything else is rewritten while all other CPUs stand still (lib/stop.c).
 */
#include "lib/irq_save.h"
#include "lib/live.h"

/* The op whose sites may hold a breakpoint of ours; PV_OP_COUNT: none. */
static unsigned poke_op = PV_OP_COUNT;

/* ---- the breakpoint's handler --------------------------------------------------------------- */

/*
 * The privilege that frames of the kernel's code show. Not the one that it runs at: a Xen PV kernel
 * runs in ring 3 as its users do, and Xen shows ring 0 in the kernel's frames.
 */
#ifndef PV_KERNEL_RPL
#define PV_KERNEL_RPL 0
#endif

/* The record of the site at an address; NULL: none. Linear, and hardly ever called. */
PV_COLD PV_NOSITE static const struct pv_site *record_at(const struct pv_text *text,
                                                         uintptr_t address)
{
    for (size_t i = 0; i < text->count; i++) {
        const struct pv_site *record = &text->sites[i];
        if ((uintptr_t)&record->offset + (uintptr_t)(intptr_t)record->offset == address)
            return record;
    }
    return NULL;
}

/* Pushes onto the interrupted stack, which must not be the one this trap runs on. */
PV_COLD PV_NOSITE static void emulate_call(struct pv_regs *regs, uintptr_t returns_to,
                                           pv_function function)
{
    uintptr_t frame_end = (uintptr_t)(regs + 1);
    uintptr_t push_at = regs->rsp - sizeof(uint64_t);

    if (push_at < frame_end && push_at + sizeof(uint64_t) > (uintptr_t)regs)
        pv_panic("breakpoint in a call site: the trap must have a stack of its own");
    *(uint64_t *)push_at = returns_to;
    regs->rsp = push_at;
    regs->rip = (uintptr_t)function;
}

PV_COLD PV_NOSITE bool pv_live_breakpoint(struct pv_regs *regs)
{
    uintptr_t site = regs->rip - 1;
    const struct pv_text *text = pv_text_of(site);
    const struct pv_site *record = NULL;

    if (text != NULL && (regs->cs & 3) == PV_KERNEL_RPL)
        record = record_at(text, site);
    if (record == NULL)
        return false;
    /* The byte first: once a breakpoint of ours is seen, so is that its op is being changed. */
    uint8_t first = __atomic_load_n((const uint8_t *)site, __ATOMIC_ACQUIRE);
    if (record->op == __atomic_load_n(&poke_op, __ATOMIC_ACQUIRE)) {
        emulate_call(regs, site + record->length, pv_slot_of(&pv_ops, (enum pv_op_id)record->op));
        return true;
    }
    /* Met just before it was removed: what is there now can be run. */
    if (first == PV_INT3)
        return false;
    regs->rip = site;
    return true;
}

/* ---- the breakpoint method ------------------------------------------------------------------ */

enum step { STEP_BREAKPOINT, STEP_TAIL, STEP_FIRST, STEP_BACK };

struct poke {
    enum step step;
    const struct pv_content *before; /* the op's row as it was */
    struct pv_alias alias;
    struct pv_error *error;
};

PV_COLD static bool same_tail(uintptr_t site, const uint8_t *bytes, unsigned length)
{
    const uint8_t *held = (const uint8_t *)site;

    for (unsigned i = 1; i < length; i++)
        if (held[i] != bytes[i])
            return false;
    return true;
}

/* What a site held before its first byte became a breakpoint: the tail tells. */
PV_COLD static bool find_before(const struct pv_content *before, uintptr_t site, uint8_t *bytes)
{
    for (unsigned i = 0; i < PV_CONTENTS; i++)
        if (pv_content_at(&before[i], site, bytes) && same_tail(site, bytes, before[i].length))
            return true;
    return false;
}

PV_COLD static int poke_site(uintptr_t site, const struct pv_site *record, void *argument)
{
    struct poke *poke = (struct poke *)argument;
    enum pv_op_id op = (enum pv_op_id)record->op;
    uint8_t bytes[PV_SITE_MAX] = {PV_INT3};
    uint8_t *to = pv_alias_at(&poke->alias, site, record->length);

    if (to == NULL)
        return pv_fail(poke->error, PV_E_ALIAS, "no writable alias of the site's page", site,
                       record->op);
    bool known = poke->step == STEP_BREAKPOINT ||
                 (poke->step == STEP_BACK
                      ? find_before(poke->before, site, bytes)
                      : pv_site_choose(site, op, PV_GOAL_BEST, pv_text_of(site)->end, bytes) >= 0);
    if (!known)
        return pv_fail(poke->error, PV_E_SITE, "site cannot reach its slot", site, record->op);
    for (unsigned i = 1; poke->step == STEP_TAIL && i < record->length; i++)
        __atomic_store_n(to + i, bytes[i], __ATOMIC_RELAXED);
    if (poke->step != STEP_TAIL)
        __atomic_store_n(to, bytes[0], __ATOMIC_RELEASE);
    return PV_OK;
}

/* One step for all sites of the op, and then every CPU serialises. */
PV_COLD static int poke_step(unsigned op, enum step step, const struct pv_content *before,
                             struct pv_error *error)
{
    struct poke poke = {step, before, {0, 0, NULL}, error};
    int status = pv_sites_visit(op, poke_site, &poke);

    pv_alias_end(&poke.alias);
    if (status == PV_OK && !pv_serialise_all())
        status = pv_fail(error, PV_E_RENDEZVOUS, "a CPU did not serialise in time", 0, (int)op);
    return status;
}

/*
 * The last step, which leaves no breakpoint: all first bytes are written, or poke_op stays. A CPU
 * that does not serialise after it meets a breakpoint that is gone, or the new instruction.
 */
PV_COLD static int poke_last(unsigned op, enum step step, const struct pv_content *before,
                             struct pv_error *error)
{
    int status = poke_step(op, step, before, error);

    if (status != PV_OK && status != PV_E_RENDEZVOUS)
        return status;
    __atomic_store_n(&poke_op, PV_OP_COUNT, __ATOMIC_RELEASE);
    return PV_OK;
}

/* From breakpoints everywhere to what the op's row says. */
PV_COLD static int poke_rest(unsigned op, struct pv_error *error)
{
    int status = poke_step(op, STEP_TAIL, NULL, error);

    return status == PV_OK ? poke_last(op, STEP_FIRST, NULL, error) : status;
}

/*
 * The row of the op says what its sites shall hold. A failure before the tails are touched is
 * taken back. After that the breakpoints stay, and poke_op with them: callers are served, if
 * slowly, and the next change finishes this one first.
 */
PV_COLD static int poke_all(unsigned op, const struct pv_content *before, struct pv_error *error)
{
    __atomic_store_n(&poke_op, op, __ATOMIC_RELEASE);
    int status = poke_step(op, STEP_BREAKPOINT, before, error);
    if (status == PV_OK)
        return poke_rest(op, error);
    (void)poke_last(op, STEP_BACK, before, NULL);
    return status;
}

PV_COLD int pv_live_finish(struct pv_error *error)
{
    if (poke_op == PV_OP_COUNT)
        return PV_OK;
    /* Taking back may have stopped half way: breakpoints everywhere again. */
    int status = poke_step(poke_op, STEP_BREAKPOINT, NULL, error);
    return status == PV_OK ? poke_rest(poke_op, error) : status;
}

/* ---- one op --------------------------------------------------------------------------------- */

PV_COLD static bool one_instruction(const struct pv_content *row)
{
    for (unsigned i = 0; i < PV_CONTENTS; i++)
        if (row[i].form != PV_SITE_FORMS && row[i].instructions != 1)
            return false;
    return true;
}

/* A change of one op, worked out but not made. */
struct change {
    enum pv_op_id op;
    pv_function function;
    struct pv_content row[PV_CONTENTS];
};

/* One by one: a row is more than every compiler copies without a function. */
PV_COLD static void copy_row(struct pv_content *to, const struct pv_content *from)
{
    for (unsigned i = 0; i < PV_CONTENTS; i++)
        to[i] = from[i];
}

PV_COLD static void install(const struct change *change)
{
    copy_row(pv_contents[change->op], change->row);
    pv_slot_set(change->op, change->function);
}

/* By way of the compiled form, which both rows know: a failure never leaves a site unknown. */
PV_COLD static int replace_stopped(const struct change *change, struct pv_error *error)
{
    struct pv_irqflags flags = pv_irq_save_seldom();
    int status = pv_stop_begin(change->op, error);

    if (status == PV_OK) {
        status = pv_sites_write(change->op, PV_GOAL_COMPILED, error);
        if (status == PV_OK) {
            install(change);
            status = pv_sites_write(change->op, PV_GOAL_BEST, error);
        }
        pv_stop_end();
    }
    pv_irq_restore(flags);
    return status;
}

PV_COLD static int replace_running(const struct change *change, struct pv_error *error)
{
    struct change before;

    before.op = change->op;
    before.function = pv_slot_of(&pv_ops, change->op);
    copy_row(before.row, pv_contents[change->op]);
    install(change);
    int status = poke_all(change->op, before.row, error);
    if (status != PV_OK && poke_op == PV_OP_COUNT)
        install(&before);
    return status;
}

PV_COLD static int replace(enum pv_op_id op, pv_function function,
                           const struct pv_sequence *sequence, struct pv_error *error)
{
    struct change change;

    if (pv_op_facts[op].length == 0) {
        pv_slot_set(op, function); /* cold: the slot is all there is */
        return PV_OK;
    }
    change.op = op;
    change.function = function;
    pv_row_make(change.row, op, function, sequence);
    if (pv_other_cpus() != 0 && one_instruction(pv_contents[op]) && one_instruction(change.row))
        return replace_running(&change, error);
    return replace_stopped(&change, error);
}

PV_COLD int pv_op_override(enum pv_op_id op, void (*function)(void), struct pv_error *error)
{
    if ((unsigned)op >= PV_OP_COUNT || pv_backend == NULL)
        return pv_fail_at(error, PV_E_ARGUMENT, "no such op, or no backend yet", 0);
    int status = pv_patch_claim(error);
    if (status != PV_OK)
        return status;
    status = pv_live_finish(error);
    if (status == PV_OK)
        status = pv_sites_verify((unsigned)op, error);
    if (status == PV_OK && function != NULL)
        status = replace(op, function, NULL, error);
    else if (status == PV_OK)
        status = replace(op, pv_backend_function(pv_backend, op),
                         pv_backend_sequence(pv_backend, op), error);
    pv_patch_release();
    return status;
}
