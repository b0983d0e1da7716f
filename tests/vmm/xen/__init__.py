# SPDX-License-Identifier: MIT
"""The Xen rigs: real Xen on a machine without hardware virtualization.

QEMU's emulation of an AMD processor, nested paging included, boots the distribution's Xen. Guests
run there as dom0, alone on the machine, or as domU beside a Linux dom0 with the real toolstack.
Everything comes from Debian packages that are unpacked below the build folder; nothing is
installed on the user's system.
"""
