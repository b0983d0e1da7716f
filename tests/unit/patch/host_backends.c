/* SPDX-License-Identifier: MIT */
/*
 * The host's list of backends. None needs a privilege; which one ran shows in what an op returns.
 */
#include "host.h"

#define DECLARE_COLD(type, name, params)
#define DECLARE_HOT(type, name, params)        \
    extern type alpha_##name params PV_HIDDEN; \
    extern type beta_##name params PV_HIDDEN;
#define PV_OP(kind, convention, length, shape, type, name, params, args) \
    DECLARE_##kind(type, name, params)
#include "pvops/ops/all.h"
#undef PV_OP

#define ALPHA_COLD(name)
#define ALPHA_HOT(name)                                                  .name = alpha_##name,
#define PV_OP(kind, convention, length, shape, type, name, params, args) ALPHA_##kind(name)
static const struct pv_ops alpha_ops = {
#include "pvops/ops/all.h"
};
#undef PV_OP

#define BETA_COLD(name)
#define BETA_HOT(name)                                                   .name = beta_##name,
#define PV_OP(kind, convention, length, shape, type, name, params, args) BETA_##kind(name)
static struct pv_ops beta_ops = {
#include "pvops/ops/all.h"
};
#undef PV_OP

/* Hides what beta would put inline. */
static const struct pv_ops gamma_ops = {.irq_flags = alpha_irq_flags};
static const struct pv_ops delta_ops = {.irq_restore = alpha_irq_restore};

/* beta has no timer at all. */
__attribute__((constructor)) static void beta_lacks_an_op(void)
{
    beta_ops.timer_set = NULL;
}

extern const struct pv_sequence host_beta_sequences[] PV_HIDDEN;
extern const struct pv_sequence host_beta_sequences_end[] PV_HIDDEN;

static uint32_t eoi_register;
volatile uint32_t *host_eoi PV_HIDDEN = &eoi_register;

struct host_backend_state host_alpha, host_beta, host_gamma, host_delta;

static int enter(struct host_backend_state *state, struct pv_error *error)
{
    if (state->fail_next > 0) {
        state->fail_next--;
        return pv_fail(error, PV_E_HOST, "the test's backend does not want to", 0, -1);
    }
    state->enters++;
    state->entered++;
    return PV_OK;
}

static void leave(struct host_backend_state *state)
{
    state->leaves++;
    state->entered--;
}

static void hold(const unsigned *number)
{
    while (__atomic_load_n(number, __ATOMIC_ACQUIRE) == pv_this_cpu()->number &&
           pv_this_cpu()->number != 0)
        host_sleep_us(50);
}

/* Entering and leaving again is all that a further CPU may do. */
static int cpu_enter(struct host_backend_state *state, struct pv_error *error)
{
    unsigned cpu = pv_this_cpu()->number;

    state->stack_below += state->entered == 0;
    if (state->fail_cpu == cpu && cpu != 0)
        return pv_fail(error, PV_E_HOST, "the test's backend does not want this CPU", cpu, -1);
    __atomic_add_fetch(&state->cpus_entered, 1, __ATOMIC_RELAXED);
    state->cpu_entered[cpu]++;
    hold(&state->hold_enter);
    return PV_OK;
}

static void cpu_leave(struct host_backend_state *state)
{
    unsigned cpu = pv_this_cpu()->number;

    state->stack_below += state->entered == 0;
    if (state->cpu_entered[cpu] != 0)
        __atomic_sub_fetch(&state->cpus_entered, 1, __ATOMIC_RELAXED);
    state->cpu_entered[cpu] = 0;
    hold(&state->hold_leave);
}

static int begin(struct host_backend_state *state, const struct pv_boot_info *boot,
                 struct pv_error *error)
{
    state->begins++;
    state->begun_with = boot;
    state->in_force = pv_backend;
    if (state->fail_begin)
        return pv_fail(error, PV_E_HOST, "the test's backend cannot begin", 0, -1);
    return PV_OK;
}

#define LIFE(name)                                                                      \
    static int name##_enter(const struct pv_platform *platform, struct pv_error *error) \
    {                                                                                   \
        (void)platform;                                                                 \
        return enter(&host_##name, error);                                              \
    }                                                                                   \
    static int name##_begin(const struct pv_boot_info *boot, struct pv_error *error)    \
    {                                                                                   \
        return begin(&host_##name, boot, error);                                        \
    }                                                                                   \
    static void name##_leave(void)                                                      \
    {                                                                                   \
        leave(&host_##name);                                                            \
    }                                                                                   \
    static int name##_cpu_enter(struct pv_error *error)                                 \
    {                                                                                   \
        return cpu_enter(&host_##name, error);                                          \
    }                                                                                   \
    static void name##_cpu_leave(void)                                                  \
    {                                                                                   \
        cpu_leave(&host_##name);                                                        \
    }

LIFE(alpha)
LIFE(beta)
LIFE(gamma)
LIFE(delta)

static unsigned beta_features(const char **names, unsigned room)
{
    if (room != 0)
        names[0] = "beta's";
    return room != 0;
}

static bool beta_trap(unsigned vector, struct pv_regs *regs)
{
    (void)regs;
    return vector == PV_TRAP_PROTECTION;
}

unsigned long host_waited_for[PV_CONFIG_MAX_CPUS];

static void alpha_waits_for(const struct pv_cpu *cpu)
{
    __atomic_add_fetch(&host_waited_for[cpu->number], 1, __ATOMIC_RELAXED);
}

static unsigned fits(const struct pv_detection *detection)
{
    (void)detection;
    return 1;
}

static unsigned never_fits(const struct pv_detection *detection)
{
    (void)detection;
    return 0;
}

const struct pv_backend pv_backend_alpha = {
    .name = "alpha",
    .ops = &alpha_ops,
    .fitness = fits,
    .begin = alpha_begin,
    .enter = alpha_enter,
    .leave = alpha_leave,
    .cpu_enter = alpha_cpu_enter,
    .cpu_leave = alpha_cpu_leave,
    .waits_for = alpha_waits_for,
};

const struct pv_backend pv_backend_beta = {
    .name = "beta",
    .ops = &beta_ops,
    .sequences = host_beta_sequences,
    .sequences_end = host_beta_sequences_end,
    .fitness = fits,
    .begin = beta_begin,
    .enter = beta_enter,
    .leave = beta_leave,
    .cpu_enter = beta_cpu_enter,
    .cpu_leave = beta_cpu_leave,
    .features = beta_features,
    .clock = "beta's",
    .trap = beta_trap,
};

const struct pv_backend pv_backend_gamma = {
    .name = "gamma",
    .base = &pv_backend_beta,
    .ops = &gamma_ops,
    .fitness = fits,
    .begin = gamma_begin,
    .enter = gamma_enter,
    .leave = gamma_leave,
    .cpu_enter = gamma_cpu_enter,
    .cpu_leave = gamma_cpu_leave,
};

const struct pv_backend pv_backend_delta = {
    .name = "delta",
    .base = &pv_backend_beta,
    .base_is_ops_only = true,
    .ops = &delta_ops,
    .begin = delta_begin,
    .fitness = fits,
    .enter = delta_enter,
    .leave = delta_leave,
    .cpu_enter = delta_cpu_enter,
    .cpu_leave = delta_cpu_leave,
};

static const struct pv_backend unfit = {
    .name = "unfit",
    .ops = &alpha_ops,
    .fitness = never_fits,
};

const struct pv_backend *const pv_backends[] = {
    &pv_backend_alpha, &pv_backend_beta, &pv_backend_gamma, &pv_backend_delta, &unfit,
};
const unsigned pv_backend_count = sizeof(pv_backends) / sizeof(pv_backends[0]);
