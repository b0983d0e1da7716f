/* SPDX-License-Identifier: MIT */
/*
 * The order of a boot. With platform.c, this is what a kernel writes to use pvops: set up the CPU's
 * block, read what the door left, pv_early_init(), traps and page tables of its own, pv_init().
 */
#include "bench/bench.h"
#include "commands.h"
#include "console.h"
#include "cpu.h"
#include "dump.h"
#include "memory.h"
#include "platform.h"
#include "smp.h"
#include "string.h"
#include "thread.h"
#include "traps.h"
#include "selftest/unplug.h"

#define ERROR_LINE 160

struct pv_boot_info boot_info;

uint64_t boot_began, boot_done;
const char *boot_backend;

static struct thread main_thread;

extern char image_start[], image_end[];

static _Noreturn void give_up(const char *step, const struct pv_error *error)
{
    char text[ERROR_LINE];
    pv_error_text(error, text, sizeof(text));
    print("# %s: %s\n", step, text);
    panic("the library could not be started");
}

static void run_commands(void *argument)
{
    static char words[PV_BOOT_CMDLINE];
    struct command_line line;
    (void)argument;
    memcpy(words, boot_info.cmdline, sizeof(words));
    command_line_parse(words, &line);
    smp_start(line.most_cpus);
    machine_end(commands_run(&line));
}

/* Traps come first, so that a mistake in what follows is printed and not a reset. */
static void start_kernel(void)
{
    cpu_tables_init();
    traps_init();
    cpu_features_init();
    pages_init(&boot_info);
    paging_init(&boot_info);
    threads_init();
}

/* What is called RAM afterwards may be handed out. */
static void find_memory(void)
{
    int status = pv_boot_ask_memory(&boot_info);
    pv_boot_reserve_image(&boot_info, virt_to_phys(image_start),
                          (uint64_t)(image_end - image_start));
    pv_boot_reserve_modules(&boot_info);
    if (status == PV_OK)
        return;
    print_complaints();
    panic("neither the loader nor the VMM named any memory");
}

/* Called by the door with interrupts off, on the door's stack: the idle thread keeps it. */
void pv_start(enum pv_door door, uint64_t left)
{
    struct pv_error error;
    boot_began = read_tsc();
    cpu_block_init();
    console_init();
    int told = pv_boot_from(door, left, pv_door_phys_to_virt, &boot_info);
    if (pv_early_init(&platform, &boot_info, &error) != PV_OK)
        give_up("pv_early_init", &error);
    console_use_pv();
    if (told != PV_OK)
        panic("the loader left nothing that can be read");
    find_memory();
    start_kernel();
    unplug_look_before();
    if (pv_init(&error) != PV_OK)
        give_up("pv_init", &error);
    boot_done = read_tsc();
    struct pv_facts facts;
    pv_facts(&facts);
    boot_backend = facts.backend;

    if (!thread_create(&main_thread, run_commands, NULL))
        panic("no memory for the first thread");
    thread_idle();
}
