/* SPDX-License-Identifier: MIT */
/*
 * Spin locks whose waiters halt instead of spinning for ever (PV_UNHALT: Linux, Documentation/virt/
 * kvm/x86/hypercalls.rst, KVM_HC_KICK_CPU). Who sleeps and who is kicked is in lib/asleep.c; a kick
 * that comes before the halt ends it at once.
 */
#include "backends/kvm/kvm.h"
#include "backends/kvm/hypercall.h"
#include "lib/lock.h"

/*
 * Interrupts as they are: with interrupts off a kick is all that ends the halt. So a CPU that is
 * not online yet, or no longer, spins: its identity may be unknown.
 */
PV_COLD static void halt_while(const uint8_t *byte, uint8_t marked)
{
    struct pv_irqflags flags = pv_irq_save_seldom();

    if (pv_this_cpu()->backend[PV_KVM_CAN_BE_KICKED] != 0 &&
        __atomic_load_n(byte, __ATOMIC_SEQ_CST) == marked) {
        if (pv_irqs_were_on(flags))
            pv_irq_enable_halt();
        else
            __asm__ volatile("hlt" ::: "memory");
    }
    pv_irq_restore(flags);
}

PV_COLD void pv_kvm_lock_wait(const uint8_t *byte, uint8_t value)
{
    pv_lock_wait_asleep(byte, value, halt_while);
}

PV_COLD void pv_kvm_lock_kick(uint32_t cpu)
{
    pv_kvm_hc_kick_cpu(pv_lock_cpus[cpu]->apic_id);
}
