/* SPDX-License-Identifier: MIT */
/**
 * @file
 * @brief For the assembly of a kernel's trap entry and exit: what is different where a VMM makes
 * the frames.
 *
 * On bare hardware and under hardware virtualization the processor makes a trap's frame and takes
 * it apart. A Xen PV guest runs in ring 3: Xen makes the frame, has swapped %gs already, and is
 * asked to take it apart. The library enters the kernel's own trap stubs with a frame that looks
 * like the processor's (see pv_cpu_idt_load()), so two places differ:
 *
 * - `swapgs` at entry from and return to user mode: not for such a frame. It is recognised by its
 *   code selector, whose bit 15 is set; a kernel's own never is, unless its descriptor table is
 *   longer than 32 KiB. (xen/include/public/arch-x86/xen-x86_64.h: FLAT_RING3_CS64 is E033H.) As on
 *   hardware, the two lowest bits tell user code from the kernel.
 * - the last instruction: PV_RETURN_FROM_FRAME instead of `iretq`.
 */
#ifndef PVOPS_ENTRY_H
#define PVOPS_ENTRY_H

#include "pvops/config.h"

/** Set in the upper byte of the code selector of a frame that a VMM made. */
#define PV_FRAME_VIRTUAL 0x80

/**
 * In place of `iretq`: all registers as they are to be, rsp at the frame (rip, cs, rflags, rsp,
 * ss). Two instructions more than `iretq`, and none with -Dbind.
 */
#ifdef __ASSEMBLER__
#if PV_BOUND
#define PV_RETURN_FROM_FRAME iretq
#else
/* clang-format off */
#define PV_RETURN_FROM_FRAME          \
    testb $PV_FRAME_VIRTUAL, 9(%rsp); \
    jnz pv_frame_return;              \
    iretq
/* clang-format on */
#endif
#endif

#endif
