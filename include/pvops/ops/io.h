/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief The io domain: ports and device registers. Not hot: a device access costs an exit anyway,
 * so these are plain calls through the table. See pvops/table.h.
 */

/** @brief Reads a byte from a port. @param port The port. @return the byte. */
PV_OP(COLD, CALL, 0, R1, uint8_t, io_in8, (uint16_t port), (port))
/** @brief Reads 16 bits from a port. @param port The port. @return the value. */
PV_OP(COLD, CALL, 0, R1, uint16_t, io_in16, (uint16_t port), (port))
/** @brief Reads 32 bits from a port. @param port The port. @return the value. */
PV_OP(COLD, CALL, 0, R1, uint32_t, io_in32, (uint16_t port), (port))
/** @brief Writes a byte to a port. @param port The port. @param value The byte. */
PV_OP(COLD, CALL, 0, V2, void, io_out8, (uint16_t port, uint8_t value), (port, value))
/** @brief Writes 16 bits to a port. @param port The port. @param value The value. */
PV_OP(COLD, CALL, 0, V2, void, io_out16, (uint16_t port, uint16_t value), (port, value))
/** @brief Writes 32 bits to a port. @param port The port. @param value The value. */
PV_OP(COLD, CALL, 0, V2, void, io_out32, (uint16_t port, uint32_t value), (port, value))

/**
 * @brief Reads a 32-bit device register.
 * @param address  Its mapped address, 4-byte aligned.
 * @return the value.
 */
PV_OP(COLD, CALL, 0, R1, uint32_t, mmio_read32, (const volatile void *address), (address))

/**
 * @brief Writes a 32-bit device register.
 * @param address  Its mapped address, 4-byte aligned.
 * @param value    The value.
 */
PV_OP(COLD, CALL, 0, V2, void, mmio_write32, (volatile void *address, uint32_t value),
      (address, value))
