/* SPDX-License-Identifier: MIT */
/*
 * `crash=NAME`: a mistake in the kernel, made on purpose. It shows what a fatal exception looks
 * like, and the tests compare the dump with what the registers held (crash.S).
 */
#include "commands.h"
#include "console.h"
#include "string.h"

/* Where no kernel page is. */
#define NOWHERE 0xbad0000u

_Noreturn void crash_read(uintptr_t address);
_Noreturn void crash_ud2(uintptr_t address);
_Noreturn void crash_stack(uintptr_t address);
extern char crash_read_at[], crash_ud2_at[], crash_stack_at[];

static const struct {
    const char *name;
    void (*run)(uintptr_t address);
    const char *at;
} crashes[] = {
    {"read", crash_read, crash_read_at},
    {"ud2", crash_ud2, crash_ud2_at},
    {"stack", crash_stack, crash_stack_at},
};

int crash(const char *name)
{
    for (unsigned i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
        if (!same_text(name, crashes[i].name))
            continue;
        print("# crash=%s: the instruction at %016lx, the address %016lx\n", name,
              (uintptr_t)crashes[i].at, (uintptr_t)NOWHERE);
        crashes[i].run(NOWHERE);
    }
    print("# no such crash: %s; there are read, ud2, stack\n", name);
    return 1;
}
