# SPDX-License-Identifier: MIT
"""The nested-KVM rig: real KVM on a machine that has none.

QEMU's emulation of an AMD processor boots a Debian kernel with kvm-amd (L1), and that kernel's KVM
runs the guest under test (L2). Everything it needs comes from Debian packages that are unpacked
below the build folder; nothing is installed on the user's system.
"""
