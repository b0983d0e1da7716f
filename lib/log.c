/* SPDX-License-Identifier: MIT */
/*
 * Words to people: lines through pv_platform::log, and errors as text.
 */
#include "lib/backend.h"
#include "lib/text.h"

const struct pv_platform *pv_platform;

PV_COLD void pv_text_add_char(struct pv_text_out *out, char c)
{
    if (out->used + 1 >= out->size)
        return;
    out->buffer[out->used++] = c;
    out->buffer[out->used] = '\0';
}

PV_COLD void pv_text_add_string(struct pv_text_out *out, const char *text)
{
    while (*text != '\0')
        pv_text_add_char(out, *text++);
}

PV_COLD void pv_text_add_hex(struct pv_text_out *out, uint64_t number)
{
    unsigned digits = 1;

    while (digits < 16 && number >> (digits * 4) != 0)
        digits++;
    pv_text_add_string(out, "0x");
    while (digits-- > 0)
        pv_text_add_char(out, "0123456789abcdef"[(number >> (digits * 4)) & 15]);
}

PV_COLD void pv_log(const char *text)
{
    if (pv_platform != NULL && pv_platform->log != NULL)
        pv_platform->log(text);
}

PV_COLD void pv_log_number(const char *text, uint64_t number)
{
    char line[160];
    struct pv_text_out out = pv_text_to(line, sizeof(line));

    pv_text_add_string(&out, text);
    pv_text_add_string(&out, " ");
    pv_text_add_hex(&out, number);
    pv_log(line);
}

/* Not inline: what checks the paths of traps knows the end of the machine by its name. */
PV_COLD __attribute__((noinline)) _Noreturn void pv_panic(const char *why)
{
    if (pv_platform != NULL && pv_platform->panic != NULL)
        pv_platform->panic(why);
    for (;;)
        __builtin_trap();
}

PV_COLD size_t pv_error_text(const struct pv_error *error, char *buffer, size_t size)
{
    struct pv_text_out out = pv_text_to(buffer, size);

    pv_text_add_string(&out, error->what != NULL ? error->what : "unknown error");
    if (error->op >= 0) {
        pv_text_add_string(&out, " (op ");
        pv_text_add_string(&out, pv_op_name(error->op));
        pv_text_add_string(&out, ")");
    }
    if (error->where != 0) {
        pv_text_add_string(&out, " at ");
        pv_text_add_hex(&out, error->where);
    }
    return out.used;
}
