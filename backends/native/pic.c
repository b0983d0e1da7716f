/* SPDX-License-Identifier: MIT */
/*
 * The two 8259 interrupt controllers: moved away from the exception vectors and masked for good.
 * Intel 8259A data sheet (231468), "Programming the 8259A". Writes to absent ones do nothing.
 */
#include "backends/native/native.h"
#include "backends/native/port.h"

#define MASTER_COMMAND 0x20
#define MASTER_DATA    0x21
#define SLAVE_COMMAND  0xa0
#define SLAVE_DATA     0xa1

#define ICW1_EDGE_CASCADE_ICW4 0x11
#define ICW3_SLAVE_ON_LINE_2   0x04
#define ICW3_SLAVE_IDENTITY    0x02
#define ICW4_8086              0x01

/* Spurious interrupts come at the seventh line's vector even when masked: not an exception's. */
#define MASTER_VECTOR 0x20
#define SLAVE_VECTOR  0x28

PV_COLD void pv_native_pic_disable(void)
{
    port_out8(MASTER_DATA, 0xff);
    port_out8(SLAVE_DATA, 0xff);

    port_out8(MASTER_COMMAND, ICW1_EDGE_CASCADE_ICW4);
    port_out8(MASTER_DATA, MASTER_VECTOR);
    port_out8(MASTER_DATA, ICW3_SLAVE_ON_LINE_2);
    port_out8(MASTER_DATA, ICW4_8086);

    port_out8(SLAVE_COMMAND, ICW1_EDGE_CASCADE_ICW4);
    port_out8(SLAVE_DATA, SLAVE_VECTOR);
    port_out8(SLAVE_DATA, ICW3_SLAVE_IDENTITY);
    port_out8(SLAVE_DATA, ICW4_8086);

    /* The initialisation clears the masks. */
    port_out8(MASTER_DATA, 0xff);
    port_out8(SLAVE_DATA, 0xff);
}
