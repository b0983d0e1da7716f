/* SPDX-License-Identifier: MIT */
/*
 * `info`: what the library found and did, for people and as one JSON object.
 */
#include "commands.h"
#include "console.h"
#include "memory.h"
#include "smp.h"
#include "pvops/pvops.h"

#ifdef __clang__
#define COMPILER __VERSION__ /* names itself */
#else
#define COMPILER "GCC " __VERSION__
#endif

#define PAGES_PER_MIB 256

static unsigned feature_count(const struct pv_facts *facts)
{
    unsigned count = 0;
    while (count < sizeof(facts->features) / sizeof(facts->features[0]) &&
           facts->features[count] != NULL)
        count++;
    return count;
}

static void print_features(const struct pv_facts *facts, const char *quote, const char *between)
{
    for (unsigned i = 0; i < feature_count(facts); i++)
        print("%s%s%s%s", i == 0 ? "" : between, quote, facts->features[i], quote);
}

/* Signatures are the VMM's words: printable, but not therefore harmless in JSON. */
static void print_quoted(const char *text)
{
    print("\"");
    for (; *text != '\0'; text++)
        print(*text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    print("\"");
}

static void detection_json(const struct pv_facts *facts)
{
    const struct pv_detection *detection = facts->detection;
    print(",\"why\":");
    print_quoted(facts->why);
    print(",\"interfaces\":[");
    for (unsigned i = 0; i < detection->count; i++) {
        const struct pv_interface *found = &detection->found[i];
        print("%s{\"base\":%u,\"max_leaf\":%u,\"chosen\":%s,\"signature\":", i == 0 ? "" : ",",
              found->base, found->max_leaf, found == facts->chosen ? "true" : "false");
        print_quoted(found->signature);
        print("}");
    }
    print("],\"interfaces_left_out\":%u,\"detect_exits\":%u", detection->left_out,
          detection->exits);
}

static void detection_text(const struct pv_facts *facts)
{
    const struct pv_detection *detection = facts->detection;
    for (unsigned i = 0; i < detection->count; i++) {
        const struct pv_interface *found = &detection->found[i];
        print("found    %s at %x, up to leaf %x%s\n", found->signature, found->base,
              found->max_leaf, found == facts->chosen ? ", in use" : "");
    }
    if (detection->left_out != 0)
        print("found    %u more than can be remembered\n", detection->left_out);
    if (detection->repeated != 0)
        print("found    a signature repeated at %u more bases\n", detection->repeated);
    print("detected with %u CPUID exits\n", detection->exits);
}

static void info_json(const struct pv_facts *facts, const struct pv_site_counts *sites)
{
    print("{\"type\":\"info\",\"vmm\":\"%s\",\"door\":\"%s\",\"backend\":\"%s\",\"features\":[",
          facts->vmm, facts->door, facts->backend);
    print_features(facts, "\"", ",");
    print("],\"sites\":{\"total\":%u,\"inlined\":%u,\"direct\":%u,\"indirect\":%u,\"missing\":%u}",
          sites->total, sites->form[PV_SITE_INLINE], sites->form[PV_SITE_DIRECT],
          sites->form[PV_SITE_INDIRECT], sites->form[PV_SITE_MISSING]);
    print(",\"clock\":\"%s\",\"tsc_khz\":%u,\"compiler\":\"%s\"", facts->clock, facts->tsc_khz,
          COMPILER);
    detection_json(facts);
    print(",\"cpus\":%u", smp_count());
    print(",\"memory_pages\":%lu,\"bound\":%s}\n", pages_total(), PV_BOUND ? "true" : "false");
}

static void info_text(const struct pv_facts *facts, const struct pv_site_counts *sites)
{
    print("vmm      %s, entered by %s\n", facts->vmm, facts->door);
    print("backend  %s: %s\n", facts->backend, facts->why);
    print("features ");
    print_features(facts, "", ", ");
    print("%s\n", feature_count(facts) == 0 ? "none" : "");
    detection_text(facts);
    print("sites    %u: %u inlined, %u direct, %u indirect, %u missing%s\n", sites->total,
          sites->form[PV_SITE_INLINE], sites->form[PV_SITE_DIRECT], sites->form[PV_SITE_INDIRECT],
          sites->form[PV_SITE_MISSING], PV_BOUND ? " (bound at build time)" : "");
    print("clock    %s, tsc %u kHz\n", facts->clock, facts->tsc_khz);
    print("cpus     %u of %u that are listed\n", smp_count(), smp_listed());
    print("memory   %lu MiB for use, %lu pages free\n", pages_total() / PAGES_PER_MIB,
          pages_free());
}

void print_complaints(void)
{
    for (unsigned i = 0; i < boot_info.complaints_used; i++)
        print("# boot: %s: %lx\n", boot_info.complaints[i].what, boot_info.complaints[i].where);
    if (boot_info.complaints_lost != 0)
        print("# boot: %u more complaints\n", boot_info.complaints_lost);
}

int info(bool json)
{
    struct pv_facts facts;
    struct pv_site_counts sites = {0};
    struct pv_error error;
    pv_facts(&facts);
    print_complaints();
    int status = pv_sites_check(&sites, &error);
    if (status != PV_OK)
        print("# a site is wrong: %s at %lx\n", error.what, error.where);
    if (json)
        info_json(&facts, &sites);
    else
        info_text(&facts, &sites);
    return status == PV_OK ? 0 : 1;
}
