/* SPDX-License-Identifier: MIT */
/*
 * What the readers of all doors share. All of a loader's data may be hostile: each byte is copied
 * once, then checked, then used, and nothing in the result points into the loader's memory. An
 * entry that makes no sense is left out, counted and named.
 */
#include "lib/boot/intake.h"

/* Complaints of one sentence, so that a flood of one kind does not hide the others. */
#define SAME_COMPLAINTS 4u

#define KIB            0x400ull
#define UPPER_AT       0x100000ull
#define MOST_LOWER_KIB 640u

static uint64_t rest_of_page(uint64_t phys)
{
    return PV_PAGE_BYTES - phys % PV_PAGE_BYTES;
}

/* Volatile, so that the compiler reads each byte once and never goes back for it. */
static void copy_within_page(char *to, const volatile char *from, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++)
        to[i] = from[i];
}

/* Page by page, since what follows a page physically need not follow it in the kernel's mapping. */
bool pv_intake_copy(void *to, uint64_t phys, uint64_t bytes, pv_phys_to_virt_fn phys_to_virt)
{
    if (phys == 0 || phys >= PV_FOUR_GIB || bytes > PV_FOUR_GIB - phys)
        return false;
    char *out = to;
    while (bytes != 0) {
        uint64_t now = rest_of_page(phys) < bytes ? rest_of_page(phys) : bytes;
        const volatile char *from = phys_to_virt(phys);
        if (from == NULL)
            return false;
        copy_within_page(out, from, now);
        out += now;
        phys += now;
        bytes -= now;
    }
    return true;
}

bool pv_intake_string(char *to, uint32_t size, uint64_t phys, uint64_t limit,
                      pv_phys_to_virt_fn phys_to_virt)
{
    uint32_t used = 0;
    bool whole = false;
    while (used < limit && pv_intake_copy(&to[used], phys + used, 1, phys_to_virt)) {
        whole = to[used] == '\0';
        if (whole || used == size - 1)
            break;
        used++;
    }
    to[used] = '\0';
    return whole;
}

void pv_intake_begin(struct pv_boot_info *boot, enum pv_door door)
{
    boot->door = door;
    boot->ranges_used = 0;
    boot->modules_used = 0;
    boot->dropped = 0;
    boot->rsdp = 0;
    boot->xen_pv = (struct pv_boot_xen_pv){0};
    boot->cmdline[0] = '\0';
    boot->complaints_used = 0;
    boot->complaints_lost = 0;
}

static uint32_t add_saturated(uint32_t a, uint64_t b)
{
    return b > UINT32_MAX - a ? UINT32_MAX : a + (uint32_t)b;
}

void pv_intake_complain(struct pv_boot_info *boot, const char *what, uint64_t where)
{
    uint32_t same = 0;
    for (uint32_t i = 0; i < boot->complaints_used; i++)
        same += boot->complaints[i].what == what;
    if (same == SAME_COMPLAINTS || boot->complaints_used == PV_BOOT_COMPLAINTS) {
        boot->complaints_lost = add_saturated(boot->complaints_lost, 1);
        return;
    }
    struct pv_boot_complaint *complaint = &boot->complaints[boot->complaints_used++];
    complaint->what = what;
    complaint->where = where;
}

void pv_intake_drop(struct pv_boot_info *boot, const char *why, uint64_t where)
{
    boot->dropped = add_saturated(boot->dropped, 1);
    pv_intake_complain(boot, why, where);
}

void pv_intake_drop_many(struct pv_boot_info *boot, uint64_t count, const char *why)
{
    if (count == 0)
        return;
    boot->dropped = add_saturated(boot->dropped, count);
    pv_intake_complain(boot, why, count);
}

static bool loaders_know(uint32_t type)
{
    return type >= PV_MEMORY_RAM && type <= PV_MEMORY_BAD;
}

static bool is_known(uint32_t type)
{
    return loaders_know(type) || (type >= PV_MEMORY_KERNEL && type <= PV_MEMORY_TABLES);
}

void pv_intake_range(struct pv_boot_info *boot, uint64_t start, uint64_t bytes, uint32_t type)
{
    pv_intake_own_range(boot, start, bytes, loaders_know(type) ? type : PV_MEMORY_RESERVED);
}

void pv_intake_own_range(struct pv_boot_info *boot, uint64_t start, uint64_t bytes, uint32_t type)
{
    if (bytes == 0) {
        pv_intake_drop(boot, "A range of the memory map is empty", start);
        return;
    }
    if (start >= PV_PHYSICAL_END) {
        pv_intake_drop(boot, "A range of the memory map begins beyond 52 bits", start);
        return;
    }
    bool overflows = bytes - 1 > UINT64_MAX - start;
    if (overflows && type == PV_MEMORY_RAM) {
        pv_intake_drop(boot, "A range of RAM runs over the end of the address space", start);
        return;
    }
    /* One that is not RAM is believed as far as it goes: to forget it were the bolder choice. */
    if (bytes > PV_PHYSICAL_END - start) {
        pv_intake_complain(boot, "A range of the memory map is cut at 52 bits", start);
        bytes = PV_PHYSICAL_END - start;
    }
    pv_map_add(boot, start, start + bytes, is_known(type) ? type : PV_MEMORY_RESERVED);
}

void pv_intake_sizes(struct pv_boot_info *boot, uint32_t lower_kib, uint32_t upper_kib)
{
    pv_intake_complain(boot, "The loader told the size of memory only, and no map", upper_kib);
    uint32_t lower = lower_kib < MOST_LOWER_KIB ? lower_kib : MOST_LOWER_KIB;
    pv_map_add(boot, 0, lower * KIB, PV_MEMORY_RAM);
    pv_map_add(boot, UPPER_AT, UPPER_AT + upper_kib * KIB, PV_MEMORY_RAM);
}

void pv_intake_module(struct pv_boot_info *boot, uint64_t start, uint64_t bytes, uint64_t text,
                      uint64_t limit, pv_phys_to_virt_fn phys_to_virt)
{
    if (bytes == 0 || start == 0) {
        pv_intake_drop(boot, "A module is empty or lies at address 0", start);
        return;
    }
    if (start >= PV_PHYSICAL_END || bytes > PV_PHYSICAL_END - start) {
        pv_intake_drop(boot, "A module reaches beyond 52 bits", start);
        return;
    }
    if (boot->modules_used == PV_BOOT_MODULES) {
        pv_intake_drop(boot, "There are too many modules", start);
        return;
    }
    struct pv_boot_module *module = &boot->modules[boot->modules_used++];
    module->start = start;
    module->bytes = bytes;
    module->text[0] = '\0';
    if (text != 0 &&
        !pv_intake_string(module->text, sizeof(module->text), text, limit, phys_to_virt))
        pv_intake_complain(boot, "The text of a module is too long or has no end, and is cut",
                           text);
}

void pv_intake_cmdline(struct pv_boot_info *boot, uint64_t phys, uint64_t limit,
                       pv_phys_to_virt_fn phys_to_virt)
{
    if (phys != 0 &&
        !pv_intake_string(boot->cmdline, sizeof(boot->cmdline), phys, limit, phys_to_virt))
        pv_intake_complain(boot, "The command line is too long or has no end, and is cut", phys);
}

static void copy_module(struct pv_boot_module *to, const struct pv_boot_module *from)
{
    to->start = from->start;
    to->bytes = from->bytes;
    for (uint32_t i = 0; i < PV_BOOT_MODULE_TEXT; i++)
        to->text[i] = from->text[i];
}

static bool overlap(const struct pv_boot_module *module, uint64_t start, uint64_t bytes)
{
    return module->start < start + bytes && start < module->start + module->bytes;
}

static bool over_another(const struct pv_boot_info *boot, const struct pv_boot_module *module,
                         uint32_t others)
{
    for (uint32_t i = 0; i < others; i++)
        if (overlap(&boot->modules[i], module->start, module->bytes))
            return true;
    return false;
}

/* Without any map nothing can be said against a module. */
static const char *refusal(const struct pv_boot_info *boot, const struct pv_boot_module *module,
                           uint32_t kept)
{
    if (boot->ranges_used != 0 &&
        !pv_map_is_ram(boot, module->start, module->start + module->bytes))
        return "A module does not lie in RAM";
    if (over_another(boot, module, kept))
        return "A module lies over another";
    return NULL;
}

void pv_intake_check_modules(struct pv_boot_info *boot)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < boot->modules_used; i++) {
        const char *why = refusal(boot, &boot->modules[i], kept);
        if (why != NULL)
            pv_intake_drop(boot, why, boot->modules[i].start);
        else
            copy_module(&boot->modules[kept++], &boot->modules[i]);
    }
    boot->modules_used = kept;
}

static void take_pages(struct pv_boot_info *boot, uint64_t start, uint64_t bytes,
                       enum pv_memory_type type)
{
    uint64_t end = start + bytes;
    pv_map_take_from_ram(boot, start & ~(PV_PAGE_BYTES - 1),
                         (end + PV_PAGE_BYTES - 1) & ~(PV_PAGE_BYTES - 1), type);
}

void pv_intake_finish(struct pv_boot_info *boot, struct pv_rsdp_hint rsdp,
                      pv_phys_to_virt_fn phys_to_virt)
{
    if (boot->ranges_used == 0)
        pv_intake_complain(boot, "The loader told no memory map", 0);
    pv_intake_check_modules(boot);
    boot->rsdp = pv_rsdp_find(boot, rsdp.phys, phys_to_virt);
    if (boot->rsdp != 0 && boot->rsdp == rsdp.phys && rsdp.keep_bytes)
        take_pages(boot, boot->rsdp, PV_RSDP_LONGEST, PV_MEMORY_ACPI);
}

int pv_boot_reserve_image(struct pv_boot_info *boot, uint64_t start, uint64_t bytes)
{
    int status = pv_boot_reserve(boot, start, bytes, PV_MEMORY_KERNEL);
    if (status != 0)
        return status;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < boot->modules_used; i++) {
        if (overlap(&boot->modules[i], start, bytes))
            pv_intake_drop(boot, "A module lies over the kernel", boot->modules[i].start);
        else
            copy_module(&boot->modules[kept++], &boot->modules[i]);
    }
    boot->modules_used = kept;
    return status;
}

void pv_boot_reserve_modules(struct pv_boot_info *boot)
{
    for (uint32_t i = 0; i < boot->modules_used; i++)
        take_pages(boot, boot->modules[i].start, boot->modules[i].bytes, PV_MEMORY_MODULE);
}
