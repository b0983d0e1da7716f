/* SPDX-License-Identifier: MIT */
/*
 * Every hot op but those of page tables: with the library, by hand, and the loop without either.
 *
 * Where an op is a routine and no instruction (clock, timer, inter-processor interrupt), the hand
 * calls the backend's routine directly, as a kernel written for that one machine would: through a
 * register, which is one instruction like a direct call, because its name is the library's own. And
 * like a direct call it goes behind the endbr64 that only indirect branches need.
 */
#include "loops.h"
#include "../cpu.h"
#include "../memory.h"
#include "../thread.h"
#include "../timer.h"

#define MSR_APIC_BASE  0x1bu
#define APIC_BASE_X2   (1u << 10)
#define APIC_EOI       0xb0
#define MSR_X2_EOI     "0x80b"
#define FAR_FUTURE     (1ull << 62)
#define SOME_USER_BASE 0x12345678000ull
#define STACK_SLOT     PV_CONFIG_CPU_OFFSET + PV_CPU_KERNEL_STACK_SLOT
#define STACK          thread_current()->stack
#define FLAGS_OFF      ((struct pv_irqflags){2})

static volatile uint32_t *eoi_register;
static uint8_t vector;
static bool x2apic;
static bool ipi_arrives;
static struct pv_spinlock lock = PV_SPINLOCK_FREE;
static uint8_t byte = 1;

#define ENDBR64       0xfa1e0ff3u
#define ENDBR64_BYTES 4

/* Where a direct call of a function goes. */
static uintptr_t direct_entry(uintptr_t function)
{
    uint32_t first;
    __builtin_memcpy(&first, (const void *)function, sizeof(first));
    return first == ENDBR64 ? function + ENDBR64_BYTES : function;
}

bool bench_ops_prepare(void)
{
    uint64_t base = 0;
    if (!bench_vector_take(&vector))
        return false;
    ipi_arrives = bench_vector_arrives(vector);
    if (!privileged())
        return true; /* nothing that needs the APIC's registers is measured */
    if (pv_cpu_msr_read(MSR_APIC_BASE, &base) != PV_OK)
        return false;
    x2apic = (base & APIC_BASE_X2) != 0;
    if (eoi_register == NULL && !x2apic)
        eoi_register = map_physical((base & PTE_ADDRESS) + APIC_EOI, 4, true);
    return x2apic || eoi_register != NULL;
}

void bench_ops_finish(void)
{
    pv_irq_free(vector);
}

static void take_pending(uint32_t turns)
{
    (void)turns;
    pv_irq_enable();
    pv_cpu_relax();
    pv_irq_disable();
}

static void interrupts_off(uint32_t turns)
{
    (void)turns;
    pv_irq_disable();
}

static void disarm(uint32_t turns)
{
    (void)turns;
    pv_timer_set(UINT64_MAX);
}

LOOP(empty, NOTHING, BARRIER)

LOOP(op_irq_disable, NOTHING, pv_irq_disable())
LOOP(raw_irq_disable, NOTHING, RAW_SAVE_0("cli"))
LOOP(op_irq_enable, NOTHING, pv_irq_enable())
LOOP(raw_irq_enable, NOTHING, RAW_SAVE_0("sti"))
LOOP(op_irq_save, NOTHING, pv_irq_save())
LOOP(raw_irq_save, NOTHING, RAW_SAVE_0("pushfq\n\tpop %%rax\n\tcli"))
LOOP(op_irq_restore, NOTHING, pv_irq_restore(FLAGS_OFF))
LOOP(raw_irq_restore, NOTHING, RAW_SAVE_1("bt $9, %%edi\n\tjnc 1f\n\tsti\n1:", 2ul))
LOOP(op_irq_flags, NOTHING, pv_irq_flags())
LOOP(raw_irq_flags, NOTHING, RAW_SAVE_0("pushfq\n\tpop %%rax"))

/* An emulator may deliver what is pending between `sti` and `hlt`, and nothing would end the halt
 * then: a timer does, long after all that is measured where none is lost. */
static void end_halt(void)
{
    timer_start(TIMER_ALARM, pv_clock_ns() + NS_PER_S, end_halt);
}

static uint8_t halting_vector(void)
{
    end_halt();
    return vector;
}

static void no_more_halts(uint32_t turns)
{
    timer_stop(TIMER_ALARM);
    take_pending(turns);
}

/* The halt ends by an interrupt that is pending already, and its handling is part of the figure. */
LOOP(op_irq_enable_halt, uint8_t v = halting_vector(), pv_smp_ipi(0, v); pv_irq_enable_halt();
     pv_irq_disable())
LOOP(raw_irq_enable_halt, uint8_t v = halting_vector(), pv_smp_ipi(0, v); RAW_SAVE_0("sti\n\thlt");
     pv_irq_disable())
LOOP(empty_irq_enable_halt, uint8_t v = halting_vector(), pv_smp_ipi(0, v); pv_irq_disable())

/* Nothing is in service: the end of an interrupt is a write without a consequence. */
LOOP(op_irq_eoi, NOTHING, pv_irq_eoi())
LOOP(raw_mmio_eoi, NOTHING, RAW_SAVE_1("mov (%%rdi), %%rax\n\tmovl $0, (%%rax)", &eoi_register))
LOOP(raw_x2apic_eoi, NOTHING,
     RAW_CALL_0("mov $" MSR_X2_EOI ", %%ecx\n\txor %%eax, %%eax\n\txor %%edx, %%edx\n\twrmsr", 0))

static void raw_irq_eoi(uint32_t turns)
{
    if (x2apic)
        raw_x2apic_eoi(turns);
    else
        raw_mmio_eoi(turns);
}

LOOP(op_cpu_relax, NOTHING, pv_cpu_relax())
LOOP(raw_cpu_relax, NOTHING, RAW_SAVE_0("pause"))
LOOP(op_cpu_kernel_stack_set, uint64_t top = STACK, pv_cpu_kernel_stack_set(top))
LOOP(raw_cpu_kernel_stack_set, uint64_t top = STACK,
     RAW_SAVE_1("mov %%gs:" PV_SITE_STRING(STACK_SLOT) ", %%rax\n\tmov %%rdi, (%%rax)", top))
LOOP(op_cpu_tls_set, NOTHING, pv_cpu_tls_set(SOME_USER_BASE))
LOOP(raw_cpu_tls_set, NOTHING,
     RAW_CALL_1("mov %%edi, %%eax\n\tmov %%rdi, %%rdx\n\tshr $32, %%rdx\n\t"
                "mov $0xc0000100, %%ecx\n\twrmsr",
                0, SOME_USER_BASE))

LOOP(op_cr2_read, NOTHING, pv_cr2_read())
LOOP(raw_cr2_read, NOTHING, RAW_SAVE_0("mov %%cr2, %%rax"))
LOOP(op_cr3_read, NOTHING, pv_cr3_read())
LOOP(raw_cr3_read, NOTHING, RAW_SAVE_0("mov %%cr3, %%rax"))
LOOP(op_cr3_write, uint64_t cr3 = kernel_space, pv_cr3_write(cr3))
LOOP(raw_cr3_write, uint64_t cr3 = kernel_space, RAW_SAVE_1("mov %%rdi, %%cr3", cr3))
LOOP(op_tlb_invlpg, NOTHING, pv_tlb_invlpg(SCRATCH_BASE))
LOOP(raw_tlb_invlpg, NOTHING, RAW_SAVE_1("invlpg (%%rdi)", SCRATCH_BASE))
LOOP(op_tlb_flush, NOTHING, pv_tlb_flush())
LOOP(raw_tlb_flush, NOTHING, RAW_SAVE_0("mov %%cr3, %%rax\n\tmov %%rax, %%cr3"))

LOOP(op_clock_ns, NOTHING, pv_clock_ns())
LOOP(raw_clock_ns, uintptr_t f = direct_entry((uintptr_t)pv_ops.clock_ns),
     RAW_CALL_0("call *%[f]", f))
LOOP(op_timer_set, NOTHING, pv_timer_set(FAR_FUTURE))
LOOP(raw_timer_set, uintptr_t f = direct_entry((uintptr_t)pv_ops.timer_set),
     RAW_CALL_1("call *%[f]", f, FAR_FUTURE))
LOOP(op_smp_ipi, uint8_t v = vector, pv_smp_ipi(0, v))
LOOP(raw_smp_ipi, uint8_t v = vector;
     uintptr_t f = direct_entry((uintptr_t)pv_ops.smp_ipi), RAW_CALL_2("call *%[f]", f, 0, v))
LOOP(op_vcpu_is_preempted, NOTHING, (void)pv_vcpu_is_preempted(0))
LOOP(raw_vcpu_is_preempted, NOTHING, RAW_SAVE_1("xor %%eax, %%eax", 0ul))

#define SET_LOCK(value) __atomic_store_n(&lock.locked, (value), __ATOMIC_RELAXED)

LOOP(op_lock_acquire, NOTHING, SET_LOCK(0); pv_lock_acquire(&lock))
LOOP(raw_lock_acquire, NOTHING, SET_LOCK(0); RAW_KEEP_1(
         "xor %%eax, %%eax\n\tmov $1, %%ecx\n\tlock cmpxchg %%ecx, (%%rdi)\n\tje 1f\n\tud2\n1:",
         &lock))
LOOP(empty_lock_acquire, NOTHING, SET_LOCK(0); BARRIER)
LOOP(op_lock_release, NOTHING, SET_LOCK(1); pv_lock_release(&lock))
LOOP(raw_lock_release, NOTHING, SET_LOCK(1); RAW_SAVE_1("movb $0, (%%rdi)", &lock))
LOOP(empty_lock_release, NOTHING, SET_LOCK(1); BARRIER)
LOOP(op_lock_wait, NOTHING, pv_lock_wait(&byte, 0))
LOOP(raw_lock_wait, NOTHING, RAW_CALL_2("pause", 0, &byte, 0))
LOOP(op_lock_kick, NOTHING, pv_lock_kick(0))
LOOP(raw_lock_kick, NOTHING, RAW_CALL_1("", 0, 0))

const struct op_bench op_benches[] = {
    {"irq_disable", op_irq_disable, raw_irq_disable, empty, NULL, RAW_NEEDS_RING0},
    {"irq_enable", op_irq_enable, raw_irq_enable, empty, interrupts_off, RAW_NEEDS_RING0},
    {"irq_save", op_irq_save, raw_irq_save, empty, NULL, RAW_NEEDS_RING0},
    {"irq_restore", op_irq_restore, raw_irq_restore, empty, NULL, RAW_NEEDS_RING0},
    {"irq_flags", op_irq_flags, raw_irq_flags, empty, NULL, RAW_NEEDS_RING0},
    {"irq_enable_halt", op_irq_enable_halt, raw_irq_enable_halt, empty_irq_enable_halt,
     no_more_halts, RAW_NEEDS_RING0},
    {"irq_eoi", op_irq_eoi, raw_irq_eoi, empty, NULL, RAW_NEEDS_RING0},
    {"cpu_relax", op_cpu_relax, raw_cpu_relax, empty, NULL, NEEDS_NOTHING},
    {"cpu_kernel_stack_set", op_cpu_kernel_stack_set, raw_cpu_kernel_stack_set, empty, NULL,
     RAW_NEEDS_RING0},
    {"cpu_tls_set", op_cpu_tls_set, raw_cpu_tls_set, empty, NULL, RAW_NEEDS_RING0},
    {"cr2_read", op_cr2_read, raw_cr2_read, empty, NULL, RAW_NEEDS_RING0},
    {"cr3_read", op_cr3_read, raw_cr3_read, empty, NULL, RAW_NEEDS_RING0},
    {"cr3_write", op_cr3_write, raw_cr3_write, empty, NULL, RAW_NEEDS_RING0},
    {"tlb_invlpg", op_tlb_invlpg, raw_tlb_invlpg, empty, NULL, RAW_NEEDS_RING0},
    {"tlb_flush", op_tlb_flush, raw_tlb_flush, empty, NULL, RAW_NEEDS_RING0},
    {"clock_ns", op_clock_ns, raw_clock_ns, empty, NULL, NEEDS_NOTHING},
    {"timer_set", op_timer_set, raw_timer_set, empty, disarm, NEEDS_NOTHING},
    {"smp_ipi", op_smp_ipi, raw_smp_ipi, empty, take_pending, NEEDS_NOTHING},
    {"vcpu_is_preempted", op_vcpu_is_preempted, raw_vcpu_is_preempted, empty, NULL, NEEDS_NOTHING},
    {"lock_acquire", op_lock_acquire, raw_lock_acquire, empty_lock_acquire, NULL, NEEDS_NOTHING},
    {"lock_release", op_lock_release, raw_lock_release, empty_lock_release, NULL, NEEDS_NOTHING},
    {"lock_wait", op_lock_wait, raw_lock_wait, empty, NULL, NEEDS_NOTHING},
    {"lock_kick", op_lock_kick, raw_lock_kick, empty, NULL, NEEDS_NOTHING},
};

const unsigned op_bench_count = sizeof(op_benches) / sizeof(op_benches[0]);

bool bench_op_steps(const struct op_bench *of)
{
    return of->op != op_irq_enable_halt;
}

bool bench_op_possible(const struct op_bench *of)
{
    return of->op != op_irq_enable_halt || ipi_arrives;
}
