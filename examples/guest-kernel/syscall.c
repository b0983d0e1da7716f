/* SPDX-License-Identifier: MIT */
/*
 * System calls. The numbers are in user.h, the entry in trap_entry.S.
 */
#include "console.h"
#include "cpu.h"
#include "memory.h"
#include "process.h"
#include "string.h"

#define WRITE_MOST 128u

void syscall_handle(struct pv_regs *regs);

/* By the page tables and not by the address itself: nothing here can fault. */
static bool copy_from_user(char *to, uint64_t from, uint64_t bytes)
{
    uint64_t space = thread_current()->space;
    for (uint64_t i = 0; i < bytes; i++) {
        const struct pv_pte *entry =
            from + i < USER_END ? paging_entry(space, from + i, false) : NULL;
        uint64_t value = entry != NULL ? pv_pte_get(entry).raw : 0;
        if ((~value & (PTE_PRESENT | PTE_USER)) != 0)
            return false;
        to[i] = *(const char *)direct((value & PTE_ADDRESS) | ((from + i) % PAGE_BYTES));
    }
    return true;
}

static uint64_t sys_write(uint64_t address, uint64_t bytes)
{
    char text[WRITE_MOST];
    if (address >= USER_END || bytes > sizeof(text) || !copy_from_user(text, address, bytes))
        return UINT64_MAX;
    preempt_off();
    console_write(text, bytes);
    thread_preempt_on();
    return bytes;
}

/* Interrupts are off at entry, and at return too. */
__attribute__((used)) void syscall_handle(struct pv_regs *regs)
{
    pv_irq_enable();
    thread_current()->process->system_calls++;
    switch (regs->rax) {
    case SYS_EXIT:
        thread_current()->process->entry_stack = (uintptr_t)(regs + 1);
        process_exit((int64_t)regs->rdi);
    case SYS_WRITE:
        regs->rax = sys_write(regs->rdi, regs->rsi);
        break;
    case SYS_YIELD:
        thread_yield();
        regs->rax = 0;
        break;
    case SYS_NOTHING:
        regs->rax = 0;
        break;
    default:
        regs->rax = UINT64_MAX;
        break;
    }
    pv_irq_disable();
}
