/* SPDX-License-Identifier: MIT */
/*
 * Making and ending processes.
 */
#include "process.h"
#include "console.h"
#include "cpu.h"
#include "memory.h"
#include "string.h"

extern char user_image_start[], user_image_end[];

static uint64_t map_user_page(uint64_t space, uintptr_t address, uint64_t rights)
{
    uint64_t phys = page_alloc();
    if (phys == 0)
        return 0;
    if (paging_map(space, address, phys, rights))
        return phys;
    page_free(phys);
    return 0;
}

static bool map_code(uint64_t space)
{
    uint64_t phys = map_user_page(space, USER_CODE, MAP_USER_CODE);
    if (phys != 0)
        memcpy(direct(phys), user_image_start, (size_t)(user_image_end - user_image_start));
    return phys != 0;
}

static bool map_data(uint64_t space, const struct process_start *start)
{
    uint64_t phys = map_user_page(space, USER_DATA, MAP_USER_DATA);
    if (phys == 0)
        return false;
    char *page = direct(phys);
    *(uint64_t *)(page + USER_NUMBER) = start->number;
    *(uint64_t *)(page + USER_PROGRAM) = start->program;
    *(uint64_t *)(page + USER_ROUNDS) = start->rounds;
    *(uint64_t *)(page + USER_TLS) = start->number;
    print_to(page + USER_TEXT, USER_TEXT_BYTES + 1, "# process %5lu runs in user mode\n",
             start->number);
    return true;
}

static bool map_area(uint64_t space, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        if (map_user_page(space, USER_AREA + i * PAGE_BYTES, MAP_USER_DATA) == 0)
            return false;
    return true;
}

static bool map_edge(uint64_t space, uint64_t program)
{
    bool has = program == USER_EDGE || program == USER_EDGE_ALONE;
    return !has || map_user_page(space, USER_LAST_PAGE, MAP_USER_DATA) != 0;
}

static bool fill_space(uint64_t space, const struct process_start *start)
{
    uint64_t area = start->program == USER_TOUCHER ? start->rounds : 0;
    return map_code(space) && map_data(space, start) && map_area(space, area) &&
           map_edge(space, start->program) &&
           map_user_page(space, USER_STACK_TOP - PAGE_BYTES, MAP_USER_DATA) != 0;
}

static bool make(struct process *process, const struct process_start *start,
                 bool (*make_thread)(struct thread *thread, const struct pv_regs *regs))
{
    uint64_t space = space_create();
    if (space == 0)
        return false;
    *process = (struct process){.space = space, .number = start->number};
    process->thread.space = space;
    process->thread.tls = USER_DATA + USER_TLS;
    process->thread.process = process;
    process->area_pages = start->program == USER_FAULTER ? start->rounds : 0;
    fpu_begin(&process->fpu);
    struct pv_regs regs = start->frame != NULL ? *start->frame : (struct pv_regs){0};
    regs.rip = regs.rip != 0 ? regs.rip : USER_CODE;
    regs.rsp = regs.rsp != 0 ? regs.rsp : USER_STACK_TOP;
    if (fill_space(space, start) && make_thread(&process->thread, &regs))
        return true;
    space_destroy(space);
    return false;
}

bool process_create(struct process *process, const struct process_start *start)
{
    return make(process, start, thread_create_user);
}

bool process_run_here(struct process *process, const struct process_start *start)
{
    if (!make(process, start, thread_make_user))
        return false;
    thread_run_here(&process->thread);
    space_destroy(process->space);
    return true;
}

void process_wait(struct process *process)
{
    thread_wait(&process->thread);
    space_destroy(process->space);
}

_Noreturn void process_exit(int64_t status)
{
    thread_current()->process->status = status;
    pv_irq_disable();
    fpu_release();
    thread_exit();
}

bool process_page_in(uint64_t address)
{
    const struct process *process = thread_current()->process;
    uint64_t page = address - address % PAGE_BYTES;
    if (address < USER_AREA || (address - USER_AREA) / PAGE_BYTES >= process->area_pages)
        return false;
    const struct pv_pte *entry = paging_entry(process->space, page, false);
    if (entry != NULL && pv_pte_get(entry).raw != 0)
        return false;
    pv_mmu_batch_begin();
    bool mapped = map_user_page(process->space, page, MAP_USER_DATA) != 0;
    pv_mmu_batch_end();
    return mapped;
}

_Noreturn void process_fault(const struct pv_regs *regs, uint64_t address)
{
    struct process *process = thread_current()->process;
    process->killed = true;
    process->fault_address = address;
    print("# process %lu: trap %lu at %lx, address %lx: ended\n", process->number, regs->vector,
          regs->rip, address);
    process_exit(USER_WRONG);
}

/* An address that faults: the process comes back at once on its own stack. */
void process_condemn(struct pv_regs *regs)
{
    regs->rip = USER_WILD_ADDRESS;
}
