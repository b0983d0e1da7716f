/* SPDX-License-Identifier: MIT */
/*
 * Sites as pvops/site.h lays them out, written by a program instead of the assembler.
 */
#include "textgen.h"
#include "memory.h"
#include "string.h"

#define PREFIX_CS    0x2e
#define NOP          0x90
#define CALL_BYTES   6
#define LONGEST_CALL 15
#define INT3         0xcc

static const uint8_t lengths[PV_OP_COUNT] = {
#define PV_OP(kind, convention, length, shape, type, name, params, args) [PV_OPID_##name] = length,
#include "pvops/ops/all.h"
#undef PV_OP
};

unsigned site_length(enum pv_op_id op)
{
    return lengths[op];
}

static size_t to_pages(size_t bytes)
{
    return (bytes + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
}

/* Page by page: neighbouring pages of a module need not be neighbours in memory. */
static void write_bytes(struct generated *g, size_t offset, const void *from, size_t bytes)
{
    const uint8_t *in = from;
    while (bytes != 0) {
        size_t rest = PAGE_BYTES - offset % PAGE_BYTES;
        size_t now = bytes < rest ? bytes : rest;
        memcpy(module_writable(g->pages, offset), in, now);
        in += now;
        offset += now;
        bytes -= now;
    }
}

bool generated_open(struct generated *g, size_t text_bytes, size_t sites)
{
    *g = (struct generated){.text_room = to_pages(text_bytes)};
    g->bytes = g->text_room + to_pages(sites * sizeof(struct pv_site));
    g->pages = module_alloc(g->bytes);
    if (g->pages == NULL)
        return false;
    for (size_t page = 0; page < g->text_room; page += PAGE_BYTES)
        memset(module_writable(g->pages, page), INT3, PAGE_BYTES);
    g->sites = (struct pv_site *)((uintptr_t)g->pages + g->text_room);
    g->text.start = (uintptr_t)g->pages;
    g->text.end = g->text.start + g->text_room;
    g->text.sites = g->sites;
    return true;
}

void generated_code(struct generated *g, const uint8_t *code, size_t bytes)
{
    write_bytes(g, g->used, code, bytes);
    g->used += bytes;
}

static void add_record(struct generated *g, uintptr_t site, enum pv_op_id op, unsigned length)
{
    uintptr_t at = (uintptr_t)&g->sites[g->text.count];
    struct pv_site record = {
        .offset = (int32_t)(site - at),
        .op = (uint16_t)op,
        .length = (uint8_t)length,
        .zero = 0,
    };
    write_bytes(g, at - (uintptr_t)g->pages, &record, sizeof(record));
    g->text.count++;
}

void generated_site(struct generated *g, enum pv_op_id op)
{
    uint8_t bytes[32];
    unsigned length = site_length(op);
    uintptr_t site = g->text.start + g->used;
    uintptr_t slot = (uintptr_t)&pv_ops + op * sizeof(void (*)(void));
    int32_t displacement = (int32_t)(slot - (site + length));
    memset(bytes, PREFIX_CS, sizeof(bytes));
    if (length > LONGEST_CALL)
        bytes[length - LONGEST_CALL - 1] = NOP;
    bytes[length - CALL_BYTES] = 0xff;
    bytes[length - CALL_BYTES + 1] = 0x15;
    memcpy(&bytes[length - sizeof(displacement)], &displacement, sizeof(displacement));
    add_record(g, site, op, length);
    generated_code(g, bytes, length);
}

/* The records behind the text are mapped read-only as they are. */
void generated_seal(struct generated *g)
{
    module_seal(g->pages, g->text_room);
}

void generated_free(struct generated *g)
{
    module_free(g->pages, g->bytes);
}
