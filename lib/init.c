/* SPDX-License-Identifier: MIT */
/*
 * The order of a boot, seen from the library.
 */
#include "lib/detect.h"
#include "lib/lock.h"
#include "lib/patch.h"
#include "lib/switch.h"
#include "lib/text.h"
#include "lib/words.h"

uint32_t pv_tsc_khz_value;
const struct pv_boot_info *pv_boot;

static struct pv_detection detection;

/* What the boot chose, and whether that was asked for. */
static const struct pv_backend *first_choice;
static bool first_was_asked_for;

PV_COLD const struct pv_detection *pv_detected(void)
{
    return &detection;
}

PV_COLD void pv_cpu_setup(struct pv_cpu *cpu, uint32_t number)
{
    uint8_t *bytes = (uint8_t *)cpu;

    for (size_t i = 0; i < sizeof(*cpu); i++)
        bytes[i] = 0;
    cpu->self = cpu;
    cpu->number = number;
    if (number < PV_CONFIG_MAX_CPUS)
        pv_lock_cpus[number] = cpu;
}

PV_COLD const struct pv_backend *pv_backend_fittest(void)
{
    const struct pv_backend *best = pv_backends[0];
    unsigned most = 0;

    if (pv_platform == NULL)
        return NULL;
    for (unsigned i = 0; i < pv_backend_count; i++) {
        unsigned fitness = pv_backends[i]->fitness(&detection);
        if (fitness > most) {
            most = fitness;
            best = pv_backends[i];
        }
    }
    return best;
}

PV_COLD size_t pv_word_next(const char **text, const char **word)
{
    while (**text == ' ' || **text == '\t')
        (*text)++;
    *word = *text;
    while (**text != '\0' && **text != ' ' && **text != '\t')
        (*text)++;
    return (size_t)(*text - *word);
}

PV_COLD bool pv_word_is(const char *word, size_t length, const char *key, const char **value,
                        size_t *value_length)
{
    size_t i = 0;

    while (i < length && key[i] != '\0' && word[i] == key[i])
        i++;
    if (key[i] != '\0')
        return false;
    *value = word + i;
    *value_length = length - i;
    return true;
}

PV_COLD bool pv_word_with(const char **text, const char *key, const char **value,
                          size_t *value_length)
{
    const char *word;
    size_t length;

    while ((length = pv_word_next(text, &word)) != 0)
        if (pv_word_is(word, length, key, value, value_length))
            return true;
    return false;
}

PV_COLD bool pv_command_line_has(const char *asked)
{
    const char *cmdline = pv_boot != NULL ? pv_boot->cmdline : "";
    const char *rest;
    size_t length;

    while (pv_word_with(&cmdline, asked, &rest, &length))
        if (length == 0)
            return true;
    return false;
}

/* `detect=all`; another value is a line in the log. */
PV_COLD static bool all_asked_for(const char *cmdline)
{
    bool all = false;
    const char *value;
    size_t length;

    while (pv_word_with(&cmdline, "detect=", &value, &length)) {
        if (pv_word_is(value, length, "all", &value, &length) && length == 0)
            all = true;
        else
            pv_log("pvops: detect= can only be detect=all; it is ignored");
    }
    return all;
}

/* Another interface would be of use only to a backend that is less general than this one. */
PV_COLD static bool some_backend_is_served(const struct pv_detection *found)
{
    (void)found;
    return pv_backend_fittest() != pv_backends[0];
}

PV_COLD static void detect(const char *cmdline)
{
    pv_detect(pv_cpuid_raw, all_asked_for(cmdline) ? NULL : some_backend_is_served, &detection);
    if (detection.left_out != 0)
        pv_log_number("pvops: VMM interfaces beyond those that can be remembered:",
                      detection.left_out);
}

/* The last of `backend=NAME` and `nopv` counts. NULL: nothing was asked. */
static const struct pv_backend *asked_for(const char *cmdline)
{
    const struct pv_backend *asked = NULL;
    const char *word;
    size_t length;

    while ((length = pv_word_next(&cmdline, &word)) != 0) {
        const char *name = "native";
        size_t name_length = 6;
        const char *rest;
        size_t rest_length;
        bool nopv = pv_word_is(word, length, "nopv", &rest, &rest_length) && rest_length == 0;
        if (!nopv && !pv_word_is(word, length, "backend=", &name, &name_length))
            continue;
        const struct pv_backend *backend = pv_backend_named(name, name_length);
        if (backend == NULL)
            pv_log("pvops: backend= names no backend that was built in; it is ignored");
        else if (backend->fitness(&detection) == 0)
            pv_log("pvops: backend= names one that this VMM cannot serve; it is ignored");
        else
            asked = backend;
    }
    return asked;
}

PV_COLD int pv_early_init(const struct pv_platform *platform, const struct pv_boot_info *boot,
                          struct pv_error *error)
{
    if (platform == NULL || platform->text_start >= platform->text_end)
        return pv_fail_at(error, PV_E_ARGUMENT, "the platform gives no bounds of the text", 0);
    pv_platform = platform;
    pv_boot = boot;
    pv_text_begin(platform);
    pv_cpuid_by_xen = boot != NULL && boot->door == PV_DOOR_XEN_PV;
    const char *cmdline = boot != NULL ? boot->cmdline : "";
    detect(cmdline);
    first_choice = asked_for(cmdline);
    first_was_asked_for = first_choice != NULL;
    if (!first_was_asked_for)
        first_choice = pv_backend_fittest();
    pv_backend_set(first_choice);
    return first_choice->begin != NULL ? first_choice->begin(boot, error) : PV_OK;
}

PV_COLD int pv_init(struct pv_error *error)
{
    if (pv_backend == NULL)
        return pv_fail_too_early(error);
    int status = pv_backend_enter(error);
    return status == PV_OK ? pv_patch(error) : status;
}

PV_COLD uint32_t pv_tsc_khz(void)
{
    return pv_tsc_khz_value;
}

PV_COLD const char *pv_clock_name(void)
{
    const struct pv_backend *backend = pv_backend;

    while (backend != NULL && backend->clock == NULL)
        backend = pv_backend_below(backend);
    return backend != NULL && pv_tsc_khz_value != 0 ? backend->clock : "none";
}

static const struct pv_interface *chosen(void)
{
    if (pv_backend == NULL || pv_backend->signature == NULL)
        return NULL;
    return pv_detected_interface(&detection, pv_backend->signature);
}

PV_COLD static const char *why(void)
{
    static char fittest[64];

    if (pv_backend == NULL)
        return "pv_early_init() has not been called";
    if (pv_backend != first_choice)
        return "changed to by pv_switch()";
    if (first_was_asked_for)
        return "asked for on the command line";
    if (chosen() != NULL) {
        struct pv_text_out out = pv_text_to(fittest, sizeof(fittest));
        pv_text_add_string(&out, "the fittest for ");
        pv_text_add_string(&out, chosen()->signature);
        pv_text_add_string(&out, " at ");
        pv_text_add_hex(&out, chosen()->base);
        return fittest;
    }
    if (detection.exits == 0)
        return "the processor says that no VMM is there";
    return detection.count == 0 ? "the VMM shows no interface"
                                : "no interface that any backend knows";
}

PV_COLD void pv_facts(struct pv_facts *facts)
{
    const unsigned room = sizeof(facts->features) / sizeof(facts->features[0]) - 1;
    unsigned used = 0;

    facts->vmm = pv_vmm_name(&detection);
    facts->backend = pv_backend != NULL ? pv_backend->name : "none";
    facts->why = why();
    facts->door = pv_boot != NULL ? pv_door_name(pv_boot->door) : "own";
    facts->clock = pv_clock_name();
    facts->tsc_khz = pv_tsc_khz_value;
    facts->detection = &detection;
    facts->chosen = chosen();
    for (const struct pv_backend *backend = pv_backend; backend != NULL;
         backend = pv_backend_below(backend))
        if (backend->features != NULL)
            used += backend->features(facts->features + used, room - used);
    facts->features[used] = NULL;
}
