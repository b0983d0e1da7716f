/* SPDX-License-Identifier: MIT */
/*
 * The least a kernel does to run on pvops: it takes the doors, says where it is, lets the timer
 * tick ten times, and switches the machine off. It lives on the page tables and the stack of the
 * door.
 */
#include <pvops/pvops.h>

#define TICK_NS      10000000u
#define SAY(...)     say((const char *const[]){__VA_ARGS__, "\n", NULL})
#define GIVE_UP(...) (SAY("minimal: ", __VA_ARGS__), pv_cpu_power_off(1))

extern char stubs[], pv_text_start[], pv_text_end[], pv_image_start[], pv_image_end[];
extern char pv_kernel_base[];
static struct pv_boot_info boot;
static struct {
    char unused[PV_CONFIG_CPU_OFFSET];
    struct pv_cpu pv;
} cpu0 __attribute__((aligned(64)));
static uint64_t idt[256][2];
static volatile unsigned ticks;

static void say(const char *const *texts)
{
    for (; *texts != NULL; texts++)
        for (const char *text = *texts; *text != '\0'; text++)
            if (pv_console_write(text, 1) != PV_OK) /* the VMM has none: there is COM1 */
                pv_io_out8(0x3f8, (uint8_t)*text);
}

static const char *hex(uint64_t number)
{
    static char digits[17];
    for (unsigned i = 16; i-- != 0; number >>= 4)
        digits[i] = "0123456789abcdef"[number & 15];
    return digits;
}

static void log_line(const char *line)
{
    SAY("pvops: ", line);
}

static uint64_t physical(const volatile void *address)
{
    return (uintptr_t)address - (uintptr_t)pv_kernel_base;
}

/* The door's tables have the devices below 4 GiB too, uncached. */
static void *map(uint64_t phys, size_t bytes, bool device)
{
    (void)device;
    return pv_door_phys_to_virt(phys + bytes) != NULL ? pv_door_phys_to_virt(phys) : NULL;
}

static void tick(struct pv_regs *regs)
{
    (void)regs;
    if (++ticks < 10)
        pv_timer_set(pv_clock_ns() + TICK_NS);
}

void trap(struct pv_regs *regs)
{
    if (!pv_trap((unsigned)regs->vector, regs) && regs->vector != 255)
        GIVE_UP("trap ", hex(regs->vector));
}

static const struct pv_platform platform = {
    .log = log_line,
    .text_start = (uintptr_t)pv_text_start,
    .text_end = (uintptr_t)pv_text_end,
    .virt_to_phys = physical,
    .map_physical = map,
    .timer = tick,
    .vector_first = 48,
    .vector_last = 254,
};

void pv_start(enum pv_door door, uint64_t info)
{
    struct pv_error error;
    struct pv_facts facts;
    uint64_t gs = (uintptr_t)&cpu0;
    pv_cpu_setup(&cpu0.pv, 0);
    __asm__ volatile("wrmsr" ::"c"(0xc0000101), "a"((uint32_t)gs), "d"((uint32_t)(gs >> 32)));

    int told = pv_boot_from(door, info, pv_door_phys_to_virt, &boot);
    pv_boot_reserve_image(&boot, physical(pv_image_start),
                          (uint64_t)(pv_image_end - pv_image_start));
    if (pv_early_init(&platform, &boot, &error) != PV_OK)
        return; /* nothing works yet, not even the console */
    for (unsigned i = 0; i < boot.complaints_used; i++)
        SAY("boot: ", boot.complaints[i].what, ": ", hex(boot.complaints[i].where));
    for (unsigned i = 0; i < 256; i++) { /* interrupt gates: Intel SDM vol. 3A, 6.14.1 */
        uintptr_t stub = (uintptr_t)&stubs[16 * i];
        idt[i][0] = (stub & 0xffff) | 8 << 16 | 0x8eull << 40 | (stub >> 16 & 0xffff) << 48;
        idt[i][1] = stub >> 32;
    }
    pv_cpu_idt_load(idt, sizeof(idt));
    if (told != PV_OK || pv_init(&error) != PV_OK)
        GIVE_UP(told != PV_OK ? "the loader left nothing" : error.what);

    pv_facts(&facts);
    SAY("hello: door ", facts.door, ", VMM ", facts.vmm, ", backend ", facts.backend, ", clock ",
        facts.clock, ", command line: ", boot.cmdline);
    if (pv_clock_ns() == 0)
        GIVE_UP("nothing to tick by");
    pv_timer_set(pv_clock_ns() + TICK_NS);
    while (ticks < 10) {
        pv_irq_enable_halt();
        pv_irq_disable();
    }
    SAY("ticked ten times");
    pv_cpu_power_off(0);
}
