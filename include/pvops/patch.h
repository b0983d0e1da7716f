/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief Patching: call sites rewritten for the backend in force, checked, and undone.
 */
#ifndef PVOPS_PATCH_H
#define PVOPS_PATCH_H

#include "pvops/site.h"
#include "pvops/status.h"

PV_BEGIN_DECLS

/** What a site holds. */
enum pv_site_form {
    PV_SITE_INDIRECT, /**< `call *slot`, as compiled */
    PV_SITE_DIRECT,   /**< `call function` */
    PV_SITE_INLINE,   /**< the instructions themselves */
    PV_SITE_MISSING,  /**< `ud2`: no backend has the op */
    PV_SITE_FORMS     /**< how many forms there are */
};

/** How many sites hold what. */
struct pv_site_counts {
    uint32_t total;               /**< records */
    uint32_t form[PV_SITE_FORMS]; /**< by enum pv_site_form */
};

/** Text with sites: the kernel itself, or a module loaded later. Owned by the caller. */
struct pv_text {
    uintptr_t start;             /**< first byte of the text */
    uintptr_t end;               /**< first byte behind it */
    const struct pv_site *sites; /**< records */
    size_t count;                /**< how many */
    struct pv_text *next;        /**< the library's */
};

/**
 * @brief Patches all sites for the backend in force. pv_init() does this.
 * @param error  Filled on failure.
 * @return PV_OK. PV_E_RECORD, PV_E_SITE: nothing was changed. PV_E_ALIAS: every site holds either
 *         what it held or what it should, and all of them work.
 *
 * Interrupts off, or no other CPU running text with sites (see pv_switch() for the other case).
 */
int pv_patch(struct pv_error *error);

/** @brief Brings all sites back to the form they were compiled to. As pv_patch(). @param error
 *  Filled on failure. @return as pv_patch(). */
int pv_unpatch(struct pv_error *error);

/**
 * @brief Adds text with sites (a loaded module) and patches it like the rest.
 * @param text   The range, not yet executed, not to be changed until pv_text_remove().
 * @param error  Filled on failure; the range is then not added. Only on PV_E_ALIAS can sites differ
 *               from before; they work.
 * @return as pv_patch(); PV_E_ARGUMENT if it overlaps text that was added before; PV_E_BUSY.
 */
int pv_text_add(struct pv_text *text, struct pv_error *error);

/**
 * @brief Forgets text that is about to be unloaded; its sites stay as they are.
 * @param text  From pv_text_add(). No CPU is in it any more, nor will be.
 * @return PV_OK; PV_E_BUSY: a change of the text is under way on another CPU, try again.
 */
int pv_text_remove(struct pv_text *text);

/**
 * @brief Decodes every site again and compares it with what it should hold.
 * @param counts  How many hold what; may be NULL.
 * @param error   The first site that is wrong.
 * @return PV_OK, PV_E_RECORD, PV_E_SITE.
 *
 * Reads only. Also fails when a site lies in the text that handles breakpoints, NMIs and machine
 * checks (section .text.pv_nosite).
 */
int pv_sites_check(struct pv_site_counts *counts, struct pv_error *error);

/**
 * @brief Replaces one op for all callers while they run, and patches its sites to call it.
 * @param op        Which.
 * @param function  What to call, with the op's type and convention; NULL: the backend's own again.
 * @param error     Filled on failure; nothing is changed then, but see PV_E_ALIAS at pv_patch().
 * @return PV_OK, PV_E_BUSY, PV_E_RENDEZVOUS and as pv_patch().
 *
 * For tracing, and for kernels that decide late; after pv_init(). Not from interrupt context. A
 * change that failed half way is finished by the next one, or by pv_switch(). Other CPUs go on:
 * where a site holds one instruction before and after, they meet a breakpoint at worst and make
 * the call from its handler; otherwise they are stopped for the time it takes.
 */
int pv_op_override(enum pv_op_id op, void (*function)(void), struct pv_error *error);

/**
 * @brief Changes the backend of the running kernel.
 * @param backend  Its name.
 * @param error    Filled on failure; the old backend is then in force, but see PV_E_ALIAS.
 * @return PV_OK. PV_E_BACKEND: no such pair. PV_E_BUSY: a CPU waits for a PV lock, or an MMU batch
 *         is open.
 *         PV_E_RENDEZVOUS: another CPU could not be stopped outside a site. PV_E_ALIAS: as
 *         pv_patch(); the backend in force, old or new, is that of pv_facts(). And as pv_patch().
 *
 * Not from interrupt context. Stops all other CPUs, undoes the old backend's registrations with the
 * VMM, patches, makes the new ones. Overrides of ops end with it. Where the two drive different
 * timers (Xen and native), this CPU's is disarmed.
 */
int pv_switch(const char *backend, struct pv_error *error);

PV_END_DECLS

#endif
