/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The irq domain: whether this CPU takes interrupts, and how it ends one. See pvops/table.h.
 */

/** @brief Interrupts off on this CPU. Any context. */
PV_OP(HOT, SAVE, 9, V0, void, irq_disable, (void), ())

/**
 * @brief Interrupts on on this CPU; what is pending may be taken at once.
 *
 * To wait for an interrupt use pv_irq_enable_halt(): two calls would lose a wake-up between them.
 */
PV_OP(HOT, SAVE, 6, V0, void, irq_enable, (void), ())

/** @brief Interrupts off. @return the state before, for pv_irq_restore(). */
PV_OP(HOT, SAVE, 20, R0, struct pv_irqflags, irq_save, (void), ())

/**
 * @brief Interrupts on again if they were on when @p flags was saved; otherwise nothing.
 * @param flags  From pv_irq_save() or pv_irq_flags() on this CPU.
 *
 * Called with interrupts off: it never turns them off.
 */
PV_OP(HOT, SAVE, 7, V1, void, irq_restore, (struct pv_irqflags flags), (flags))

/** @brief The interrupt state. @return for pv_irq_restore() and pv_irqs_were_on(). */
PV_OP(HOT, SAVE, 11, R0, struct pv_irqflags, irq_flags, (void), ())

/**
 * @brief Interrupts on and wait for one, as a single step that loses no wake-up.
 *
 * Called with interrupts off, returns with interrupts on, after at least one interrupt or for no
 * reason. One op because `sti` shields exactly one following instruction (Intel SDM vol. 2, STI),
 * and because a VMM has a call of its own for it.
 */
PV_OP(HOT, SAVE, 6, V0, void, irq_enable_halt, (void), ())

/**
 * @brief Ends the interrupt in service on this CPU.
 *
 * Interrupts off, once for each interrupt that has a bit in service; not for spurious ones.
 */
PV_OP(HOT, SAVE, 15, V0, void, irq_eoi, (void), ())

/**
 * @brief Lets a line of the interrupt controllers reach a vector of this CPU.
 * @param gsi     Global system interrupt (ACPI 6.5, 5.2.13).
 * @param vector  Vector, from pv_irq_alloc().
 * @param flags   PV_IRQ_LEVEL, PV_IRQ_ACTIVE_LOW, or 0 for edge and active high.
 * @return PV_OK, PV_E_UNSUPPORTED without a controller or for a CPU that no device can name,
 *         PV_E_RANGE for a line that none has.
 */
PV_OP(COLD, CALL, 0, R3, int, irq_route, (uint32_t gsi, uint8_t vector, uint32_t flags),
      (gsi, vector, flags))

/**
 * @brief Masks or unmasks a line.
 * @param gsi     Global system interrupt.
 * @param masked  true: no more interrupts from it.
 * @return PV_OK, PV_E_UNSUPPORTED, PV_E_RANGE.
 */
PV_OP(COLD, CALL, 0, R2, int, irq_mask, (uint32_t gsi, bool masked), (gsi, masked))

/**
 * @brief What a device has to write to interrupt a CPU by itself (MSI, or an entry of MSI-X).
 * @param cpu      Number of a CPU that is up, this one included.
 * @param vector   Vector, from pv_irq_alloc(): 16 or more.
 * @param message  Filled on PV_OK: edge-triggered, for this CPU and no other.
 * @return PV_OK; PV_E_RANGE for a CPU that is not there or a vector that is none;
 *         PV_E_UNSUPPORTED without local APICs, for a CPU that no device can name, and on Xen PV,
 *         where Xen writes the message into the device (PHYSDEVOP_map_pirq) and it comes as an
 *         event.
 *
 * The address is that of Intel SDM vol. 3A, 11.11.1, with seven more bits of the identity in bits
 * 11 to 5 where the VMM takes them: `msi-ext-dest-id` (Linux,
 * Documentation/virt/kvm/x86/cpuid.rst) and `extended-destination` (Xen,
 * xen/include/public/arch-x86/cpuid.h). It is good until that CPU goes offline, whatever backend is
 * in force. After pv_init(); any CPU, interrupts on or off. Does not exit.
 */
PV_OP(COLD, CALL, 0, R3, int, irq_message,
      (uint32_t cpu, uint8_t vector, struct pv_irq_message *message), (cpu, vector, message))
