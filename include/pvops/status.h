/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief Errors as values: a status, and a description of what was wrong and where.
 */
#ifndef PVOPS_STATUS_H
#define PVOPS_STATUS_H

#include "pvops/types.h"

PV_BEGIN_DECLS

/** What a call that can fail returns. */
enum pv_status {
    PV_OK = 0,             /**< done */
    PV_E_ARGUMENT = -1,    /**< the caller passed something that cannot be */
    PV_E_RECORD = -2,      /**< a site's record is malformed or points outside the text */
    PV_E_SITE = -3,        /**< a site holds bytes that this library did not put there */
    PV_E_ALIAS = -4,       /**< the platform gave no writable alias of the text */
    PV_E_BUSY = -5,        /**< a lock is held, a batch is open, or a change is under way */
    PV_E_RENDEZVOUS = -6,  /**< a CPU did not stop in time, or never outside a site */
    PV_E_BACKEND = -7,     /**< no such backend, or it cannot run on this VMM */
    PV_E_UNSUPPORTED = -8, /**< this machine or VMM has no way to do it */
    PV_E_RANGE = -9,       /**< a number beyond what exists */
    PV_E_FULL = -10,       /**< nothing left to give out */
    PV_E_MSR = -11,        /**< the register access raised #GP */
    PV_E_HOST = -12,       /**< the VMM or firmware said something that cannot be true */
    PV_E_TIMEOUT = -13     /**< hardware or the VMM did not answer within the bound */
};

/** A failure described. Calls that take one fill it on failure only; NULL is allowed. */
struct pv_error {
    int status;       /**< enum pv_status */
    const char *what; /**< one sentence without a full stop, static storage */
    uint64_t where;   /**< address of the site or record, index of a CPU; 0 if neither */
    int op;           /**< enum pv_op_id, or -1 */
};

/**
 * @brief Writes an error as one line of text.
 * @param error   The error.
 * @param buffer  Where it goes, NUL-terminated, cut if too long.
 * @param size    Size of the buffer in bytes, at least 1.
 * @return characters written, without the NUL.
 */
size_t pv_error_text(const struct pv_error *error, char *buffer, size_t size);

/** @brief Name of an op in listings. @param op enum pv_op_id. @return its name, or "?". */
const char *pv_op_name(int op);

PV_END_DECLS

#endif
